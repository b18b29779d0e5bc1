#!/bin/sh
# AWS's side of the GitLab example: run once, by someone who may. Change the account, the project and the names; a GitLab
# of your own has its own host in place of gitlab.com.
set -eu

account=123456789012
region=eu-west-1
issuer=gitlab.com

aws iam create-open-id-connect-provider --url "https://$issuer" --client-id-list sts.amazonaws.com

# Only this project, only its main branch. The audience is the job's `aud`.
aws iam create-role --role-name cargo-ci --assume-role-policy-document "{
  \"Version\": \"2012-10-17\",
  \"Statement\": [ {
    \"Effect\": \"Allow\",
    \"Principal\": { \"Federated\": \"arn:aws:iam::$account:oidc-provider/$issuer\" },
    \"Action\": \"sts:AssumeRoleWithWebIdentity\",
    \"Condition\": { \"StringEquals\": {
      \"$issuer:aud\": \"sts.amazonaws.com\",
      \"$issuer:sub\": \"project_path:acme/app:ref_type:branch:ref:main\"
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
