variable "project" {
  description = "First part of every name; as in 10_core."
  type        = string
  default     = "practice"
}

variable "environment" {
  description = "Second part of every name."
  type        = string

  validation {
    condition     = contains(["dev", "stage", "prod"], var.environment)
    error_message = "environment: dev, stage or prod."
  }
}

variable "region" {
  description = "Where everything of this environment is."
  type        = string
}

variable "state_bucket" {
  description = "Name of the state bucket; null: <project>-<environment>-tfstate."
  type        = string
  default     = null
}

variable "runtime" {
  description = "Runtime of the functions; the dependency layer is built for it (stack/build --python)."
  type        = string
  default     = "python3.13"
}

variable "schedule_expression" {
  description = "When the cron function runs: rate(...) or cron(...), in schedule_timezone."
  type        = string
}

variable "schedule_timezone" {
  description = "Time zone of schedule_expression."
  type        = string
  default     = "UTC"
}

variable "event_ttl_days" {
  description = "How long an event stays in the table."
  type        = number
}

variable "log_level" {
  description = "Least severe level that the functions log."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level: DEBUG, INFO, WARNING or ERROR."
  }
}

variable "tracing" {
  description = "X-Ray traces of the functions."
  type        = bool
  default     = false
}

variable "worker_batch_size" {
  description = "Messages that the worker takes at a time."
  type        = number
  default     = 10
}

variable "worker_concurrency" {
  description = "Workers that run side by side at most."
  type        = number
  default     = 5

  validation {
    condition     = var.worker_concurrency >= 2
    error_message = "worker_concurrency: Lambda's least is 2."
  }
}

variable "api_key_rotation_days" {
  description = "How often the API key is changed by itself; the key before stays good until the next change."
  type        = number
  default     = 30
}
