#!/bin/sh
# Vault's side, for `cargo-credential-bridge`: run by someone who may. What is there already is left as it is, unless
# REPLACE=1 is set.
set -eu

# absent NAME COMMAND...: stops where the command finds it, as it may be another's.
absent() {
    name=$1
    shift
    if [ -z "${REPLACE:-}" ] && "$@" >/dev/null 2>&1; then
        echo "$name is there already: REPLACE=1 replaces it; by \`init --role NAME\` this one has another name" >&2
        exit 1
    fi
}

# put PATH FIELD: the token from standard input, if there is none yet: it is in no command line.
put() {
    if vault kv get -mount=secret -field="$2" "$1" >/dev/null 2>&1; then
        return
    fi
    echo "the token for secret/$1, then Ctrl-D twice:"
    if vault kv get -mount=secret "$1" >/dev/null 2>&1; then
        vault kv patch -mount=secret "$1" "$2=-"
    else
        vault kv put -mount=secret "$1" "$2=-"
    fi
}

# A KV engine of version 2 at `secret`, where there is none yet.
vault secrets list -format=json | grep -q '"secret/"' ||
    vault secrets enable -path=secret -version=2 kv

# Who signs the identities of the jobs.
vault auth list -format=json | grep -q '"gitlab/"' ||
    vault auth enable -path=gitlab jwt
if issuer=$(vault read -field=bound_issuer auth/gitlab/config 2>/dev/null); then
    if [ "$issuer" != https://gitlab.com ]; then
        echo "auth/gitlab trusts $issuer: take another mount by \`init --auth-mount NAME\`" >&2
        exit 1
    fi
else
    vault write auth/gitlab/config \
        oidc_discovery_url=https://gitlab.com \
        bound_issuer=https://gitlab.com
fi

absent 'the policy cargo-ci' vault policy read cargo-ci
vault policy write cargo-ci - <<'POLICY'
path "secret/data/ci/cargo" {
  capabilities = ["read"]
}
POLICY

# Only this project, only its branch `main`, and that only where it is protected.
absent 'the role cargo-ci' vault read auth/gitlab/role/cargo-ci
vault write auth/gitlab/role/cargo-ci - <<'ROLE'
{
  "bound_audiences": [
    "https://vault.example.com"
  ],
  "bound_claims": {
    "project_path": "acme/app",
    "ref": "main",
    "ref_protected": "true",
    "ref_type": "branch"
  },
  "role_type": "jwt",
  "token_policies": [
    "cargo-ci"
  ],
  "token_ttl": "60s",
  "user_claim": "sub"
}
ROLE

absent 'the policy cargo-ci-publish' vault policy read cargo-ci-publish
vault policy write cargo-ci-publish - <<'POLICY'
path "secret/data/ci/cargo-publish" {
  capabilities = ["read"]
}
POLICY

# Only this project, only the environment `release`, and that only on what is protected.
absent 'the role cargo-ci-publish' vault read auth/gitlab/role/cargo-ci-publish
vault write auth/gitlab/role/cargo-ci-publish - <<'ROLE'
{
  "bound_audiences": [
    "https://vault.example.com"
  ],
  "bound_claims": {
    "environment": "release",
    "project_path": "acme/app",
    "ref_protected": "true"
  },
  "role_type": "jwt",
  "token_policies": [
    "cargo-ci-publish"
  ],
  "token_ttl": "60s",
  "user_claim": "sub"
}
ROLE

# The registry's tokens.
put ci/cargo token
put ci/cargo-publish token
