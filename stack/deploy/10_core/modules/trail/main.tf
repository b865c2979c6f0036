# Who did what in the account, and who read a secret: every management event of this region, in a bucket of its own, in files that are signed.
variable "prefix" { type = string }
variable "account_id" { type = string }
variable "partition" { type = string }
variable "region" { type = string }
variable "force_destroy" { type = bool }
variable "kms_key_arn" { type = string }

locals {
  name = "${var.prefix}-trail"
  arn  = "arn:${var.partition}:cloudtrail:${var.region}:${var.account_id}:trail/${local.name}"
}

resource "aws_s3_bucket" "trail" {
  bucket        = "${local.name}-${var.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "trail" {
  bucket                  = aws_s3_bucket.trail.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "AclCheck"
    actions   = ["s3:GetBucketAcl"]
    resources = [aws_s3_bucket.trail.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.arn]
    }
  }

  statement {
    sid       = "Write"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.trail.arn}/AWSLogs/${var.account_id}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "s3:x-amz-acl"
      values   = ["bucket-owner-full-control"]
    }
  }
}

resource "aws_s3_bucket_policy" "trail" {
  bucket = aws_s3_bucket.trail.id
  policy = data.aws_iam_policy_document.bucket.json

  depends_on = [aws_s3_bucket_public_access_block.trail] # S3 changes one thing of a bucket at a time
}

resource "aws_cloudtrail" "this" {
  name                       = local.name
  s3_bucket_name             = aws_s3_bucket.trail.id
  kms_key_id                 = var.kms_key_arn
  enable_log_file_validation = true

  depends_on = [aws_s3_bucket_policy.trail]
}
