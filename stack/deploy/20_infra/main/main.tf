data "terraform_remote_state" "core" {
  backend = "s3"

  config = {
    bucket = local.state_bucket
    key    = "10_core/terraform.tfstate"
    region = var.region
  }
}

locals {
  prefix       = "${var.project}-${var.environment}"
  state_bucket = coalesce(var.state_bucket, "${local.prefix}-tfstate")
  core         = data.terraform_remote_state.core.outputs
  kms_key_arn  = try(data.terraform_remote_state.core.outputs.kms_key_arn, null) # an output that is null is not in the state

  tags = {
    project     = var.project
    environment = var.environment
    layer       = "20_infra"
    managed_by  = "terraform"
  }
}

module "state_retention" {
  source = "../modules/state_retention"

  bucket          = local.core.state_bucket
  noncurrent_days = var.state_noncurrent_days
}

module "http_api" {
  source = "../modules/http_api"

  name               = "${local.prefix}-api"
  cors_allow_origins = var.cors_allow_origins
}

module "work_queue" {
  source = "../modules/work_queue"

  name                       = "${local.prefix}-work"
  visibility_timeout_seconds = var.queue_visibility_timeout_seconds
  max_receives               = var.queue_max_receives
  kms_key_arn                = local.kms_key_arn
}

module "tables" {
  source = "../modules/tables"

  prefix                 = local.prefix
  point_in_time_recovery = var.point_in_time_recovery
  protect                = local.core.protect
  kms_key_arn            = local.kms_key_arn
}

module "schedule" {
  source = "../modules/schedule"

  prefix       = local.prefix
  account_id   = local.core.account_id
  boundary_arn = local.core.function_boundary_arn
  function_arn = "arn:${local.core.partition}:lambda:${var.region}:${local.core.account_id}:function:${local.prefix}-cron-server"
}

module "grants" {
  source = "../modules/grants"

  prefix      = local.prefix
  secret_arns = values(local.core.secret_arns)
  queue_arn   = module.work_queue.queue_arn
  kms_key_arn = local.kms_key_arn
}

module "github" {
  source = "../modules/github"

  prefix                  = local.prefix
  project                 = var.project
  environment             = var.environment
  region                  = var.region
  account_id              = local.core.account_id
  partition               = local.core.partition
  repository              = var.github_repository
  branch                  = var.github_branch
  create_provider         = var.create_github_oidc_provider
  state_bucket            = local.core.state_bucket
  state_lock_table        = local.core.state_lock_table
  state_access_policy_arn = local.core.state_access_policy_arn
  function_boundary_arn   = local.core.function_boundary_arn
  kms_key_arn             = local.kms_key_arn
}
