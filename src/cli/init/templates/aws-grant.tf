
# {{why}}
resource "aws_iam_role" "{{label}}" {
  name               = "{{role}}"
  assume_role_policy = file("${path.module}/{{role}}.trust.json")
}

resource "aws_iam_role_policy" "{{label}}" {
  name   = "read-cargo-token"
  role   = aws_iam_role.{{label}}.id
  policy = file("${path.module}/{{role}}.policy.json")
}

resource "aws_secretsmanager_secret" "{{label}}" {
  name = "{{secret}}"
}
