#!/bin/sh
# Vault's side of the GitLab example: run once, by someone who may. Change the project and the paths; a GitLab of your own
# has its own URL in place of gitlab.com.
set -eu

# A KV engine of version 2 at `secret`, where there is none yet.
vault secrets list -format=json | grep -q '"secret/"' ||
    vault secrets enable -path=secret -version=2 kv

vault auth enable -path=gitlab jwt
vault write auth/gitlab/config \
    oidc_discovery_url=https://gitlab.com \
    bound_issuer=https://gitlab.com

vault policy write cargo-ci - <<'POLICY'
path "secret/data/ci/cargo" {
  capabilities = ["read"]
}
POLICY

# Only this project, only its main branch, and a token that lives a minute. The audience is the job's `aud`.
vault write auth/gitlab/role/cargo-ci - <<'ROLE'
{
  "role_type": "jwt",
  "user_claim": "sub",
  "bound_audiences": ["https://vault.example.com"],
  "bound_claims": { "project_path": "acme/app", "ref_type": "branch", "ref": "main" },
  "token_policies": ["cargo-ci"],
  "token_ttl": "60s"
}
ROLE

# The registry's token, from standard input: it is in no command line.
vault kv put secret/ci/cargo token=-
