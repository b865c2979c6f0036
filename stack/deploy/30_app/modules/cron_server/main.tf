# What the schedule calls: it puts the scheduled task into the queue and is done.
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
variable "scheduler_role_arn" { type = string }
variable "expression" { type = string }
variable "timezone" { type = string }

module "function" {
  source = "../../../components/lambda_cron_server"

  name               = "${var.prefix}-cron-server"
  description        = "Enqueues the scheduled task."
  handler            = "cron_server.lambda_handler"
  runtime            = var.runtime
  package            = var.packages["cron_server"]
  layer_arns         = var.layer_arns
  role_arn           = var.role_arn
  settings           = var.settings
  scheduler_role_arn = var.scheduler_role_arn
  expression         = var.expression
  timezone           = var.timezone

  # Scheduler fills in the words between angle brackets; a retry of the same run carries the same ones.
  input = {
    task         = "heartbeat"
    schedule     = "<aws.scheduler.schedule-arn>"
    scheduled_at = "<aws.scheduler.scheduled-time>"
  }
}

output "function_name" {
  value = module.function.function_name
}
