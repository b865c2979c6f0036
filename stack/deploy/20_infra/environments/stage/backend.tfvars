bucket         = "practice-stage-tfstate"
key            = "20_infra/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-stage-tflock"
encrypt        = true
