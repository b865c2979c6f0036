# The work queue and where messages end that cannot be worked off. Everything about a queue is set in its own resource: the provider
# watches each queue resource for half a minute.
variable "name" { type = string }
variable "visibility_timeout_seconds" { type = number }
variable "max_receives" { type = number }
variable "kms_key_arn" { type = string }

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dlq"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue" "work" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout_seconds
  message_retention_seconds  = 4 * 24 * 3600
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.max_receives
  })
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  alarm_name          = "${var.name}-dlq-not-empty"
  alarm_description   = "Messages could not be worked off: read them, mend the worker, redrive."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = "${var.name}-dlq" }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
}

output "queue_arn" {
  value = aws_sqs_queue.work.arn
}

output "queue" {
  value = {
    name                       = aws_sqs_queue.work.name
    url                        = aws_sqs_queue.work.url
    arn                        = aws_sqs_queue.work.arn
    visibility_timeout_seconds = var.visibility_timeout_seconds
    dead_letter_url            = aws_sqs_queue.dead.url
    dead_letter_arn            = aws_sqs_queue.dead.arn
  }
}
