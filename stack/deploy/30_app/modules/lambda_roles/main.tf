# One role a function, with exactly what it does: its own log group, the tables and queues that its code touches.
variable "prefix" { type = string }
variable "account_id" { type = string }
variable "partition" { type = string }
variable "region" { type = string }
variable "boundary_arn" { type = string }
variable "tables" { type = map(object({ name = string, arn = string })) }
variable "queue" { type = object({ arn = string }) }
variable "api_key_secret_arn" { type = string }
variable "grants" { type = object({ queue_send = string, secrets_read = string }) }
variable "tracing" { type = bool }
variable "kms_key_arn" { type = string }

locals {
  functions = {
    api_server = {
      name     = "api-server"
      policies = { queue_send = var.grants.queue_send, secrets_read = var.grants.secrets_read }
      statements = {
        Users = {
          actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Scan"]
          resources = [var.tables.user_data.arn]
        }
        Events = {
          actions   = ["dynamodb:Query"]
          resources = [var.tables.events.arn]
        }
      }
    }

    cron_server = {
      name       = "cron-server"
      policies   = { queue_send = var.grants.queue_send }
      statements = {}
    }

    rotation = {
      name     = "rotation"
      policies = {}
      statements = {
        Secret = {
          actions = [
            "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
          ]
          resources = [var.api_key_secret_arn]
        }
      }
    }

    worker = {
      name     = "worker"
      policies = {}
      statements = {
        Events = {
          actions   = ["dynamodb:PutItem", "dynamodb:Query"]
          resources = [var.tables.events.arn]
        }
        Queue = {
          actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          resources = [var.queue.arn]
        }
      }
    }
  }

  key_statement = var.kms_key_arn == null ? {} : {
    Key = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }

  traces = var.tracing ? { traces = "arn:${var.partition}:iam::aws:policy/AWSXRayDaemonWriteAccess" } : {}

  attachments = merge([
    for function, f in local.functions : {
      for label, arn in merge(f.policies, local.traces) : "${function}.${label}" => { function = function, arn = arn }
    }
  ]...)
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "function" {
  for_each = local.functions

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${var.prefix}-${each.value.name}:*"]
  }

  dynamic "statement" {
    for_each = merge(each.value.statements, local.key_statement)

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name                 = "${var.prefix}-${each.value.name}"
  path                 = "/${var.prefix}-app/"
  description          = "Function ${var.prefix}-${each.value.name}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.boundary_arn
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = "function"
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

resource "aws_iam_role_policy_attachment" "function" {
  for_each = local.attachments

  role       = aws_iam_role.function[each.value.function].name
  policy_arn = each.value.arn
}

output "role_arns" {
  value = { for function, role in aws_iam_role.function : function => role.arn }

  # A function that starts before its permissions are there fails.
  depends_on = [aws_iam_role_policy.function, aws_iam_role_policy_attachment.function]
}
