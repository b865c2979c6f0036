# What a stack does with keys and secrets: applied, planned again (nothing may differ), destroyed.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}

variable "value" { default = "one" }

resource "aws_kms_key" "own" {
  description             = "for secrets"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "all", Effect = "Allow", Principal = { AWS = "arn:aws:iam::000000000000:root" }, Action = "kms:*", Resource = "*" }]
  })
  tags = { Environment = "dev" }
}

resource "aws_kms_alias" "own" {
  name          = "alias/terraform-own"
  target_key_id = aws_kms_key.own.key_id
}

resource "aws_kms_key" "mac" {
  customer_master_key_spec = "HMAC_256"
  key_usage                = "GENERATE_VERIFY_MAC"
}

resource "aws_secretsmanager_secret" "one" {
  name                    = "/practice/dev/terraform"
  description             = "a secret"
  kms_key_id              = aws_kms_key.own.arn
  recovery_window_in_days = 0
  tags                    = { Environment = "dev" }
}

resource "aws_secretsmanager_secret_version" "one" {
  secret_id     = aws_secretsmanager_secret.one.id
  secret_string = jsonencode({ api_key = var.value })
}

resource "aws_secretsmanager_secret_policy" "one" {
  secret_arn = aws_secretsmanager_secret.one.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid = "read", Effect = "Allow", Principal = { AWS = "arn:aws:iam::000000000000:root" }, Action = "secretsmanager:GetSecretValue", Resource = "*"
    }]
  })
}

resource "aws_secretsmanager_secret" "plain" {
  name                    = "/practice/dev/terraform-plain"
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret" "replicated" {
  name                    = "/practice/dev/terraform-replicated"
  recovery_window_in_days = 0

  replica { region = "eu-west-1" }
  replica { region = "eu-central-1" }
}

resource "aws_secretsmanager_secret_version" "replicated" {
  secret_id     = aws_secretsmanager_secret.replicated.id
  secret_string = var.value
}

data "aws_secretsmanager_secret" "one" {
  name       = aws_secretsmanager_secret.one.name
  depends_on = [aws_secretsmanager_secret_policy.one]
}

data "aws_secretsmanager_secret_version" "one" {
  secret_id  = aws_secretsmanager_secret.one.id
  depends_on = [aws_secretsmanager_secret_version.one]
}

data "aws_secretsmanager_secrets" "all" {
  filter {
    name   = "name"
    values = ["/practice/dev/"]
  }
  depends_on = [aws_secretsmanager_secret.one, aws_secretsmanager_secret.plain, aws_secretsmanager_secret.replicated]
}

data "aws_secretsmanager_random_password" "made" {
  password_length     = 20
  exclude_punctuation = true
}

data "aws_kms_key" "s3" { key_id = "alias/aws/s3" }

data "aws_kms_alias" "own" {
  name       = aws_kms_alias.own.name
  depends_on = [aws_kms_alias.own]
}

output "value" {
  value     = data.aws_secretsmanager_secret_version.one.secret_string
  sensitive = true
}
output "names" { value = sort(data.aws_secretsmanager_secrets.all.names) }
output "password_length" { value = nonsensitive(length(data.aws_secretsmanager_random_password.made.random_password)) }
output "s3_manager" { value = data.aws_kms_key.s3.key_manager }
output "alias_is_own" { value = data.aws_kms_alias.own.target_key_arn == aws_kms_key.own.arn }
