#!/bin/sh
# Vault's side of the GitHub example: run once, by someone who may. Change the repository and the paths.
set -eu

vault auth enable jwt
vault write auth/jwt/config \
    oidc_discovery_url=https://token.actions.githubusercontent.com \
    bound_issuer=https://token.actions.githubusercontent.com

vault policy write cargo-ci - <<'POLICY'
path "secret/data/ci/cargo" {
  capabilities = ["read"]
}
path "secret/data/ci/cargo-publish" {
  capabilities = ["read"]
}
POLICY

# Only this repository, only its main branch, and a token that lives a minute.
vault write auth/jwt/role/cargo-ci - <<'ROLE'
{
  "role_type": "jwt",
  "user_claim": "sub",
  "bound_audiences": ["https://vault.example.com"],
  "bound_claims": { "repository": "acme/app", "ref": "refs/heads/main" },
  "token_policies": ["cargo-ci"],
  "token_ttl": "60s"
}
ROLE

# The registry's token, from standard input: it is in no command line.
vault kv put secret/ci/cargo token=-
