# Rotates the API key, as often as said. Secrets Manager alone may call the function, for that secret alone.
variable "prefix" { type = string }
variable "account_id" { type = string }
variable "runtime" { type = string }
variable "packages" { type = map(object({ file = string, zip_bytes = number, unpacked_bytes = number })) }
variable "layer_arns" { type = list(string) }
variable "role_arn" { type = string }
variable "settings" {
  type = object({
    environment        = map(string)
    log_retention_days = number
    kms_key_arn        = string
    tracing            = bool
  })
}
variable "secret_arn" { type = string }
variable "period_days" { type = number }

module "function" {
  source = "../../../components/lambda_simple_package"

  name        = "${var.prefix}-rotation"
  description = "Rotates the API key."
  handler     = "rotation.lambda_handler"
  runtime     = var.runtime
  package     = var.packages["rotation"]
  layer_arns  = var.layer_arns
  role_arn    = var.role_arn
  settings    = var.settings
}

resource "aws_lambda_permission" "secretsmanager" {
  statement_id   = "secretsmanager"
  action         = "lambda:InvokeFunction"
  function_name  = module.function.function_name
  principal      = "secretsmanager.amazonaws.com"
  source_arn     = var.secret_arn
  source_account = var.account_id
}

resource "aws_secretsmanager_secret_rotation" "api_key" {
  secret_id           = var.secret_arn
  rotation_lambda_arn = module.function.function_arn
  rotate_immediately  = false # a deployment changes no key

  rotation_rules {
    automatically_after_days = var.period_days
  }

  depends_on = [aws_lambda_permission.secretsmanager]
}

output "function_name" {
  value = module.function.function_name
}
