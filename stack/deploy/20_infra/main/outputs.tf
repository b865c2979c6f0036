output "api" {
  description = "id, execution_arn and endpoint of the HTTP API."
  value       = module.http_api.api
}

output "queue" {
  description = "url, arn and visibility timeout of the work queue, url and arn of its dead-letter queue."
  value       = module.work_queue.queue
}

output "tables" {
  description = "name and arn of user_data and events."
  value       = module.tables.tables
}

output "scheduler_role_arn" {
  value = module.schedule.role_arn
}

output "grants" {
  description = "Policies that a function's role attaches: queue_send, secrets_read."
  value       = module.grants.policy_arns
}

output "github_role_arns" {
  description = "What GitHub's workflows assume: plan, apply."
  value       = module.github.role_arns
}
