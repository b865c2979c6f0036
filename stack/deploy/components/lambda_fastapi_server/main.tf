# A function that serves an HTTP API: the integration, its routes, and the API's permission to call it.
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
variable "api" { type = object({ id = string, execution_arn = string }) }
variable "routes" {
  description = "Route keys, for example \"GET /health\"."
  type        = set(string)
}
variable "timeout_seconds" {
  description = "API Gateway waits 30 seconds at most."
  type        = number
  default     = 29
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

resource "aws_apigatewayv2_integration" "this" {
  api_id                 = var.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = module.function.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "this" {
  for_each = var.routes

  api_id    = var.api.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_lambda_permission" "api" {
  statement_id  = "http-api"
  action        = "lambda:InvokeFunction"
  function_name = module.function.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${var.api.execution_arn}/*/*"
}

output "function_name" {
  value = module.function.function_name
}
