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
environment=release

export CLOUDSDK_CORE_PROJECT=$project
gcloud services enable iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com secretmanager.googleapis.com
number=$(gcloud projects describe "$project" --format='value(projectNumber)')
pool_name=projects/$number/locations/global/workloadIdentityPools/$pool

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
    --attribute-mapping="google.subject=assertion.sub,attribute.project_id=assertion.project_id,\
attribute.project_environment=assertion.project_id + ':' + (has(assertion.environment) ? assertion.environment : '')" \
    --attribute-condition="assertion.project_id == '$gitlab_project' && assertion.ref_type == 'branch' &&
        assertion.ref == '$branch' && assertion.ref_protected == 'true'"

# grant ACCOUNT SECRET ATTRIBUTE VALUE: jobs with this attribute may become the service account, and the service account may read
# this secret and nothing else.
# https://cloud.google.com/iam/docs/principal-identifiers
grant() {
    local email=$1@$project.iam.gserviceaccount.com
    gcloud iam service-accounts describe "$email" >/dev/null 2>&1 ||
        gcloud iam service-accounts create "$1"
    gcloud iam service-accounts add-iam-policy-binding "$email" --role=roles/iam.workloadIdentityUser \
        --member="principalSet://iam.googleapis.com/$pool_name/attribute.$3/$4"

    # The registry's token, from standard input: it is in no command line.
    # https://cloud.google.com/secret-manager/docs/manage-access-to-secrets
    if ! gcloud secrets describe "$2" >/dev/null 2>&1; then
        echo "the token for $2, then Ctrl-D twice:"
        gcloud secrets create "$2" --replication-policy=automatic --data-file=-
    fi
    gcloud secrets add-iam-policy-binding "$2" --role=roles/secretmanager.secretAccessor \
        --member="serviceAccount:$email"
}

grant cargo-ci ci-cargo project_id "$gitlab_project"
grant cargo-ci-publish ci-cargo-publish project_environment "$gitlab_project:$environment"

echo "for the config: provider = \"$pool_name/providers/$provider\" (it may take five minutes until all of this counts)"
