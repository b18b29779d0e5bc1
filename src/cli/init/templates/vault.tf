# {{product}}'s side, for `cargo-credential-bridge`. The registry's tokens are not here, as they would be in the state:
{{puts}}

terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
  }
}
{{auth}}{{grants}}