environment        = "prod"
region             = "eu-west-1"
log_retention_days = 90
protect            = true
