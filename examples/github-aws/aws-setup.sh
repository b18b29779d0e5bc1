#!/bin/sh
# AWS's side of the GitHub example: run once, by someone who may. Change the account, the repository and the names.
set -eu

account=123456789012
region=eu-west-1
issuer=token.actions.githubusercontent.com

aws iam create-open-id-connect-provider --url "https://$issuer" --client-id-list sts.amazonaws.com

# Only this repository, only its main branch.
aws iam create-role --role-name cargo-ci --assume-role-policy-document "{
  \"Version\": \"2012-10-17\",
  \"Statement\": [ {
    \"Effect\": \"Allow\",
    \"Principal\": { \"Federated\": \"arn:aws:iam::$account:oidc-provider/$issuer\" },
    \"Action\": \"sts:AssumeRoleWithWebIdentity\",
    \"Condition\": { \"StringEquals\": {
      \"$issuer:aud\": \"sts.amazonaws.com\",
      \"$issuer:sub\": \"repo:acme/app:ref:refs/heads/main\"
    } }
  } ]
}"

# AWS puts six characters of its own behind a secret's name.
aws iam put-role-policy --role-name cargo-ci --policy-name read-cargo-token --policy-document "{
  \"Version\": \"2012-10-17\",
  \"Statement\": [ {
    \"Effect\": \"Allow\",
    \"Action\": \"secretsmanager:GetSecretValue\",
    \"Resource\": \"arn:aws:secretsmanager:$region:$account:secret:ci/cargo-??????\"
  } ]
}"

# The registry's token as {"token":"…"}, from standard input: it is in no command line.
aws secretsmanager create-secret --region "$region" --name ci/cargo --secret-string file:///dev/stdin
