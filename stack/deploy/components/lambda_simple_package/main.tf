# A function from a built archive, and its log group. The other components stand on this one.
variable "name" { type = string }
variable "description" { type = string }
variable "handler" { type = string }
variable "runtime" { type = string }
variable "package" { type = object({ file = string, zip_bytes = number, unpacked_bytes = number }) }
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
variable "environment" {
  type    = map(string)
  default = {}
}
variable "memory_mb" {
  type    = number
  default = 512
}
variable "timeout_seconds" {
  type    = number
  default = 10
}

locals {
  zip_bytes_max      = 50 * 1024 * 1024
  unpacked_bytes_max = 250 * 1024 * 1024
}

# Made here and not by the function's first line, so that it has a retention and goes with the function.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.settings.log_retention_days
  kms_key_id        = var.settings.kms_key_arn
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  description      = var.description
  role             = var.role_arn
  runtime          = var.runtime
  architectures    = ["x86_64"]
  handler          = var.handler
  filename         = var.package.file
  source_code_hash = filebase64sha256(var.package.file)
  layers           = var.layer_arns
  memory_size      = var.memory_mb
  timeout          = var.timeout_seconds
  kms_key_arn      = var.settings.kms_key_arn # of the environment's variables

  environment {
    variables = merge(var.settings.environment, var.environment)
  }

  tracing_config {
    mode = var.settings.tracing ? "Active" : "PassThrough"
  }

  lifecycle {
    precondition {
      condition     = var.package.zip_bytes <= local.zip_bytes_max
      error_message = "${var.package.file} has ${var.package.zip_bytes} bytes; Lambda takes ${local.zip_bytes_max}."
    }

    precondition {
      condition     = var.package.unpacked_bytes <= local.unpacked_bytes_max
      error_message = "${var.name} with its layers unpacks to ${var.package.unpacked_bytes} bytes; Lambda takes ${local.unpacked_bytes_max}."
    }
  }

  depends_on = [aws_cloudwatch_log_group.this]
}

output "function_name" {
  value = aws_lambda_function.this.function_name
}

output "function_arn" {
  value = aws_lambda_function.this.arn
}

output "invoke_arn" {
  value = aws_lambda_function.this.invoke_arn
}
