environment        = "dev"
region             = "eu-west-1"
log_retention_days = 7
protect            = false
