bucket         = "practice-dev-tfstate"
key            = "10_core/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-dev-tflock"
encrypt        = true
