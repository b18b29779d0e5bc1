
# Where there is one already: terraform import google_iam_workload_identity_pool.ci {{pool}}
resource "google_iam_workload_identity_pool" "ci" {
  project                   = "{{project}}"
  workload_identity_pool_id = "{{pool}}"
}

# {{why}}
resource "google_iam_workload_identity_pool_provider" "ci" {
  project                            = "{{project}}"
  workload_identity_pool_id          = google_iam_workload_identity_pool.ci.workload_identity_pool_id
  workload_identity_pool_provider_id = "{{provider}}"
  attribute_condition                = "{{condition}}"
  attribute_mapping = {
{{mapping-tf}}
  }
  oidc {
    issuer_uri = "{{issuer}}"
  }
}
