variable "project" {
  description = "First part of every name."
  type        = string
  default     = "practice"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.project))
    error_message = "project: 2 to 21 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "environment" {
  description = "Second part of every name, so that several environments share an account without colliding."
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
  description = "Name of the state bucket; null: <project>-<environment>-tfstate. Bucket names are unique across all of AWS."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "How long the log groups of this environment keep their events."
  type        = number
  default     = 14
}

variable "protect" {
  description = "Guard against loss: secrets keep a recovery window, tables refuse deletion, buckets with content refuse deletion."
  type        = bool
  default     = false
}

variable "create_kms_key" {
  description = "Encrypt state, secrets, queues and tables with a key of this environment instead of AWS's own."
  type        = bool
  default     = false
}

variable "create_trail" {
  description = "A CloudTrail trail of this environment: who did what in the account, kept in a bucket."
  type        = bool
  default     = true
}

variable "secret_values" {
  description = "Values by secret name; a secret that is not named here gets a random one. Never stored in the state."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
}

variable "secret_revisions" {
  description = "Raise a secret's number to write its value anew (rotation)."
  type        = map(number)
  default     = {}
}
