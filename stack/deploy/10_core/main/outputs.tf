output "account_id" {
  value = data.aws_caller_identity.current.account_id
}

output "partition" {
  value = data.aws_partition.current.partition
}

output "log_retention_days" {
  value = var.log_retention_days
}

output "protect" {
  value = var.protect
}

output "kms_key_arn" {
  description = "null: AWS's own keys."
  value       = local.kms_key_arn
}

output "state_bucket" {
  value = module.state_backend.bucket
}

output "state_lock_table" {
  value = module.state_backend.lock_table
}

output "secret_arns" {
  description = "By short name: api-key, cursor-key."
  value       = module.secrets.arns
}

output "state_access_policy_arn" {
  value = module.base_iam.state_access_policy_arn
}

output "function_boundary_arn" {
  description = "Permissions boundary of every function's role."
  value       = module.base_iam.function_boundary_arn
}

output "operator_role_arn" {
  value = module.base_iam.operator_role_arn
}
