bucket         = "practice-stage-tfstate"
key            = "10_core/terraform.tfstate"
region         = "eu-west-1"
dynamodb_table = "practice-stage-tflock"
encrypt        = false # the backend would say AES256; left to the bucket, it is the key of the environment if there is one
