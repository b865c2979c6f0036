data "terraform_remote_state" "core" {
  backend = "s3"

  config = {
    bucket = local.state_bucket
    key    = "10_core/terraform.tfstate"
    region = var.region
  }
}

data "terraform_remote_state" "infra" {
  backend = "s3"

  config = {
    bucket = local.state_bucket
    key    = "20_infra/terraform.tfstate"
    region = var.region
  }
}

locals {
  prefix       = "${var.project}-${var.environment}"
  state_bucket = coalesce(var.state_bucket, "${local.prefix}-tfstate")
  core         = data.terraform_remote_state.core.outputs
  kms_key_arn  = try(data.terraform_remote_state.core.outputs.kms_key_arn, null) # an output that is null is not in the state
  infra        = data.terraform_remote_state.infra.outputs
  dist         = "${path.root}/../../../dist"

  tags = {
    project     = var.project
    environment = var.environment
    layer       = "30_app"
    managed_by  = "terraform"
  }

  # What every function is told.
  settings = {
    environment = {
      ENVIRONMENT = var.environment
      LOG_LEVEL   = var.log_level
      QUEUE_URL   = local.infra.queue.url
    }
    log_retention_days = local.core.log_retention_days
    kms_key_arn        = local.kms_key_arn
    tracing            = var.tracing
  }
}

module "runtime_code_modules" {
  source = "../modules/runtime_code_modules"

  prefix  = local.prefix
  dist    = local.dist
  runtime = var.runtime
}

module "lambda_roles" {
  source = "../modules/lambda_roles"

  prefix             = local.prefix
  account_id         = local.core.account_id
  partition          = local.core.partition
  region             = var.region
  boundary_arn       = local.core.function_boundary_arn
  tables             = local.infra.tables
  queue              = local.infra.queue
  api_key_secret_arn = local.core.secret_arns["api-key"]
  grants             = local.infra.grants
  tracing            = var.tracing
  kms_key_arn        = local.kms_key_arn
}

module "api_server" {
  source = "../modules/api_server"

  prefix      = local.prefix
  runtime     = module.runtime_code_modules.runtime
  packages    = module.runtime_code_modules.packages
  layer_arns  = module.runtime_code_modules.layer_arns
  role_arn    = module.lambda_roles.role_arns.api_server
  settings    = local.settings
  api         = local.infra.api
  tables      = local.infra.tables
  secret_arns = local.core.secret_arns
}

module "cron_server" {
  source = "../modules/cron_server"

  prefix             = local.prefix
  runtime            = module.runtime_code_modules.runtime
  packages           = module.runtime_code_modules.packages
  layer_arns         = module.runtime_code_modules.layer_arns
  role_arn           = module.lambda_roles.role_arns.cron_server
  settings           = local.settings
  scheduler_role_arn = local.infra.scheduler_role_arn
  expression         = var.schedule_expression
  timezone           = var.schedule_timezone
}

module "rotation" {
  source = "../modules/rotation"

  prefix      = local.prefix
  account_id  = local.core.account_id
  runtime     = module.runtime_code_modules.runtime
  packages    = module.runtime_code_modules.packages
  layer_arns  = module.runtime_code_modules.layer_arns
  role_arn    = module.lambda_roles.role_arns.rotation
  settings    = local.settings
  secret_arn  = local.core.secret_arns["api-key"]
  period_days = var.api_key_rotation_days
}

module "worker" {
  source = "../modules/worker"

  prefix         = local.prefix
  runtime        = module.runtime_code_modules.runtime
  packages       = module.runtime_code_modules.packages
  layer_arns     = module.runtime_code_modules.layer_arns
  role_arn       = module.lambda_roles.role_arns.worker
  settings       = local.settings
  queue          = local.infra.queue
  tables         = local.infra.tables
  event_ttl_days = var.event_ttl_days
  batch_size     = var.worker_batch_size
  concurrency    = var.worker_concurrency
}
