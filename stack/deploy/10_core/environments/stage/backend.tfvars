bucket         = "practice-stage-tfstate"
key            = "10_core/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-stage-tflock"
encrypt        = true
