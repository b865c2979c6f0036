# The HTTP API and its one stage. Routes and integrations come with the function that serves them (30_app).
variable "name" { type = string }
variable "cors_allow_origins" { type = list(string) }

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = length(var.cors_allow_origins) > 0 ? [1] : []

    content {
      allow_origins = var.cors_allow_origins
      allow_methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
      allow_headers = ["content-type", "x-api-key"]
      max_age       = 600
    }
  }
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_burst_limit = 500
    throttling_rate_limit  = 1000
  }

  lifecycle {
    ignore_changes = [deployment_id] # auto_deploy moves it
  }
}

output "api" {
  value = {
    id            = aws_apigatewayv2_api.this.id
    execution_arn = aws_apigatewayv2_api.this.execution_arn
    endpoint      = aws_apigatewayv2_api.this.api_endpoint
  }
}
