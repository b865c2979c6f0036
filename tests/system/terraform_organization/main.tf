# An organization as landing zones make it: applied, planned again (nothing may differ), changed, destroyed.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}

variable "denied" { type = string }

resource "aws_organizations_organization" "this" {
  aws_service_access_principals = ["cloudtrail.amazonaws.com"]
  enabled_policy_types          = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
  feature_set                   = "ALL"
}

resource "aws_organizations_organizational_unit" "apps" {
  name      = "apps"
  parent_id = aws_organizations_organization.this.roots[0].id
  tags      = { denied = var.denied }
}

resource "aws_organizations_account" "orders" {
  name      = "orders"
  email     = "orders@example.com"
  parent_id = aws_organizations_organizational_unit.apps.id
  tags      = { team = "orders" }
}

data "aws_iam_policy_document" "bound" {
  statement {
    effect    = "Deny"
    actions   = [var.denied]
    resources = ["*"]
  }
}

resource "aws_organizations_policy" "bound" {
  name    = "bound"
  content = data.aws_iam_policy_document.bound.json

  depends_on = [aws_organizations_organization.this]
}

resource "aws_organizations_policy_attachment" "bound" {
  policy_id = aws_organizations_policy.bound.id
  target_id = aws_organizations_organizational_unit.apps.id
}

data "aws_organizations_organization" "this" {
  depends_on = [aws_organizations_account.orders]
}

output "account" { value = aws_organizations_account.orders.id }
output "members" { value = length(data.aws_organizations_organization.this.accounts) }
