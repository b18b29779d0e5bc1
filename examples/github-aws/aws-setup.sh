#!/bin/sh
# AWS's side of the GitHub example: run once, by someone who may. Change the account, the repository and the names.
set -eu

account=123456789012
region=eu-west-1
issuer=token.actions.githubusercontent.com

# create_role NAME SUBJECTS SECRET: a role for the jobs with these subjects, which may read this secret and nothing else.
create_role() {
    aws iam create-role --role-name "$1" --assume-role-policy-document "{
      \"Version\": \"2012-10-17\",
      \"Statement\": [ {
        \"Effect\": \"Allow\",
        \"Principal\": { \"Federated\": \"arn:aws:iam::$account:oidc-provider/$issuer\" },
        \"Action\": \"sts:AssumeRoleWithWebIdentity\",
        \"Condition\": { \"StringEquals\": {
          \"$issuer:aud\": \"sts.amazonaws.com\",
          \"$issuer:sub\": $2
        } }
      } ]
    }"
    # AWS puts six characters of its own behind a secret's name.
    aws iam put-role-policy --role-name "$1" --policy-name read-cargo-token --policy-document "{
      \"Version\": \"2012-10-17\",
      \"Statement\": [ {
        \"Effect\": \"Allow\",
        \"Action\": \"secretsmanager:GetSecretValue\",
        \"Resource\": \"arn:aws:secretsmanager:$region:$account:secret:$3-??????\"
      } ]
    }"
}

aws iam create-open-id-connect-provider --url "https://$issuer" --client-id-list sts.amazonaws.com

# To publish: only jobs in this repository's environment `release`, whose reviewers and branches are set in the repository.
# To read: those, whose subject names no branch, and all jobs of the main branch.
# A repository made, renamed or moved after 15 July 2026 has ids in its subjects: repo:acme@OWNER-ID/app@REPOSITORY-ID:…
release='"repo:acme/app:environment:release"'
create_role cargo-ci "[ \"repo:acme/app:ref:refs/heads/main\", $release ]" ci/cargo
create_role cargo-release "[ $release ]" ci/cargo-publish

# The registry's tokens, each as {"token":"…"}, from standard input (end each with Ctrl-D twice): they are in no command
# line.
echo 'the token to read with:'
aws secretsmanager create-secret --region "$region" --name ci/cargo --secret-string file:///dev/stdin
echo 'the token to publish with:'
aws secretsmanager create-secret --region "$region" --name ci/cargo-publish --secret-string file:///dev/stdin
