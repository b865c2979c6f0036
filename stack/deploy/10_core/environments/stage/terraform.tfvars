environment        = "stage"
region             = "eu-west-1"
log_retention_days = 14
protect            = false
