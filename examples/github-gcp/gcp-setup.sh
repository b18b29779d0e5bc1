#!/usr/bin/env bash
# Google's side, for `cargo-credential-bridge`: run by someone who may. What is there already is left as it is.
set -euo pipefail

project=acme-ci
pool_name=projects/123456789012/locations/global/workloadIdentityPools/github

export CLOUDSDK_CORE_PROJECT=$project
gcloud services enable iam.googleapis.com sts.googleapis.com secretmanager.googleapis.com

pool=github
provider=github

# https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines
gcloud iam workload-identity-pools describe "$pool" --location=global >/dev/null 2>&1 ||
    gcloud iam workload-identity-pools create "$pool" --location=global

# Only this repository, only its branch `main`.
# Only this repository's jobs in the environment `release`, whose reviewers and branches are set there.
condition="assertion.repository == 'acme/app' && assertion.repository_id == '987654321' && assertion.repository_owner_id == '1234567' && (assertion.ref == 'refs/heads/main' || has(assertion.environment) && assertion.environment == 'release')"
mapping="google.subject=assertion.sub,attribute.repository=assertion.repository,attribute.repository_environment=assertion.repository + ':' + (has(assertion.environment) ? assertion.environment : '')"
if found=$(gcloud iam workload-identity-pools providers describe "$provider" \
    --location=global --workload-identity-pool="$pool" --format='value(attributeCondition)' 2>/dev/null); then
    if [[ $found != "$condition" ]]; then
        echo "the provider $provider lets in others, $found: by \`init --provider NAME\` this one has another name" >&2
        exit 1
    fi
else
    gcloud iam workload-identity-pools providers create-oidc "$provider" \
        --location=global --workload-identity-pool="$pool" --issuer-uri=https://token.actions.githubusercontent.com \
        --attribute-mapping="$mapping" --attribute-condition="$condition"
fi

# create_secret NAME MEMBER: a secret with the token from standard input, which is in no command line. This member may read
# it.
# https://cloud.google.com/secret-manager/docs/manage-access-to-secrets
# https://cloud.google.com/iam/docs/principal-identifiers
create_secret() {
    if ! gcloud secrets describe "$1" >/dev/null 2>&1; then
        echo "the token for $1, then Ctrl-D twice:"
        gcloud secrets create "$1" --replication-policy=automatic --data-file=-
    fi
    gcloud secrets add-iam-policy-binding "$1" --role=roles/secretmanager.secretAccessor --member="$2"
}

create_secret ci-cargo "principalSet://iam.googleapis.com/$pool_name/attribute.repository/acme/app"
create_secret ci-cargo-publish "principalSet://iam.googleapis.com/$pool_name/attribute.repository_environment/acme/app:release"

echo 'it may take five minutes until all of this counts'
