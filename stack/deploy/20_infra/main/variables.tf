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

variable "state_noncurrent_days" {
  description = "How long earlier versions of the state are kept."
  type        = number
  default     = 90
}

variable "cors_allow_origins" {
  description = "Web pages that may call the API; empty: none."
  type        = list(string)
  default     = []
}

variable "point_in_time_recovery" {
  description = "Continuous backups of the user-data table."
  type        = bool
  default     = false
}

variable "queue_visibility_timeout_seconds" {
  description = "How long a received message stays hidden; AWS advises six times the worker's timeout."
  type        = number
  default     = 60
}

variable "queue_max_receives" {
  description = "How often a message is tried before it goes to the dead-letter queue."
  type        = number
  default     = 3
}

variable "create_github_oidc_provider" {
  description = "Make the account's provider for GitHub's tokens; false: it is there already."
  type        = bool
  default     = true
}

variable "github_repository" {
  description = "owner/name of the repository whose workflows may deploy this environment."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository: owner/name."
  }
}

variable "github_branch" {
  description = "Branch whose workflows may plan, besides those of pull requests; what may be applied is decided by GitHub's environment."
  type        = string
  default     = "main"
}
