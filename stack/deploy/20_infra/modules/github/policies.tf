# What the roles may do, by policy and statement: exactly the calls that Terraform's provider makes for the resources of the three layers.
# "*" stands as a resource only where the service knows no narrower one.
locals {
  region      = "${var.region}:${var.account_id}"
  iam         = "arn:${var.partition}:iam::${var.account_id}"
  lambda      = "arn:${var.partition}:lambda:${local.region}"
  bucket      = "arn:${var.partition}:s3:::${var.state_bucket}"
  lock        = "arn:${var.partition}:dynamodb:${local.region}:table/${var.state_lock_table}"
  functions   = "${local.lambda}:function:${var.prefix}-*"
  layers      = "${local.lambda}:layer:${var.prefix}-*"
  mappings    = "${local.lambda}:event-source-mapping:*"
  secrets     = "arn:${var.partition}:secretsmanager:${local.region}:secret:/${var.project}/${var.environment}/*"
  tables      = [for name in ["user-data", "events"] : "arn:${var.partition}:dynamodb:${local.region}:table/${var.prefix}-${name}"]
  queues      = [for name in ["work", "work-dlq"] : "arn:${var.partition}:sqs:${local.region}:${var.prefix}-${name}"]
  alarms      = "arn:${var.partition}:cloudwatch:${local.region}:alarm:${var.prefix}-*"
  log_groups  = "arn:${var.partition}:logs:${local.region}:log-group:/aws/lambda/${var.prefix}-*"
  schedules   = "arn:${var.partition}:scheduler:${local.region}:schedule/default/${var.prefix}-*"
  apis        = "arn:${var.partition}:apigateway:${var.region}::/apis"
  app_roles   = ["${local.iam}:role/${var.prefix}-app/*", "${local.iam}:role/${var.prefix}-scheduler"]
  grants      = [for name in ["secrets-read", "queue-send"] : "${local.iam}:policy/${var.prefix}-${name}"]
  environment = { "aws:ResourceTag/project" = var.project, "aws:ResourceTag/environment" = var.environment }
  made_here   = { "aws:RequestTag/project" = var.project, "aws:RequestTag/environment" = var.environment }
  bounded     = { "iam:PermissionsBoundary" = var.function_boundary_arn }

  # The provider looks at all that a bucket can have.
  bucket_reads = [
    "s3:ListBucket", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLocation", "s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning",
    "s3:GetBucketWebsite", "s3:GetAccelerateConfiguration", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
  ]

  policies_read = {
    # The provider reads a secret's version with its value, to see that it is there.
    read-core = merge({
      StateBucket = { actions = local.bucket_reads, resources = [local.bucket] }
      TrailBucket = { actions = local.bucket_reads, resources = ["arn:${var.partition}:s3:::${var.prefix}-trail-${var.account_id}"] }
      Trail = {
        actions   = ["cloudtrail:GetEventSelectors", "cloudtrail:GetInsightSelectors", "cloudtrail:GetTrail", "cloudtrail:GetTrailStatus", "cloudtrail:ListTags"]
        resources = ["arn:${var.partition}:cloudtrail:${local.region}:trail/${var.prefix}-trail"]
      }
      Trails = { actions = ["cloudtrail:DescribeTrails"], resources = ["*"] }
      State  = { actions = ["s3:GetObject"], resources = ["${local.bucket}/*"] }
      Lock = {
        actions   = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:GetItem", "dynamodb:ListTagsOfResource"]
        resources = [local.lock]
      }
      Secrets = {
        actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue"]
        resources = [local.secrets]
      }
      RandomPasswords = { actions = ["secretsmanager:GetRandomPassword"], resources = ["*"] }
      Roles = {
        actions   = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"]
        resources = ["${local.iam}:role/${var.prefix}-app/*", "${local.iam}:role/${var.prefix}-*"]
      }
      Policies = { actions = ["iam:GetPolicy", "iam:GetPolicyVersion"], resources = ["${local.iam}:policy/${var.prefix}-*"] }
      Provider = { actions = ["iam:GetOpenIDConnectProvider"], resources = ["${local.iam}:oidc-provider/${local.issuer}"] }
      }, { for sid, statement in {
        Key = {
          actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
          resources = [var.kms_key_arn]
        }
        Aliases = { actions = ["kms:ListAliases"], resources = ["*"] }
    } : sid => statement if var.kms_key_arn != null })

    read-app = {
      Tables = {
        actions   = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"]
        resources = local.tables
      }
      Queues   = { actions = ["sqs:GetQueueAttributes", "sqs:ListQueueTags"], resources = local.queues }
      Alarms   = { actions = ["cloudwatch:DescribeAlarms"], resources = ["arn:${var.partition}:cloudwatch:${local.region}:alarm:*"] }
      AlarmTag = { actions = ["cloudwatch:ListTagsForResource"], resources = [local.alarms] }
      Functions = {
        actions = [
          "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction",
        ]
        resources = [local.functions]
      }
      Layers = { actions = ["lambda:GetLayerVersion"], resources = ["${local.layers}:*"] }
      # A mapping that is gone has no function to be known by.
      Mappings    = { actions = ["lambda:GetEventSourceMapping"], resources = [local.mappings] }
      MappingTags = { actions = ["lambda:ListTags"], resources = [local.mappings], equals = local.environment }
      LogGroups   = { actions = ["logs:DescribeLogGroups"], resources = ["*"] }
      LogTags     = { actions = ["logs:ListTagsForResource"], resources = [local.log_groups] }
      Api         = { actions = ["apigateway:GET"], resources = ["${local.apis}/*"], equals = local.environment }
      Schedules   = { actions = ["scheduler:GetSchedule"], resources = [local.schedules] }
    }
  }

  policies_write = {
    apply-core = merge({
      Secrets = {
        actions = [
          "secretsmanager:CancelRotateSecret", "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:PutSecretValue",
          "secretsmanager:RotateSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage",
        ]
        resources = [local.secrets]
      }
      StateRetention = { actions = ["s3:PutLifecycleConfiguration"], resources = [local.bucket] }
      }, { for sid, statement in {
        Key = { actions = ["kms:Encrypt", "kms:GenerateDataKey"], resources = [var.kms_key_arn] }
        KeyGrants = {
          actions   = ["kms:CreateGrant"]
          resources = [var.kms_key_arn]
          equals    = { "kms:GrantIsForAWSResource" = "true" }
        }
    } : sid => statement if var.kms_key_arn != null })

    apply-infra = {
      Tables = {
        actions = [
          "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups",
          "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
        ]
        resources = local.tables
      }
      Queues = {
        actions   = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
        resources = local.queues
      }
      Alarms = {
        actions   = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
        resources = [local.alarms]
      }
      Grants = {
        actions = [
          "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:ListPolicyVersions", "iam:TagPolicy",
          "iam:UntagPolicy",
        ]
        resources = local.grants
      }
      NewApi  = { actions = ["apigateway:POST"], resources = [local.apis], equals = local.made_here }
      Api     = { actions = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST"], resources = ["${local.apis}/*"], equals = local.environment }
      ApiTags = { actions = ["apigateway:POST"], resources = ["arn:${var.partition}:apigateway:${var.region}::/tags/*"], equals = local.made_here }
    }

    # Whoever writes a role's policies could give it anything: hence only roles inside the boundary.
    apply-roles = {
      Roles = {
        actions = [
          "iam:ListInstanceProfilesForRole", "iam:TagRole", "iam:UntagRole",
        ]
        resources = local.app_roles
      }
      BoundedRoles = {
        actions = [
          "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
          "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
        ]
        resources = local.app_roles
        equals    = local.bounded
      }
      PassToLambda = {
        actions   = ["iam:PassRole"]
        resources = [local.app_roles[0]]
        equals    = { "iam:PassedToService" = "lambda.amazonaws.com" }
      }
      PassToScheduler = {
        actions   = ["iam:PassRole"]
        resources = [local.app_roles[1]]
        equals    = { "iam:PassedToService" = "scheduler.amazonaws.com" }
      }
    }

    apply-app = {
      Functions = {
        actions = [
          "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:RemovePermission", "lambda:TagResource",
          "lambda:UntagResource", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
        ]
        resources = [local.functions]
      }
      # Who sets a rotation up must be allowed to call its function.
      Rotation      = { actions = ["lambda:InvokeFunction"], resources = ["${local.lambda}:function:${var.prefix}-rotation"] }
      Layers        = { actions = ["lambda:PublishLayerVersion"], resources = [local.layers] }
      LayerVersions = { actions = ["lambda:DeleteLayerVersion"], resources = ["${local.layers}:*"] }
      NewMappings = {
        actions   = ["lambda:CreateEventSourceMapping"]
        resources = ["*"]
        like      = { "lambda:FunctionArn" = local.functions }
      }
      Mappings = {
        actions   = ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
        resources = [local.mappings]
        like      = { "lambda:FunctionArn" = local.functions }
      }
      NewMappingTags = { actions = ["lambda:TagResource"], resources = [local.mappings], equals = local.made_here }
      MappingTags    = { actions = ["lambda:UntagResource"], resources = [local.mappings], equals = local.environment }
      Logs = {
        actions = [
          "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DisassociateKmsKey", "logs:PutRetentionPolicy", "logs:TagResource",
          "logs:UntagResource",
        ]
        resources = [local.log_groups]
      }
      Schedules = {
        actions   = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"]
        resources = [local.schedules]
      }
    }
  }

  policies = merge(local.policies_read, local.policies_write)
}
