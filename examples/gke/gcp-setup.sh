#!/usr/bin/env bash
# Google's side of the pod on GKE: run by someone who may, again after a change. Change the project and the names. The
# cluster has Workload Identity Federation: always on Autopilot, and on Standard by
#
#   gcloud container clusters update CLUSTER --location=LOCATION --workload-pool=acme-ci.svc.id.goog
#   gcloud container node-pools update POOL --cluster=CLUSTER --location=LOCATION --workload-metadata=GKE_METADATA
set -euo pipefail

project=acme-ci
namespace=ci
account=cargo-ci
secret=ci-cargo

export CLOUDSDK_CORE_PROJECT=$project
gcloud services enable container.googleapis.com secretmanager.googleapis.com
number=$(gcloud projects describe "$project" --format='value(projectNumber)')
pool_name=projects/$number/locations/global/workloadIdentityPools/$project.svc.id.goog

# The registry's token, from standard input: it is in no command line.
# https://cloud.google.com/secret-manager/docs/manage-access-to-secrets
gcloud secrets describe "$secret" >/dev/null 2>&1 ||
    gcloud secrets create "$secret" --replication-policy=automatic --data-file=-

# Only this service account of this namespace, and without a service account of Google's. All clusters of the project share
# the pool: the same two names in another cluster are the same principal.
# https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
gcloud secrets add-iam-policy-binding "$secret" --role=roles/secretmanager.secretAccessor \
    --member="principal://iam.googleapis.com/$pool_name/subject/ns/$namespace/sa/$account"
