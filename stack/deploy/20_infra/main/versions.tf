terraform {
  required_version = ">= 1.11" # write-only arguments (secret values never enter the state)

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # Filled in from environments/<env>/backend.tfvars.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}
