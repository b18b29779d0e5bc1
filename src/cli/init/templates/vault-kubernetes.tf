
# Where there is one already: terraform import vault_auth_backend.ci {{auth-mount}}
resource "vault_auth_backend" "ci" {
  type = "kubernetes"
  path = "{{auth-mount}}"
}

# {{product}} runs in the same cluster, by a service account that may review tokens (`system:auth-delegator`).
resource "vault_kubernetes_auth_backend_config" "ci" {
  backend         = vault_auth_backend.ci.path
  kubernetes_host = "https://kubernetes.default.svc"
}
