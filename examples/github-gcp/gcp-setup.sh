#!/usr/bin/env bash
# Google's side of the GitHub example: run by someone who may, again after a change. Change the project, the repository,
# its ids and the names.
set -euo pipefail

project=acme-ci
repository=acme/app
# A name can be given up and taken by others, a number can't: gh api repos/acme/app --jq '.owner.id, .id'
owner_id=1234567
repository_id=987654321
ref=refs/heads/main
environment=release
pool=github
provider=github

export CLOUDSDK_CORE_PROJECT=$project
gcloud services enable iam.googleapis.com sts.googleapis.com secretmanager.googleapis.com
number=$(gcloud projects describe "$project" --format='value(projectNumber)')
pool_name=projects/$number/locations/global/workloadIdentityPools/$pool

# https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines
gcloud iam workload-identity-pools describe "$pool" --location=global >/dev/null 2>&1 ||
    gcloud iam workload-identity-pools create "$pool" --location=global

# Only this repository: jobs of its main branch, and jobs in its environment `release`, whose reviewers and branches are
# set in the repository. Nothing here is bound to `sub`: that of a repository newer than July 2026 has ids in it.
condition="assertion.repository_owner_id == '$owner_id' && assertion.repository_id == '$repository_id' &&
    (assertion.ref == '$ref' || has(assertion.environment) && assertion.environment == '$environment')"
mapping="google.subject=assertion.sub,attribute.repository=assertion.repository"
mapping+=",attribute.repository_environment=assertion.repository + ':' +
    (has(assertion.environment) ? assertion.environment : '')"

verb=create-oidc
gcloud iam workload-identity-pools providers describe "$provider" \
    --location=global --workload-identity-pool="$pool" >/dev/null 2>&1 && verb=update-oidc
gcloud iam workload-identity-pools providers "$verb" "$provider" --location=global --workload-identity-pool="$pool" \
    --issuer-uri=https://token.actions.githubusercontent.com \
    --attribute-mapping="$mapping" --attribute-condition="$condition"

# create_secret NAME ATTRIBUTE: a secret with the token from standard input, which the jobs with this attribute may read.
# https://cloud.google.com/secret-manager/docs/manage-access-to-secrets
# https://cloud.google.com/iam/docs/principal-identifiers
create_secret() {
    if ! gcloud secrets describe "$1" >/dev/null 2>&1; then
        echo "the token for $1:"
        gcloud secrets create "$1" --replication-policy=automatic --data-file=-
    fi
    gcloud secrets add-iam-policy-binding "$1" --role=roles/secretmanager.secretAccessor \
        --member="principalSet://iam.googleapis.com/$pool_name/attribute.$2"
}

# The registry's tokens, from standard input (end each with Ctrl-D twice): they are in no command line.
create_secret ci-cargo "repository/$repository"
create_secret ci-cargo-publish "repository_environment/$repository:$environment"

echo "for the config: provider = \"$pool_name/providers/$provider\" (it may take five minutes until all of this counts)"
