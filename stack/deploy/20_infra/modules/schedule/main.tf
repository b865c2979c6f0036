# The role as which EventBridge Scheduler calls the cron function, and nothing but it. The schedule itself comes with the function (30_app).
variable "prefix" { type = string }
variable "account_id" { type = string }
variable "boundary_arn" { type = string }
variable "function_arn" { type = string }

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

data "aws_iam_policy_document" "invoke" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [var.function_arn]
  }
}

resource "aws_iam_role" "scheduler" {
  name                 = "${var.prefix}-scheduler"
  description          = "EventBridge Scheduler: calls the cron function."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.boundary_arn
}

resource "aws_iam_role_policy" "invoke" {
  name   = "invoke"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.invoke.json
}

output "role_arn" {
  value      = aws_iam_role.scheduler.arn
  depends_on = [aws_iam_role_policy.invoke]
}
