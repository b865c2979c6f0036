bucket         = "practice-stage-tfstate"
key            = "30_app/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-stage-tflock"
encrypt        = true
