
# Where there is one already: terraform import vault_jwt_auth_backend.ci {{auth-mount}}
resource "vault_jwt_auth_backend" "ci" {
  path               = "{{auth-mount}}"
  oidc_discovery_url = "{{issuer}}"
  bound_issuer       = "{{issuer}}"
}
