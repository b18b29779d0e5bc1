#!/bin/sh
# AWS's side, for `cargo-credential-bridge`: run by someone who may. What is there already is left as it is, unless
# REPLACE=1 is set.
set -eu
cd "$(dirname "$0")"

account=123456789012
issuer=gitlab.com
export AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1

# create_role NAME: a role with the trust in NAME.trust.json and the rights in NAME.policy.json.
create_role() {
    if ! aws iam get-role --role-name "$1" >/dev/null 2>&1; then
        aws iam create-role --role-name "$1" --assume-role-policy-document "file://$1.trust.json"
    elif [ -n "${REPLACE:-}" ]; then
        aws iam update-assume-role-policy --role-name "$1" --policy-document "file://$1.trust.json"
    else
        echo "the role $1 is there already: REPLACE=1 replaces its trust; by \`init --role NAME\` this one has another name" >&2
        exit 1
    fi
    aws iam put-role-policy --role-name "$1" --policy-name read-cargo-token --policy-document "file://$1.policy.json"
}

# create_secret NAME: the token as {"token":"…"} from standard input, if there is none yet: it is in no command line.
create_secret() {
    if ! aws secretsmanager describe-secret --secret-id "$1" >/dev/null 2>&1; then
        echo "the token for $1 as {\"token\":\"…\"}, then Ctrl-D twice:"
        aws secretsmanager create-secret --name "$1" --secret-string file:///dev/stdin
    fi
}

# Who signs the identities of the jobs: once in an account.
aws iam get-open-id-connect-provider \
    --open-id-connect-provider-arn "arn:aws:iam::$account:oidc-provider/$issuer" >/dev/null 2>&1 ||
    aws iam create-open-id-connect-provider --url "https://gitlab.com" --client-id-list sts.amazonaws.com

# The roles last: once they are there, all is.
create_secret ci/cargo
create_secret ci/cargo-publish
create_role cargo-ci
create_role cargo-ci-publish
