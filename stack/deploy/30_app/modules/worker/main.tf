# Works off the queue and writes events.
variable "prefix" { type = string }
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
variable "queue" { type = object({ arn = string, visibility_timeout_seconds = number }) }
variable "tables" { type = map(object({ name = string, arn = string })) }
variable "event_ttl_days" { type = number }
variable "batch_size" { type = number }
variable "concurrency" { type = number }

module "function" {
  source = "../../../components/lambda_sqs_worker"

  name        = "${var.prefix}-worker"
  description = "Works off the queue, writes events."
  handler     = "worker.lambda_handler"
  runtime     = var.runtime
  package     = var.packages["worker"]
  layer_arns  = var.layer_arns
  role_arn    = var.role_arn
  settings    = var.settings
  queue       = var.queue
  batch_size  = var.batch_size
  concurrency = var.concurrency

  environment = {
    EVENTS_TABLE   = var.tables.events.name
    EVENT_TTL_DAYS = var.event_ttl_days
  }
}

output "function_name" {
  value = module.function.function_name
}
