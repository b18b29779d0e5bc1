#!/bin/sh
# Vault's side of the pod: run once, by someone who may. For a Vault that runs in the same cluster, with a service account
# that may review tokens (`system:auth-delegator`).
set -eu

# A KV engine of version 2 at `secret`, where there is none yet.
vault secrets list -format=json | grep -q '"secret/"' ||
    vault secrets enable -path=secret -version=2 kv

vault auth enable kubernetes
vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc

vault policy write cargo-ci - <<'POLICY'
path "secret/data/ci/cargo" {
  capabilities = ["read"]
}
POLICY

# Only this service account of this namespace, and a token that lives a minute.
vault write auth/kubernetes/role/cargo-ci \
    bound_service_account_names=cargo-ci \
    bound_service_account_namespaces=ci \
    token_policies=cargo-ci \
    token_ttl=60s

# The registry's token, from standard input: it is in no command line.
vault kv put secret/ci/cargo token=-
