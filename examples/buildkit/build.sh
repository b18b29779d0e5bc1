#!/bin/sh
# Builds the image, in a GitLab job whose `id_tokens:` give it CARGO_ID_TOKEN, or on a laptop. The role in Vault and the
# job are those in ../gitlab-vault/.
set -eu

if [ -n "${CARGO_ID_TOKEN:-}" ]; then
    docker buildx build --secret id=job-identity,env=CARGO_ID_TOKEN --tag app .
else
    docker buildx build --secret id=cargo-token,src="$HOME/.config/crates-example-token" --tag app .
fi
