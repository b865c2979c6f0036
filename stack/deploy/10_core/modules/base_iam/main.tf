# What people and pipelines need whatever runs in the environment: access to its state, and a role to look at it with.
variable "prefix" { type = string }
variable "account_id" { type = string }
variable "partition" { type = string }
variable "region" { type = string }
variable "bucket_arn" { type = string }
variable "lock_table_arn" { type = string }
variable "secrets_path" { type = string }
variable "kms_key_arn" { type = string }

data "aws_iam_policy_document" "state_access" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]
  }

  statement {
    sid       = "State"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${var.bucket_arn}/*"]
  }

  statement {
    sid       = "Lock"
    actions   = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]
    resources = [var.lock_table_arn]
  }
}

resource "aws_iam_policy" "state_access" {
  name        = "${var.prefix}-state-access"
  description = "Read, write and lock the Terraform state of ${var.prefix}."
  policy      = data.aws_iam_policy_document.state_access.json
}

data "aws_iam_policy_document" "operator_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${var.partition}:iam::${var.account_id}:root"]
    }
  }
}

resource "aws_iam_role" "operator" {
  name               = "${var.prefix}-operator"
  description        = "Looks, changes nothing: logs, queue depths, alarms, tables without their items."
  assume_role_policy = data.aws_iam_policy_document.operator_trust.json
}

data "aws_iam_policy_document" "operator" {
  statement {
    sid       = "Logs"
    actions   = ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams", "logs:StartLiveTail"]
    resources = ["arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${var.prefix}-*"]
  }

  statement {
    sid       = "Queues"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = ["arn:${var.partition}:sqs:${var.region}:${var.account_id}:${var.prefix}-*"]
  }

  statement {
    sid       = "Tables"
    actions   = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
    resources = ["arn:${var.partition}:dynamodb:${var.region}:${var.account_id}:table/${var.prefix}-*"]
  }

  statement {
    sid       = "Overview"
    actions   = ["logs:DescribeLogGroups", "cloudwatch:GetMetricData", "sqs:ListQueues"]
    resources = ["*"]
  }

  statement {
    sid       = "Alarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["arn:${var.partition}:cloudwatch:${var.region}:${var.account_id}:alarm:*"]
  }
}

resource "aws_iam_role_policy" "operator" {
  name   = "operator"
  role   = aws_iam_role.operator.id
  policy = data.aws_iam_policy_document.operator.json
}

# The most that a role of a function, or of the schedule, can ever do, whatever policies a deployment gives it: it may not touch what is
# another environment's, nor IAM, nor the state.
data "aws_iam_policy_document" "boundary" {
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${var.prefix}-*"]
  }

  statement {
    sid = "Tables"
    actions = [
      "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem",
      "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
    ]
    resources = [
      "arn:${var.partition}:dynamodb:${var.region}:${var.account_id}:table/${var.prefix}-user-data",
      "arn:${var.partition}:dynamodb:${var.region}:${var.account_id}:table/${var.prefix}-events",
    ]
  }

  statement {
    sid = "Queues"
    actions = [
      "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
    ]
    resources = ["arn:${var.partition}:sqs:${var.region}:${var.account_id}:${var.prefix}-*"]
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    resources = ["arn:${var.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${var.secrets_path}/*"]
  }

  statement {
    sid       = "Schedule"
    actions   = ["lambda:InvokeFunction"]
    resources = ["arn:${var.partition}:lambda:${var.region}:${var.account_id}:function:${var.prefix}-cron-server"]
  }

  statement {
    sid       = "Traces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_policy" "boundary" {
  name        = "${var.prefix}-function-boundary"
  description = "The most that a function of ${var.prefix} can do."
  policy      = data.aws_iam_policy_document.boundary.json
}

output "function_boundary_arn" {
  value = aws_iam_policy.boundary.arn
}

output "state_access_policy_arn" {
  value = aws_iam_policy.state_access.arn
}

output "operator_role_arn" {
  value = aws_iam_role.operator.arn
}
