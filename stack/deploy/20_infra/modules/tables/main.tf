# user-data: one item a user. events: what the worker wrote, found by type and time, gone when its ttl has passed.
variable "prefix" { type = string }
variable "point_in_time_recovery" { type = bool }
variable "protect" { type = bool }
variable "kms_key_arn" { type = string }

resource "aws_dynamodb_table" "user_data" {
  name                        = "${var.prefix}-user-data"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "user_id"
  deletion_protection_enabled = var.protect

  attribute {
    name = "user_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}

resource "aws_dynamodb_table" "events" {
  name         = "${var.prefix}-events"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "event_type"
  range_key    = "timestamp"

  attribute {
    name = "event_type"
    type = "S"
  }

  # ISO 8601 and the event's id: sorts by time, and two events of one microsecond are two items.
  attribute {
    name = "timestamp"
    type = "S"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}

output "tables" {
  value = {
    user_data = { name = aws_dynamodb_table.user_data.name, arn = aws_dynamodb_table.user_data.arn }
    events    = { name = aws_dynamodb_table.events.name, arn = aws_dynamodb_table.events.arn }
  }
}
