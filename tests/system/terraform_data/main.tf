# Buckets and tables with most of what may be said of them: applied, changed in place, destroyed.
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

resource "aws_iam_user" "own" {
  name          = "terraform-data"
  force_destroy = true
}

resource "aws_kms_key" "own" { deletion_window_in_days = 7 }

resource "aws_s3_bucket" "own" {
  bucket        = "terraform-data"
  force_destroy = true
  tags          = { Second = var.second }
}

resource "aws_s3_bucket_ownership_controls" "own" {
  bucket = aws_s3_bucket.own.id
  rule { object_ownership = var.second ? "BucketOwnerEnforced" : "BucketOwnerPreferred" }
}

resource "aws_s3_bucket_public_access_block" "own" {
  bucket                  = aws_s3_bucket.own.id
  block_public_acls       = true
  block_public_policy     = !var.second
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "own" {
  bucket = aws_s3_bucket.own.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "own" {
  bucket = aws_s3_bucket.own.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.second ? "AES256" : "aws:kms"
      kms_master_key_id = var.second ? null : aws_kms_key.own.arn
    }
    bucket_key_enabled = !var.second
  }
}

resource "aws_s3_bucket_request_payment_configuration" "own" {
  bucket = aws_s3_bucket.own.id
  payer  = var.second ? "BucketOwner" : "Requester"
}

resource "aws_s3_bucket_cors_configuration" "own" {
  bucket = aws_s3_bucket.own.id
  cors_rule {
    id              = "one"
    allowed_headers = ["*"]
    allowed_methods = ["PUT", "POST"]
    allowed_origins = ["https://example.com"]
    expose_headers  = ["ETag"]
    max_age_seconds = var.second ? 600 : 3000
  }
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
  }
}

resource "aws_s3_bucket_policy" "own" {
  bucket = aws_s3_bucket.own.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "tls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.own.arn, "${aws_s3_bucket.own.arn}/*"]
      Condition = { NumericLessThan = { "s3:TlsVersion" = var.second ? "1.3" : "1.2" } }
    }]
  })
}

resource "aws_s3_bucket_notification" "own" {
  bucket      = aws_s3_bucket.own.id
  eventbridge = true
}

resource "aws_s3_object" "own" {
  bucket              = aws_s3_bucket_versioning.own.bucket
  key                 = "dir/a.txt"
  content             = var.second ? "two" : "one"
  content_type        = "text/plain"
  content_disposition = "inline"
  cache_control       = "max-age=60"
  metadata            = { one = "1" }
  storage_class       = "STANDARD_IA"
  checksum_algorithm  = "SHA256"
  tags                = { Second = var.second }
}

resource "aws_s3_object_copy" "own" {
  bucket            = aws_s3_bucket.own.id
  key               = "copy"
  source            = "${aws_s3_bucket.own.id}/${aws_s3_object.own.key}"
  tagging_directive = "REPLACE"
  tags              = { Copy = "yes" }
}

data "aws_s3_object" "own" {
  bucket        = aws_s3_bucket.own.id
  key           = aws_s3_object.own.key
  checksum_mode = "ENABLED"
}

resource "aws_dynamodb_table" "full" {
  name                        = "terraform-data"
  billing_mode                = "PROVISIONED"
  read_capacity               = var.second ? 10 : 5
  write_capacity              = 5
  hash_key                    = "pk"
  range_key                   = "sk"
  stream_enabled              = true
  stream_view_type            = "NEW_AND_OLD_IMAGES"
  table_class                 = var.second ? "STANDARD_INFREQUENT_ACCESS" : "STANDARD"
  deletion_protection_enabled = !var.second

  dynamic "attribute" {
    for_each = { pk = "S", sk = "N", g = "B", l = "S" }
    content {
      name = attribute.key
      type = attribute.value
    }
  }

  global_secondary_index {
    name               = "by-g"
    hash_key           = "g"
    range_key          = "sk"
    projection_type    = "INCLUDE"
    non_key_attributes = ["a", "b"]
    read_capacity      = var.second ? 4 : 2
    write_capacity     = 2
  }

  local_secondary_index {
    name            = "by-l"
    range_key       = "l"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = var.second ? 20 : 10
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.own.arn
  }

  tags = { Second = var.second }
}

resource "aws_dynamodb_table" "demand" {
  name         = "terraform-demand"
  billing_mode = var.second ? "PROVISIONED" : "PAY_PER_REQUEST"
  hash_key     = "id"

  read_capacity  = var.second ? 3 : null
  write_capacity = var.second ? 3 : null

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = !var.second
  }
}

resource "aws_dynamodb_table_item" "own" {
  table_name = aws_dynamodb_table.full.name
  hash_key   = "pk"
  range_key  = "sk"
  item       = jsonencode({ pk = { S = "a" }, sk = { N = "1" }, m = { M = { x = { L = [{ BOOL = var.second }, { NULL = true }, { SS = ["a", "b"] }] } } } })
}

resource "aws_dynamodb_resource_policy" "own" {
  resource_arn                        = aws_dynamodb_table.demand.arn
  confirm_remove_self_resource_access = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid = var.second ? "two" : "one", Effect = "Allow", Principal = { AWS = "000000000000" }, Action = "dynamodb:GetItem", Resource = aws_dynamodb_table.demand.arn
    }]
  })
}

data "aws_dynamodb_table_item" "own" {
  table_name                 = aws_dynamodb_table.full.name
  key                        = jsonencode({ pk = { S = "a" }, sk = { N = "1" } })
  projection_expression      = "#m.x[0]"
  expression_attribute_names = { "#m" = "m" }
  depends_on                 = [aws_dynamodb_table_item.own]
}

output "body" { value = data.aws_s3_object.own.body }
output "item" { value = data.aws_dynamodb_table_item.own.item }
