
absent 'the policy {{role}}' {{cli}} policy read {{role}}
{{cli}} policy write {{role}} - <<'POLICY'
path "{{mount}}/data/{{secret}}" {
  capabilities = ["read"]
}
POLICY

# {{why}}
absent 'the role {{role}}' {{cli}} read auth/{{auth-mount}}/role/{{role}}
{{cli}} write auth/{{auth-mount}}/role/{{role}} - <<'ROLE'
{{role-json}}
ROLE
