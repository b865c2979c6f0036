# URLs and provisioned environments of a function and of its alias: applied, planned again (nothing may differ), changed, destroyed.
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

variable "auth" { default = "NONE" }
variable "origins" { default = "[]" }
variable "code" { default = "code.zip" }

resource "aws_iam_role" "url" {
  name = "terraform-url"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "url" {
  function_name = "terraform-url"
  role          = aws_iam_role.url.arn
  runtime       = "python3.13"
  handler       = "app.handler"
  filename      = var.code
  publish       = true
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.url.function_name
  function_version = aws_lambda_function.url.version
}

resource "aws_lambda_function_url" "own" {
  function_name      = aws_lambda_function.url.function_name
  authorization_type = var.auth
  dynamic "cors" {
    for_each = length(jsondecode(var.origins)) > 0 ? [jsondecode(var.origins)] : []
    content {
      allow_origins = cors.value
      allow_methods = ["GET", "POST"]
      max_age       = 60
    }
  }
}

resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.url.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"
  invoke_mode        = "BUFFERED"
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_alias.live.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = 1
}

resource "aws_lambda_runtime_management_config" "url" {
  function_name     = aws_lambda_function.url.function_name
  update_runtime_on = "Auto"
}

resource "aws_lambda_permission" "url" {
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.url.function_name
  qualifier              = aws_lambda_alias.live.name
  principal              = "*"
  function_url_auth_type = "NONE"
}

resource "aws_lambda_permission" "function" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.url.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "*"
}

output "url" { value = aws_lambda_function_url.live.function_url }
