
pool={{pool}}
provider={{provider}}

# https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines
gcloud iam workload-identity-pools describe "$pool" --location=global >/dev/null 2>&1 ||
    gcloud iam workload-identity-pools create "$pool" --location=global

# {{why}}
condition="{{condition}}"
mapping="{{mapping}}"
if found=$(gcloud iam workload-identity-pools providers describe "$provider" \
    --location=global --workload-identity-pool="$pool" --format='value(attributeCondition)' 2>/dev/null); then
    if [[ $found != "$condition" ]]; then
        echo "the provider $provider lets in others, $found: by \`init --provider NAME\` this one has another name" >&2
        exit 1
    fi
else
    gcloud iam workload-identity-pools providers create-oidc "$provider" \
        --location=global --workload-identity-pool="$pool" --issuer-uri={{issuer}} \
        --attribute-mapping="$mapping" --attribute-condition="$condition"
fi
