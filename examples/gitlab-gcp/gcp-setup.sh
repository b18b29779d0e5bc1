#!/usr/bin/env bash
# Google's side of the GitLab example: run by someone who may, again after a change. Change the two projects and the names;
# a GitLab of your own has its own address in place of gitlab.com's.
set -euo pipefail

project=acme-ci
issuer=https://gitlab.com
# A path can be given up and taken by others, a number can't: it is on the project's page, behind the three dots.
gitlab_project=12345678
branch=main
pool=gitlab
provider=gitlab
account=cargo-ci
secret=ci-cargo

export CLOUDSDK_CORE_PROJECT=$project
gcloud services enable iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com secretmanager.googleapis.com
number=$(gcloud projects describe "$project" --format='value(projectNumber)')
pool_name=projects/$number/locations/global/workloadIdentityPools/$pool
email=$account@$project.iam.gserviceaccount.com

# https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines
gcloud iam workload-identity-pools describe "$pool" --location=global >/dev/null 2>&1 ||
    gcloud iam workload-identity-pools create "$pool" --location=global

# Only this project, only its main branch, and that only where it is protected: a merge request's pipeline is not. The
# audience is Google's default, the provider's own address: it is the job's `aud`.
verb=create-oidc
gcloud iam workload-identity-pools providers describe "$provider" \
    --location=global --workload-identity-pool="$pool" >/dev/null 2>&1 && verb=update-oidc
gcloud iam workload-identity-pools providers "$verb" "$provider" --location=global --workload-identity-pool="$pool" \
    --issuer-uri="$issuer" \
    --attribute-mapping=google.subject=assertion.sub,attribute.project_id=assertion.project_id \
    --attribute-condition="assertion.project_id == '$gitlab_project' && assertion.ref_type == 'branch' &&
        assertion.ref == '$branch' && assertion.ref_protected == 'true'"

# The jobs may become the service account, and the service account may read this secret and nothing else.
# https://cloud.google.com/iam/docs/principal-identifiers
gcloud iam service-accounts describe "$email" >/dev/null 2>&1 ||
    gcloud iam service-accounts create "$account"
gcloud iam service-accounts add-iam-policy-binding "$email" --role=roles/iam.workloadIdentityUser \
    --member="principalSet://iam.googleapis.com/$pool_name/attribute.project_id/$gitlab_project"

# The registry's token, from standard input: it is in no command line.
# https://cloud.google.com/secret-manager/docs/manage-access-to-secrets
gcloud secrets describe "$secret" >/dev/null 2>&1 ||
    gcloud secrets create "$secret" --replication-policy=automatic --data-file=-
gcloud secrets add-iam-policy-binding "$secret" --role=roles/secretmanager.secretAccessor \
    --member="serviceAccount:$email"

echo "for the config: provider = \"$pool_name/providers/$provider\" (it may take five minutes until all of this counts)"
