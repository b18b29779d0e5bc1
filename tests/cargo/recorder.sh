#!/bin/sh
# Stands where Cargo finds the provider: notes what Cargo asks, and passes it on.
here=$(dirname "$0")/..
tee -a "$here/requests" | "$here/provider" "$@"
