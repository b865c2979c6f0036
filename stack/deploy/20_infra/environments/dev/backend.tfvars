bucket         = "practice-dev-tfstate"
key            = "20_infra/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-dev-tflock"
encrypt        = true
