# The HTTP side: FastAPI behind the API, which reaches only the routes named here.
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
variable "api" { type = object({ id = string, execution_arn = string }) }
variable "tables" { type = map(object({ name = string, arn = string })) }
variable "secret_arns" { type = map(string) }

module "function" {
  source = "../../../components/lambda_fastapi_server"

  name        = "${var.prefix}-api-server"
  description = "HTTP API: users, events, tasks."
  handler     = "api_server.lambda_handler"
  runtime     = var.runtime
  package     = var.packages["api_server"]
  layer_arns  = var.layer_arns
  role_arn    = var.role_arn
  settings    = var.settings
  api         = var.api
  routes      = ["GET /health", "ANY /users", "ANY /users/{user_id}", "ANY /events", "POST /tasks"]

  environment = {
    USER_TABLE            = var.tables.user_data.name
    EVENTS_TABLE          = var.tables.events.name
    API_KEY_SECRET_ARN    = var.secret_arns["api-key"]
    CURSOR_KEY_SECRET_ARN = var.secret_arns["cursor-key"]
  }
}

output "function_name" {
  value = module.function.function_name
}
