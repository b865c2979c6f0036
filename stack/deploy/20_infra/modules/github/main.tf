# GitHub's workflows deploy with a token of GitHub's instead of a stored key. Only jobs of the environment of the same name may.
variable "prefix" { type = string }
variable "project" { type = string }
variable "environment" { type = string }
variable "region" { type = string }
variable "account_id" { type = string }
variable "partition" { type = string }
variable "repository" { type = string }
variable "create_provider" { type = bool }
variable "state_access_policy_arn" { type = string }
variable "function_boundary_arn" { type = string }

locals {
  issuer = "token.actions.githubusercontent.com"
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
      values   = ["repo:${var.repository}:environment:${var.environment}"]
    }
  }
}

resource "aws_iam_role" "deploy" {
  name               = "${var.prefix}-github-deploy"
  description        = "GitHub workflows of ${var.repository}: deploy the code of ${var.prefix}."
  assume_role_policy = data.aws_iam_policy_document.trust.json

  depends_on = [aws_iam_openid_connect_provider.github]
}

# Enough for 30_app: functions, layers, their roles, logs, routes and schedule. 10_core and 20_infra are applied by a person.
data "aws_iam_policy_document" "deploy" {
  statement {
    sid     = "Functions"
    actions = ["lambda:*"]
    resources = [
      "arn:${var.partition}:lambda:${var.region}:${var.account_id}:function:${var.prefix}-*",
      "arn:${var.partition}:lambda:${var.region}:${var.account_id}:layer:${var.prefix}-*",
    ]
  }

  statement {
    sid = "Mappings" # their ARNs carry no name; the function that they are for does
    actions = [
      "lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping",
    ]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:FunctionArn"
      values   = ["arn:${var.partition}:lambda:${var.region}:${var.account_id}:function:${var.prefix}-*"]
    }
  }

  statement {
    sid = "Roles"
    actions = [
      "iam:GetRole", "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:GetRolePolicy",
      "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
    ]
    resources = ["arn:${var.partition}:iam::${var.account_id}:role/${var.prefix}-app/*"]
  }

  # Whoever may write a role's policies could give it anything: hence only roles inside the boundary.
  statement {
    sid = "BoundedRoles"
    actions = [
      "iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
    ]
    resources = ["arn:${var.partition}:iam::${var.account_id}:role/${var.prefix}-app/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [var.function_boundary_arn]
    }
  }

  statement {
    sid       = "PassRoles"
    actions   = ["iam:PassRole"]
    resources = ["arn:${var.partition}:iam::${var.account_id}:role/${var.prefix}-app/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  statement {
    sid       = "PassScheduler"
    actions   = ["iam:PassRole"]
    resources = ["arn:${var.partition}:iam::${var.account_id}:role/${var.prefix}-scheduler"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource"]
    resources = ["arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${var.prefix}-*"]
  }

  statement {
    sid       = "LogGroups"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid       = "Routes"
    actions   = ["apigateway:GET", "apigateway:POST", "apigateway:PATCH", "apigateway:PUT", "apigateway:DELETE"]
    resources = ["arn:${var.partition}:apigateway:${var.region}::/apis/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/project"
      values   = [var.project]
    }
  }

  statement {
    sid       = "Schedules"
    actions   = ["scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule"]
    resources = ["arn:${var.partition}:scheduler:${var.region}:${var.account_id}:schedule/default/${var.prefix}-*"]
  }
}

resource "aws_iam_policy" "deploy" {
  name        = "${var.prefix}-github-deploy"
  description = "Deploy the code of ${var.prefix}."
  policy      = data.aws_iam_policy_document.deploy.json
}

resource "aws_iam_role_policy_attachment" "deploy" {
  role       = aws_iam_role.deploy.name
  policy_arn = aws_iam_policy.deploy.arn
}

resource "aws_iam_role_policy_attachment" "state" {
  role       = aws_iam_role.deploy.name
  policy_arn = var.state_access_policy_arn
}

output "role_arn" {
  value = aws_iam_role.deploy.arn
}
