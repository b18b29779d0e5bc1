# AWS's side, for `cargo-credential-bridge`. The registry's tokens are not here, as they would be in the state: each secret
# is {"{{field}}":"…"}, and aws-setup.sh says how it is put there.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "{{region}}"
}

# Once in an account. Where there is one already:
# terraform import aws_iam_openid_connect_provider.ci arn:aws:iam::{{account}}:oidc-provider/{{issuer}}
resource "aws_iam_openid_connect_provider" "ci" {
  url            = "{{issuer-url}}"
  client_id_list = ["sts.amazonaws.com"]
}
{{grants}}