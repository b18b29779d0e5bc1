#!/bin/sh
# AWS's side of the two accounts: run once, by someone who may in both. `jobs` and `secrets` are two profiles of AWS's
# command line; `ci` and `release` are the roles that the jobs have. Change the accounts and the names.
set -eu

jobs_account=123456789012
secrets_account=210987654321
region=eu-west-1

# create_role PROFILE NAME CALLER CONDITION: a role that this other role may assume.
create_role() {
    aws --profile "$1" iam create-role --role-name "$2" --assume-role-policy-document "{
      \"Version\": \"2012-10-17\",
      \"Statement\": [ {
        \"Effect\": \"Allow\",
        \"Principal\": { \"AWS\": \"arn:aws:iam::$jobs_account:role/$3\" },
        \"Action\": \"sts:AssumeRole\",
        \"Condition\": $4
      } ]
    }"
}

# allow PROFILE ROLE ACTION RESOURCE: gives a role a right.
allow() {
    aws --profile "$1" iam put-role-policy --role-name "$2" --policy-name cargo --policy-document "{
      \"Version\": \"2012-10-17\",
      \"Statement\": [ { \"Effect\": \"Allow\", \"Action\": \"$3\", \"Resource\": \"$4\" } ]
    }"
}

# To read: the job's role, if it also says the external id of the config.
create_role secrets cargo-read ci '{ "StringEquals": { "sts:ExternalId": "acme-ci" } }'
allow secrets cargo-read secretsmanager:GetSecretValue \
    "arn:aws:secretsmanager:$region:$secrets_account:secret:ci/cargo-??????"
allow jobs ci sts:AssumeRole "arn:aws:iam::$secrets_account:role/cargo-read"

# To publish: by way of the hub, which only the release job's role may assume, under the session name of the config.
create_role jobs hub release '{ "StringEquals": { "sts:RoleSessionName": "acme-release" } }'
create_role secrets cargo-publish hub '{ "StringEquals": { "sts:RoleSessionName": "acme-release" } }'
allow jobs release sts:AssumeRole "arn:aws:iam::$jobs_account:role/hub"
allow jobs hub sts:AssumeRole "arn:aws:iam::$secrets_account:role/cargo-publish"
allow secrets cargo-publish secretsmanager:GetSecretValue \
    "arn:aws:secretsmanager:$region:$secrets_account:secret:ci/cargo-publish-??????"
