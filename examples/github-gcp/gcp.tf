# Google's side, for `cargo-credential-bridge`. The registry's tokens are not here, as they would be in the state: each is
# added by `gcloud secrets versions add NAME --project=acme-ci --data-file=-`, from standard input.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

# Where there is one already: terraform import google_iam_workload_identity_pool.ci github
resource "google_iam_workload_identity_pool" "ci" {
  project                   = "acme-ci"
  workload_identity_pool_id = "github"
}

# Only this repository, only its branch `main`.
# Only this repository's jobs in the environment `release`, whose reviewers and branches are set there.
resource "google_iam_workload_identity_pool_provider" "ci" {
  project                            = "acme-ci"
  workload_identity_pool_id          = google_iam_workload_identity_pool.ci.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_condition                = "assertion.repository == 'acme/app' && assertion.repository_id == '987654321' && assertion.repository_owner_id == '1234567' && (assertion.ref == 'refs/heads/main' || has(assertion.environment) && assertion.environment == 'release')"
  attribute_mapping = {
    "google.subject"                   = "assertion.sub"
    "attribute.repository"             = "assertion.repository"
    "attribute.repository_environment" = "assertion.repository + ':' + (has(assertion.environment) ? assertion.environment : '')"
  }
  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_secret_manager_secret" "read" {
  project   = "acme-ci"
  secret_id = "ci-cargo"
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_iam_member" "read" {
  project   = "acme-ci"
  secret_id = google_secret_manager_secret.read.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/github/attribute.repository/acme/app"
}

resource "google_secret_manager_secret" "publish" {
  project   = "acme-ci"
  secret_id = "ci-cargo-publish"
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_iam_member" "publish" {
  project   = "acme-ci"
  secret_id = google_secret_manager_secret.publish.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/github/attribute.repository_environment/acme/app:release"
}
