# A function that works off a queue. What it reports as failed comes again, the rest of the batch does not.
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
variable "queue" { type = object({ arn = string, visibility_timeout_seconds = number }) }
variable "batch_size" { type = number }
variable "concurrency" { type = number }
variable "batching_window_seconds" {
  type    = number
  default = 0
}
variable "timeout_seconds" {
  type    = number
  default = 10
}

module "function" {
  source = "../lambda_simple_package"

  name            = var.name
  description     = var.description
  handler         = var.handler
  runtime         = var.runtime
  package         = var.package
  layer_arns      = var.layer_arns
  role_arn        = var.role_arn
  settings        = var.settings
  environment     = var.environment
  memory_mb       = var.memory_mb
  timeout_seconds = var.timeout_seconds
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn                   = var.queue.arn
  function_name                      = module.function.function_arn
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.concurrency
  }

  lifecycle {
    precondition {
      condition     = var.queue.visibility_timeout_seconds >= var.timeout_seconds
      error_message = "A message must stay hidden at least as long as the worker may take (${var.timeout_seconds} s)."
    }
  }
}

output "function_name" {
  value = module.function.function_name
}
