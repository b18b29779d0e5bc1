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

# Where there is one already: terraform import vault_jwt_auth_backend.ci jwt
resource "vault_jwt_auth_backend" "ci" {
  path               = "jwt"
  oidc_discovery_url = "https://token.actions.githubusercontent.com"
  bound_issuer       = "https://token.actions.githubusercontent.com"
}

resource "vault_policy" "read" {
  name   = "cargo-ci"
  policy = <<-POLICY
    path "secret/data/ci/cargo" {
      capabilities = ["read"]
    }
  POLICY
}

# Only this repository, only its branch `main`.
resource "vault_jwt_auth_backend_role" "read" {
  backend         = vault_jwt_auth_backend.ci.path
  role_name       = "cargo-ci"
  role_type       = "jwt"
  user_claim      = "sub"
  bound_audiences = ["https://vault.example.com"]
  bound_claims = {
    repository = "acme/app"
    ref        = "refs/heads/main"
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

# Only this repository's jobs in the environment `release`, whose reviewers and branches are set there.
resource "vault_jwt_auth_backend_role" "publish" {
  backend         = vault_jwt_auth_backend.ci.path
  role_name       = "cargo-ci-publish"
  role_type       = "jwt"
  user_claim      = "sub"
  bound_audiences = ["https://vault.example.com"]
  bound_claims = {
    repository  = "acme/app"
    environment = "release"
  }
  token_policies = [vault_policy.publish.name]
  token_ttl      = 60
}
