data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  prefix       = "${var.project}-${var.environment}"
  state_bucket = coalesce(var.state_bucket, "${local.prefix}-tfstate")

  tags = {
    project     = var.project
    environment = var.environment
    layer       = "10_core"
    managed_by  = "terraform"
  }

  secrets = {
    api-key    = "What a client of the API sends as x-api-key."
    cursor-key = "Signs the paging cursors that the API hands out."
  }
}

module "kms" {
  source = "../modules/kms"
  count  = var.create_kms_key ? 1 : 0

  prefix     = local.prefix
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = var.region
}

locals {
  kms_key_arn = one(module.kms[*].key_arn)
}

module "state_backend" {
  source = "../modules/state_backend"

  bucket        = local.state_bucket
  lock_table    = "${local.prefix}-tflock"
  force_destroy = !var.protect
  kms_key_arn   = local.kms_key_arn
}

module "secrets" {
  source = "../modules/secrets"

  path          = "/${var.project}/${var.environment}"
  secrets       = local.secrets
  values        = var.secret_values
  revisions     = var.secret_revisions
  recovery_days = var.protect ? 7 : 0
  kms_key_arn   = local.kms_key_arn
}

module "trail" {
  source = "../modules/trail"
  count  = var.create_trail ? 1 : 0

  prefix        = local.prefix
  account_id    = data.aws_caller_identity.current.account_id
  partition     = data.aws_partition.current.partition
  region        = var.region
  force_destroy = !var.protect
  kms_key_arn   = local.kms_key_arn
}

module "base_iam" {
  source = "../modules/base_iam"

  prefix         = local.prefix
  account_id     = data.aws_caller_identity.current.account_id
  partition      = data.aws_partition.current.partition
  region         = var.region
  bucket_arn     = module.state_backend.bucket_arn
  lock_table_arn = module.state_backend.lock_table_arn
  secrets_path   = "/${var.project}/${var.environment}"
  kms_key_arn    = local.kms_key_arn
}
