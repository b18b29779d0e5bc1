
resource "vault_policy" "{{label}}" {
  name   = "{{role}}"
  policy = <<-POLICY
    path "{{mount}}/data/{{secret}}" {
      capabilities = ["read"]
    }
  POLICY
}

# {{why}}
resource "{{resource}}" "{{label}}" {
{{role-tf}}
}
