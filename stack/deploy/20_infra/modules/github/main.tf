# GitHub's workflows deploy with a token of GitHub's instead of a stored key: one role that plans and changes nothing, one that applies and
# destroys all three layers. Both are made by bin/bootstrap, and neither may change what decides about itself: these roles and their policies,
# the boundary of the roles that it makes, the bucket, table and key of the state. Whoever changes those is a person.
variable "prefix" { type = string }
variable "project" { type = string }
variable "environment" { type = string }
variable "region" { type = string }
variable "account_id" { type = string }
variable "partition" { type = string }
variable "repository" { type = string }
variable "branch" { type = string }
variable "create_provider" { type = bool }
variable "state_bucket" { type = string }
variable "state_lock_table" { type = string }
variable "state_access_policy_arn" { type = string }
variable "function_boundary_arn" { type = string }
variable "kms_key_arn" { type = string }

locals {
  issuer = "token.actions.githubusercontent.com"

  # Whose tokens. Who may run a job in an environment is set at GitHub (required reviewers, branches).
  subjects = {
    plan  = ["repo:${var.repository}:pull_request", "repo:${var.repository}:ref:refs/heads/${var.branch}"]
    apply = ["repo:${var.repository}:environment:${var.environment}"]
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_provider ? 1 : 0

  url             = "https://${local.issuer}"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]

  # No part of an environment, although one of them makes it.
  tags = { environment = "all" }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["arn:${var.partition}:iam::${var.account_id}:oidc-provider/${local.issuer}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = each.value
    }
  }
}

resource "aws_iam_role" "github" {
  for_each = local.subjects

  name               = "${var.prefix}-github-${each.key}"
  description        = "GitHub workflows of ${var.repository}: ${each.key} ${var.prefix}."
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json

  depends_on = [aws_iam_openid_connect_provider.github]
}

data "aws_iam_policy_document" "this" {
  for_each = local.policies

  dynamic "statement" {
    for_each = each.value

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = try(statement.value.equals, {})

        content {
          test     = "StringEquals"
          variable = condition.key
          values   = [condition.value]
        }
      }

      dynamic "condition" {
        for_each = try(statement.value.like, {})

        content {
          test     = "ArnLike"
          variable = condition.key
          values   = [condition.value]
        }
      }
    }
  }
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${var.prefix}-github-${each.key}"
  description = "Of the roles with which GitHub's workflows deploy ${var.prefix}."
  policy      = data.aws_iam_policy_document.this[each.key].json
}

resource "aws_iam_role_policy_attachment" "plan" {
  for_each = local.policies_read

  role       = aws_iam_role.github["plan"].name
  policy_arn = aws_iam_policy.this[each.key].arn
}

resource "aws_iam_role_policy_attachment" "apply" {
  for_each = local.policies

  role       = aws_iam_role.github["apply"].name
  policy_arn = aws_iam_policy.this[each.key].arn
}

resource "aws_iam_role_policy_attachment" "state" {
  role       = aws_iam_role.github["apply"].name
  policy_arn = var.state_access_policy_arn
}

output "role_arns" {
  description = "By what they are for: plan, apply."
  value       = { for purpose, role in aws_iam_role.github : purpose => role.arn }
}
