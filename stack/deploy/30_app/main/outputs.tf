output "api_endpoint" {
  description = "Base URL of the HTTP API."
  value       = local.infra.api.endpoint
}

output "api_id" {
  value = local.infra.api.id
}

output "api_key_secret_arn" {
  description = "The secret that holds what x-api-key must be."
  value       = local.core.secret_arns["api-key"]
}

output "functions" {
  description = "Function names by handler."
  value = {
    api_server  = module.api_server.function_name
    cron_server = module.cron_server.function_name
    rotation    = module.rotation.function_name
    worker      = module.worker.function_name
  }
}

output "queue_url" {
  value = local.infra.queue.url
}

output "dead_letter_queue_url" {
  value = local.infra.queue.dead_letter_url
}

output "events_table" {
  value = local.infra.tables.events.name
}

output "user_data_table" {
  value = local.infra.tables.user_data.name
}
