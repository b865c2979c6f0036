# What stack/build made: the layers that the functions share, and the facts about every archive (dist/manifest.json).
variable "prefix" { type = string }
variable "dist" {
  description = "Folder of the built archives."
  type        = string
}
variable "runtime" { type = string }

locals {
  manifest = jsondecode(file("${var.dist}/manifest.json"))
  layers   = ["dependencies", "common"]
}

resource "aws_lambda_layer_version" "this" {
  for_each = toset(local.layers)

  layer_name               = "${var.prefix}-${each.key}"
  description              = "stack/build: ${each.key}"
  filename                 = "${var.dist}/layer_${each.key}.zip"
  source_code_hash         = filebase64sha256("${var.dist}/layer_${each.key}.zip")
  compatible_runtimes      = [var.runtime]
  compatible_architectures = ["x86_64"]

  lifecycle {
    precondition {
      condition     = local.manifest.runtime == var.runtime
      error_message = "The archives were built for ${local.manifest.runtime}, the functions run ${var.runtime}: run stack/build --python."
    }
  }
}

output "runtime" {
  value = var.runtime
}

output "layer_arns" {
  value = [for name in local.layers : aws_lambda_layer_version.this[name].arn]
}

output "packages" {
  description = "By function: file, bytes of the archive, bytes unpacked with all layers."
  value = {
    for name in ["api_server", "cron_server", "rotation", "worker"] : name => {
      file           = "${var.dist}/${name}.zip"
      zip_bytes      = local.manifest.archives["${name}.zip"].zip_bytes
      unpacked_bytes = sum([for archive in concat(["${name}.zip"], [for l in local.layers : "layer_${l}.zip"]) : local.manifest.archives[archive].unpacked_bytes])
    }
  }
}
