#!/bin/sh
# AWS's side of the runner on EC2: run once, by someone who may. Change the account, the regions and the names.
set -eu

account=123456789012

aws iam create-role --role-name cargo-runner --assume-role-policy-document '{
  "Version": "2012-10-17",
  "Statement": [ {
    "Effect": "Allow",
    "Principal": { "Service": "ec2.amazonaws.com" },
    "Action": "sts:AssumeRole"
  } ]
}'

# In both regions. AWS puts six characters of its own behind a secret's name; a replica has the same ones.
aws iam put-role-policy --role-name cargo-runner --policy-name read-cargo-token --policy-document "{
  \"Version\": \"2012-10-17\",
  \"Statement\": [ {
    \"Effect\": \"Allow\",
    \"Action\": \"secretsmanager:GetSecretValue\",
    \"Resource\": [
      \"arn:aws:secretsmanager:eu-west-1:$account:secret:ci/cargo-??????\",
      \"arn:aws:secretsmanager:eu-central-1:$account:secret:ci/cargo-??????\"
    ]
  } ]
}"

aws iam create-instance-profile --instance-profile-name cargo-runner
aws iam add-role-to-instance-profile --instance-profile-name cargo-runner --role-name cargo-runner

# The registry's token as {"token":"…"}, from standard input: it is in no command line.
aws secretsmanager create-secret --region eu-west-1 --name ci/cargo --secret-string file:///dev/stdin \
    --add-replica-regions Region=eu-central-1

# The runner is then started with (a second hop only for a runner in a container):
#
#   aws ec2 run-instances --iam-instance-profile Name=cargo-runner \
#       --metadata-options HttpTokens=required,HttpPutResponseHopLimit=1 …
