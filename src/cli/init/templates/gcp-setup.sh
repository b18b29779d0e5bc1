#!/usr/bin/env bash
# Google's side, for `cargo-credential-bridge`: run by someone who may. What is there already is left as it is.
set -euo pipefail

project={{project}}
pool_name={{pool-name}}

export CLOUDSDK_CORE_PROJECT=$project
gcloud services enable {{services}}
{{pool}}
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

{{grants}}

echo 'it may take five minutes until all of this counts'
