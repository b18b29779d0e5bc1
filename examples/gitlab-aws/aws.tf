# AWS's side, for `cargo-credential-bridge`. The registry's tokens are not here, as they would be in the state: each secret
# is {"token":"…"}, and aws-setup.sh says how it is put there.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

# Once in an account. Where there is one already:
# terraform import aws_iam_openid_connect_provider.ci arn:aws:iam::123456789012:oidc-provider/gitlab.com
resource "aws_iam_openid_connect_provider" "ci" {
  url            = "https://gitlab.com"
  client_id_list = ["sts.amazonaws.com"]
}

# Only this project, only its branch `main`, and that only where it is protected.
resource "aws_iam_role" "read" {
  name               = "cargo-ci"
  assume_role_policy = file("${path.module}/cargo-ci.trust.json")
}

resource "aws_iam_role_policy" "read" {
  name   = "read-cargo-token"
  role   = aws_iam_role.read.id
  policy = file("${path.module}/cargo-ci.policy.json")
}

resource "aws_secretsmanager_secret" "read" {
  name = "ci/cargo"
}

# Only this project, only its branch `release`, and that only where it is protected.
resource "aws_iam_role" "publish" {
  name               = "cargo-ci-publish"
  assume_role_policy = file("${path.module}/cargo-ci-publish.trust.json")
}

resource "aws_iam_role_policy" "publish" {
  name   = "read-cargo-token"
  role   = aws_iam_role.publish.id
  policy = file("${path.module}/cargo-ci-publish.policy.json")
}

resource "aws_secretsmanager_secret" "publish" {
  name = "ci/cargo-publish"
}
