# A function that EventBridge Scheduler calls by the clock.
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
variable "scheduler_role_arn" { type = string }
variable "expression" { type = string }
variable "timezone" { type = string }
variable "input" { type = map(string) }

module "function" {
  source = "../lambda_simple_package"

  name        = var.name
  description = var.description
  handler     = var.handler
  runtime     = var.runtime
  package     = var.package
  layer_arns  = var.layer_arns
  role_arn    = var.role_arn
  settings    = var.settings
  environment = var.environment
  memory_mb   = var.memory_mb
}

resource "aws_scheduler_schedule" "this" {
  name                         = var.name
  description                  = var.description
  schedule_expression          = var.expression
  schedule_expression_timezone = var.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.function.function_arn
    role_arn = var.scheduler_role_arn
    input    = replace(replace(jsonencode(var.input), "\\u003c", "<"), "\\u003e", ">") # jsonencode writes < and > as escapes

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }
}

output "function_name" {
  value = module.function.function_name
}
