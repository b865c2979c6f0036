environment         = "dev"
region              = "eu-west-1"
schedule_expression = "rate(15 minutes)"
event_ttl_days      = 7
log_level           = "DEBUG"
tracing             = false
