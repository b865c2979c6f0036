# Buses, rules, schedules, a function that they reach, its logs and alarms: applied, changed in place, destroyed.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  default_tags { tags = { Estate = "terraform" } }
}

variable "second" {
  type    = bool
  default = false
}
variable "code" {}

locals {
  words = var.second ? "two" : "one"
}

resource "aws_iam_role" "own" {
  name = "terraform-events"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = ["lambda.amazonaws.com", "scheduler.amazonaws.com", "events.amazonaws.com"] }
    }]
  })
}

resource "aws_lambda_function" "own" {
  function_name                  = "terraform-events"
  description                    = local.words
  role                           = aws_iam_role.own.arn
  handler                        = "handler.handler"
  runtime                        = "python3.13"
  filename                       = var.code
  source_code_hash               = filebase64sha256(var.code)
  publish                        = true
  memory_size                    = var.second ? 256 : 128
  timeout                        = 10
  reserved_concurrent_executions = 2

  environment { variables = { WORDS = local.words } }
  ephemeral_storage { size = var.second ? 1024 : 512 }
  tracing_config { mode = var.second ? "Active" : "PassThrough" }
  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
    log_group             = aws_cloudwatch_log_group.own.name
  }
  tags = { Words = local.words }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = local.words
  function_name    = aws_lambda_function.own.function_name
  function_version = aws_lambda_function.own.version
}

resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = aws_lambda_function.own.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = var.second ? 120 : 60
  maximum_retry_attempts       = 0
}

resource "aws_lambda_function_recursion_config" "own" {
  function_name  = aws_lambda_function.own.function_name
  recursive_loop = var.second ? "Terminate" : "Allow"
}

resource "aws_lambda_permission" "rule" {
  statement_id_prefix = "rule"
  action              = "lambda:InvokeFunction"
  function_name       = aws_lambda_function.own.function_name
  qualifier           = aws_lambda_alias.live.name
  principal           = "events.amazonaws.com"
  source_arn          = aws_cloudwatch_event_rule.pattern.arn
}

resource "aws_cloudwatch_event_bus" "own" {
  name        = "terraform"
  description = local.words
  tags        = { Words = local.words }
}

resource "aws_cloudwatch_event_bus_policy" "own" {
  event_bus_name = aws_cloudwatch_event_bus.own.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid = local.words, Effect = "Allow", Principal = { AWS = "arn:aws:iam::000000000000:root" }, Action = "events:PutEvents", Resource = aws_cloudwatch_event_bus.own.arn
    }]
  })
}

resource "aws_cloudwatch_event_rule" "pattern" {
  name           = "terraform-pattern"
  event_bus_name = aws_cloudwatch_event_bus.own.name
  description    = local.words
  event_pattern  = jsonencode({ source = [local.words], detail = { n = [{ numeric = [">", 1] }] } })
  state          = var.second ? "DISABLED" : "ENABLED"
  tags           = { Words = local.words }
}

resource "aws_cloudwatch_event_rule" "rate" {
  name_prefix         = "terraform-"
  schedule_expression = var.second ? "rate(5 minutes)" : "cron(0 12 * * ? *)"
}

resource "aws_cloudwatch_event_target" "function" {
  rule           = aws_cloudwatch_event_rule.pattern.name
  event_bus_name = aws_cloudwatch_event_bus.own.name
  arn            = aws_lambda_alias.live.arn
  input_transformer {
    input_paths    = { a = "$.detail.a" }
    input_template = "{\"a\": <a>, \"words\": \"${local.words}\"}"
  }
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = var.second ? 1 : 0
  }
}

resource "aws_cloudwatch_event_target" "bus" {
  rule     = aws_cloudwatch_event_rule.rate.name
  arn      = aws_cloudwatch_event_bus.own.arn
  role_arn = aws_iam_role.own.arn
}

