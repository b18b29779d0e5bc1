#!/bin/sh
# {{product}}'s side, for `cargo-credential-bridge`: run by someone who may. What is there already is left as it is, unless
# REPLACE=1 is set.
set -eu
{{namespace}}
# absent NAME COMMAND...: stops where the command finds it, as it may be another's.
absent() {
    name=$1
    shift
    if [ -z "${REPLACE:-}" ] && "$@" >/dev/null 2>&1; then
        echo "$name is there already: REPLACE=1 replaces it; by \`init --role NAME\` this one has another name" >&2
        exit 1
    fi
}

# put PATH FIELD: the token from standard input, if there is none yet: it is in no command line.
put() {
    if {{cli}} kv get -mount={{mount}} -field="$2" "$1" >/dev/null 2>&1; then
        return
    fi
    echo "the token for {{mount}}/$1, then Ctrl-D twice:"
    if {{cli}} kv get -mount={{mount}} "$1" >/dev/null 2>&1; then
        {{cli}} kv patch -mount={{mount}} "$1" "$2=-"
    else
        {{cli}} kv put -mount={{mount}} "$1" "$2=-"
    fi
}

# A KV engine of version 2 at `{{mount}}`, where there is none yet.
{{cli}} secrets list -format=json | grep -q '"{{mount}}/"' ||
    {{cli}} secrets enable -path={{mount}} -version=2 kv

# Who signs the identities of the jobs.
{{cli}} auth list -format=json | grep -q '"{{auth-mount}}/"' ||
    {{cli}} auth enable -path={{auth-mount}} {{method}}
{{auth}}{{grants}}
# The registry's tokens.
{{puts}}
