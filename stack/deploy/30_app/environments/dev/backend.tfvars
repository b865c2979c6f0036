bucket         = "practice-dev-tfstate"
key            = "30_app/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-dev-tflock"
encrypt        = true
