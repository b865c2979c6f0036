# How long earlier versions of the state are kept. It is the bucket of 10_core, but the provider watches a lifecycle configuration for nearly
# a minute after it was written: here that passes beside the queues, which it watches as long.
variable "bucket" { type = string }
variable "noncurrent_days" { type = number }

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = var.bucket

  rule {
    id     = "earlier-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}