resource "aws_cloudwatch_event_target" "log" {
  rule           = aws_cloudwatch_event_rule.pattern.name
  event_bus_name = aws_cloudwatch_event_bus.own.name
  target_id      = "log"
  arn            = aws_cloudwatch_log_group.own.arn
}

resource "aws_scheduler_schedule_group" "own" {
  name = "terraform"
  tags = { Words = local.words }
}

resource "aws_scheduler_schedule" "function" {
  name                         = "terraform"
  group_name                   = aws_scheduler_schedule_group.own.name
  description                  = local.words
  schedule_expression          = var.second ? "rate(1 hours)" : "cron(0 1 * * ? *)"
  schedule_expression_timezone = "Europe/Berlin"
  start_date                   = "2090-01-01T00:00:00Z"
  end_date                     = "2091-01-01T00:00:00Z"
  state                        = "DISABLED"

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = var.second ? 10 : 5
  }

  target {
    arn      = aws_lambda_function.own.arn
    role_arn = aws_iam_role.own.arn
    input    = jsonencode({ words = local.words })
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 3
    }
  }
}

resource "aws_scheduler_schedule" "bus" {
  name_prefix         = "terraform-"
  schedule_expression = "at(2090-01-01T00:00:00)"
  flexible_time_window { mode = "OFF" }
  target {
    arn      = aws_cloudwatch_event_bus.own.arn
    role_arn = aws_iam_role.own.arn
    eventbridge_parameters {
      detail_type = "tick"
      source      = local.words
    }
  }
}

resource "aws_cloudwatch_log_group" "own" {
  name              = "/terraform/events"
  retention_in_days = var.second ? 60 : 30
  tags              = { Words = local.words }
}

resource "aws_cloudwatch_log_metric_filter" "own" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.own.name
  pattern        = "{ $.level = \"ERROR\" && $.words = \"${local.words}\" }"
  metric_transformation {
    name       = "errors"
    namespace  = "Terraform"
    value      = "1"
    unit       = "Count"
    dimensions = { service = "$.service" }
  }
}

resource "aws_cloudwatch_log_resource_policy" "own" {
  policy_name = "terraform"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = local.words, Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.own.arn}:*"
    }]
  })
}

resource "aws_cloudwatch_query_definition" "own" {
  name            = "terraform/errors"
  log_group_names = [aws_cloudwatch_log_group.own.name]
  query_string    = "fields @timestamp, @message\n| filter words = \"${local.words}\"\n| limit 20"
}

resource "aws_cloudwatch_metric_alarm" "one" {
  alarm_name          = "terraform-errors"
  alarm_description   = local.words
  namespace           = "Terraform"
  metric_name         = "errors"
  dimensions          = { service = "x" }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  period              = var.second ? 120 : 60
  threshold           = 1.5
  treat_missing_data  = "notBreaching"
  alarm_actions       = ["arn:aws:sns:us-east-1:000000000000:x"]
  tags                = { Words = local.words }
}

resource "aws_cloudwatch_metric_alarm" "math" {
  alarm_name          = "terraform-math"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = 10

  metric_query {
    id          = "rate"
    expression  = "errors / calls * 100"
    label       = local.words
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "Errors", calls = "Invocations" }
    content {
      id = metric_query.key
      metric {
        metric_name = metric_query.value
        namespace   = "AWS/Lambda"
        period      = 60
        stat        = "Sum"
        dimensions  = { FunctionName = "x" }
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "own" {
  alarm_name        = "terraform-composite"
  alarm_description = local.words
  alarm_rule        = "ALARM(${aws_cloudwatch_metric_alarm.one.alarm_name})"
  actions_enabled   = !var.second
  tags              = { Words = local.words }
}

resource "aws_cloudwatch_dashboard" "own" {
  dashboard_name = "terraform"
  dashboard_body = jsonencode({ widgets = [{ type = "text", x = 0, y = 7, width = 3, height = 3, properties = { markdown = local.words } }] })
}
