environment         = "stage"
region              = "eu-west-1"
schedule_expression = "rate(1 hour)"
event_ttl_days      = 14
log_level           = "INFO"
tracing             = false
