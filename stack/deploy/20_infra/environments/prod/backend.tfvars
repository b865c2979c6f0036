bucket         = "practice-prod-tfstate"
key            = "20_infra/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-prod-tflock"
encrypt        = true
