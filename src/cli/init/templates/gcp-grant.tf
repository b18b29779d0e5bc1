
resource "google_secret_manager_secret" "{{label}}" {
  project   = "{{project}}"
  secret_id = "{{secret}}"
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_iam_member" "{{label}}" {
  project   = "{{project}}"
  secret_id = google_secret_manager_secret.{{label}}.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "{{member}}"
}
