# What npm has. Read by ci/install, whose names it uses.
# shellcheck shell=bash disable=SC2034,SC2154

readonly RENOVATE_VERSION=44.121.2
readonly RENOVATE_NODE=24.21.0

renovate_path() {
    echo "$cache/renovate-$RENOVATE_VERSION/node_modules/.bin"
}

# The lock is the key, and what stands beside it.
gitlab_ci_local_path() {
    local key
    key=$(cat "$root"/tests/servers/gitlab/*.json "$root"/tests/servers/gitlab/re2/* | sha256sum | cut -c1-16)
    echo "$cache/gitlab-ci-local-$key/node_modules/.bin/gitlab-ci-local"
}

install_renovate() {
    local folder
    folder=$(renovate_path)
    lock renovate
    if [[ -e $folder/renovate ]] && "$folder/node" --version >/dev/null 2>&1; then
        cached "Renovate $RENOVATE_VERSION" "$folder"
        return
    fi
    say "installing Renovate $RENOVATE_VERSION, about a minute"
    package npm npm >/dev/null
    scratch "$cache/renovate-$RENOVATE_VERSION"
    # A Node of its own: it wants a newer one than systems have.
    npm install --prefix "$scratch" --silent --no-audit --no-fund --ignore-scripts \
        "node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')@$RENOVATE_NODE" "renovate@$RENOVATE_VERSION" >&2
    "$scratch/node_modules/.bin/node" --version >&2
    keep "$cache/renovate-$RENOVATE_VERSION"
    echo "$folder"
}

# Without any package's own script: none of them needs to build or to fetch anything.
install_gitlab_ci_local() {
    local program
    program=$(gitlab_ci_local_path)
    lock gitlab-ci-local
    package git git >/dev/null
    package node nodejs >/dev/null
    package rsync rsync >/dev/null
    if [[ -x $program ]]; then
        cached gitlab-ci-local "$program"
        return
    fi
    package npm npm >/dev/null
    say "installing gitlab-ci-local, about 10 seconds"
    scratch "${program%/node_modules/*}"
    cp -r "$root"/tests/servers/gitlab/. "$scratch"
    npm ci --prefix "$scratch" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    "$scratch/node_modules/.bin/gitlab-ci-local" --version >&2
    keep "${program%/node_modules/*}"
    echo "$program"
}
