# Secrets <path>/<name>. Their values are write-only arguments: they go to Secrets Manager and stay out of plan and state. A value is
# written when the secret is made and again whenever its revision is raised.
variable "path" { type = string }
variable "secrets" {
  description = "Name -> description."
  type        = map(string)
}
variable "values" {
  type      = map(string)
  ephemeral = true
  sensitive = true
}
variable "revisions" { type = map(number) }
variable "recovery_days" { type = number }
variable "kms_key_arn" { type = string }

ephemeral "aws_secretsmanager_random_password" "initial" {
  for_each = var.secrets

  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.path}/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = var.secrets

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = lookup(var.values, each.key, ephemeral.aws_secretsmanager_random_password.initial[each.key].random_password)
  secret_string_wo_version = lookup(var.revisions, each.key, 1)
}

output "arns" {
  # Known once a value is there, so that nothing reads an empty secret.
  value      = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
  depends_on = [aws_secretsmanager_secret_version.this]
}
