bucket         = "practice-prod-tfstate"
key            = "10_core/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-prod-tflock"
encrypt        = true
