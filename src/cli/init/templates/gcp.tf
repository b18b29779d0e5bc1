# Google's side, for `cargo-credential-bridge`. The registry's tokens are not here, as they would be in the state: each is
# added by `gcloud secrets versions add NAME --project={{project}} --data-file=-`, from standard input.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}
{{pool}}{{grants}}