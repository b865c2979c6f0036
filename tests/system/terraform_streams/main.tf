# A table with a stream that feeds a function: applied, planned again (nothing may differ), changed, destroyed.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}

variable "view" { default = "NEW_IMAGE" }
variable "bisect" { default = "false" }
variable "code" { default = "code.zip" }

resource "aws_dynamodb_table" "source" {
  name             = "terraform-source"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "id"
  stream_enabled   = true
  stream_view_type = var.view
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_sqs_queue" "failed" {
  name = "terraform-failed"
}

resource "aws_iam_role" "reader" {
  name = "terraform-reader"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "reader" {
  role = aws_iam_role.reader.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"], Resource = "${aws_dynamodb_table.source.arn}/stream/*" },
      { Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.failed.arn },
    ]
  })
}

resource "aws_lambda_function" "reader" {
  function_name = "terraform-reader"
  role          = aws_iam_role.reader.arn
  runtime       = "python3.13"
  handler       = "app.handler"
  filename      = var.code
}

resource "aws_lambda_event_source_mapping" "reader" {
  event_source_arn               = aws_dynamodb_table.source.stream_arn
  function_name                  = aws_lambda_function.reader.arn
  starting_position              = "LATEST"
  batch_size                     = 50
  bisect_batch_on_function_error = var.bisect
  maximum_retry_attempts         = 3
  maximum_record_age_in_seconds  = 3600
  parallelization_factor         = 2
  function_response_types        = ["ReportBatchItemFailures"]
  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.failed.arn
    }
  }
  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT"] })
    }
  }
  depends_on = [aws_iam_role_policy.reader]
}
