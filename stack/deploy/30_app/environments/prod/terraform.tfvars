environment         = "prod"
region              = "eu-west-1"
schedule_expression = "cron(0 * * * ? *)"
event_ttl_days      = 90
log_level           = "INFO"
tracing             = true
