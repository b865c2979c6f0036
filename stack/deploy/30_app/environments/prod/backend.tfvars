bucket         = "practice-prod-tfstate"
key            = "30_app/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-prod-tflock"
encrypt        = true
