#!/bin/sh
# Vault's side of the GitHub example: run once, by someone who may. Change the repository and the paths.
set -eu

# A KV engine of version 2 at `secret`, where there is none yet.
vault secrets list -format=json | grep -q '"secret/"' ||
    vault secrets enable -path=secret -version=2 kv

vault auth enable jwt
vault write auth/jwt/config \
    oidc_discovery_url=https://token.actions.githubusercontent.com \
    bound_issuer=https://token.actions.githubusercontent.com

vault policy write cargo-ci - <<'POLICY'
path "secret/data/ci/cargo" {
  capabilities = ["read"]
}
POLICY

vault policy write cargo-release - <<'POLICY'
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

# Only jobs in the environment `release`, whose reviewers and branches are set in the repository. It reads
# with the role above, so it runs from the main branch too.
vault write auth/jwt/role/cargo-release - <<'ROLE'
{
  "role_type": "jwt",
  "user_claim": "sub",
  "bound_audiences": ["https://vault.example.com"],
  "bound_claims": { "repository": "acme/app", "environment": "release" },
  "token_policies": ["cargo-release"],
  "token_ttl": "60s"
}
ROLE

# The registry's tokens, from standard input (end each with Ctrl-D twice): they are in no command line.
echo 'the token to read with:'
vault kv put secret/ci/cargo token=-
echo 'the token to publish with:'
vault kv put secret/ci/cargo-publish token=-
