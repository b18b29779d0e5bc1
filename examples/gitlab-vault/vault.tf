# Vault's side, for `cargo-credential-bridge`. The registry's tokens are not here, as they would be in the state:
# vault kv put -mount=secret ci/cargo token=-
# vault kv put -mount=secret ci/cargo-publish token=-

terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
  }
}

# Where there is one already: terraform import vault_jwt_auth_backend.ci gitlab
resource "vault_jwt_auth_backend" "ci" {
  path               = "gitlab"
  oidc_discovery_url = "https://gitlab.com"
  bound_issuer       = "https://gitlab.com"
}

resource "vault_policy" "read" {
  name   = "cargo-ci"
  policy = <<-POLICY
    path "secret/data/ci/cargo" {
      capabilities = ["read"]
    }
  POLICY
}

# Only this project, only its branch `main`, and that only where it is protected.
resource "vault_jwt_auth_backend_role" "read" {
  backend         = vault_jwt_auth_backend.ci.path
  role_name       = "cargo-ci"
  role_type       = "jwt"
  user_claim      = "sub"
  bound_audiences = ["https://vault.example.com"]
  bound_claims = {
    project_path  = "acme/app"
    ref_protected = "true"
    ref_type      = "branch"
    ref           = "main"
  }
  token_policies = [vault_policy.read.name]
  token_ttl      = 60
}

resource "vault_policy" "publish" {
  name   = "cargo-ci-publish"
  policy = <<-POLICY
    path "secret/data/ci/cargo-publish" {
      capabilities = ["read"]
    }
  POLICY
}

# Only this project, only the environment `release`, and that only on what is protected.
resource "vault_jwt_auth_backend_role" "publish" {
  backend         = vault_jwt_auth_backend.ci.path
  role_name       = "cargo-ci-publish"
  role_type       = "jwt"
  user_claim      = "sub"
  bound_audiences = ["https://vault.example.com"]
  bound_claims = {
    project_path  = "acme/app"
    ref_protected = "true"
    environment   = "release"
  }
  token_policies = [vault_policy.publish.name]
  token_ttl      = 60
}
