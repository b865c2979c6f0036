# Permissions that more than one function needs, as policies to attach.
variable "prefix" { type = string }
variable "secret_arns" { type = list(string) }
variable "queue_arn" { type = string }
variable "kms_key_arn" { type = string }

data "aws_iam_policy_document" "secrets_read" {
  statement {
    sid       = "Read"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = var.secret_arns
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

data "aws_iam_policy_document" "queue_send" {
  statement {
    sid       = "Send"
    actions   = ["sqs:SendMessage"]
    resources = [var.queue_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Encrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_policy" "secrets_read" {
  name        = "${var.prefix}-secrets-read"
  description = "Read the secrets of ${var.prefix}."
  policy      = data.aws_iam_policy_document.secrets_read.json
}

resource "aws_iam_policy" "queue_send" {
  name        = "${var.prefix}-queue-send"
  description = "Put work into the queue of ${var.prefix}."
  policy      = data.aws_iam_policy_document.queue_send.json
}

output "policy_arns" {
  value = {
    secrets_read = aws_iam_policy.secrets_read.arn
    queue_send   = aws_iam_policy.queue_send.arn
  }
}
