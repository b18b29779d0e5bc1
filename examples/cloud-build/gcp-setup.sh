#!/usr/bin/env bash
# Google's side of the build on Cloud Build: run by someone who may, again after a change. Change project and names.
set -euo pipefail

project=acme-ci
account=cargo-build
secret=ci-cargo

export CLOUDSDK_CORE_PROJECT=$project
gcloud services enable cloudbuild.googleapis.com iam.googleapis.com secretmanager.googleapis.com
email=$account@$project.iam.gserviceaccount.com

# An account for these builds alone, which may write their log. The default one serves all builds of the project.
# https://cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts
gcloud iam service-accounts describe "$email" >/dev/null 2>&1 ||
    gcloud iam service-accounts create "$account"
gcloud projects add-iam-policy-binding "$project" --role=roles/logging.logWriter \
    --member="serviceAccount:$email" --condition=None >/dev/null

# The registry's token, from standard input: it is in no command line.
# https://cloud.google.com/secret-manager/docs/manage-access-to-secrets
gcloud secrets describe "$secret" >/dev/null 2>&1 ||
    gcloud secrets create "$secret" --replication-policy=automatic --data-file=-
gcloud secrets add-iam-policy-binding "$secret" --role=roles/secretmanager.secretAccessor \
    --member="serviceAccount:$email"

# Who starts such a build, or makes its trigger, needs roles/iam.serviceAccountUser on the account. For `gcloud builds
# submit` the account also needs roles/storage.objectViewer on the bucket that the source is put into.
