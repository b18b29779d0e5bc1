#!/usr/bin/env bash
# Writes the program's config, and tells Cargo by variables for which registries it asks the program. No token is among them.
# shellcheck disable=SC2016 # backticks are for people
set -euo pipefail
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/workflow-command.sh"

# A file that starts so may be replaced: on a runner that stays, it is the one of the job before.
readonly MARK='# Written by the GitHub action of cargo-credential-bridge'

main() {
    one_of crates-io "$INPUT_CRATES_IO" true false
    write_config
    "$PROGRAM" config check || fail 'the config makes no sense' 'what is wrong with it is said above'
    local provider=$PROGRAM line set_names=
    case $provider in
    # Cargo takes a variable apart at its spaces.
    *[[:space:]]*) provider=cargo-credential-bridge ;;
    esac
    while IFS= read -r line; do
        line=$(trimmed "$line")
        case $line in
        '' | '#'*) ;;
        *=*) add_registry "$(trimmed "${line%%=*}")" "$(trimmed "${line#*=}")" ;;
        *) fail "\`$line\` is not a registry" 'each line of `registries` is `name = index-url`' ;;
        esac
    done <<<"$INPUT_REGISTRIES"
    if [[ $INPUT_CRATES_IO == true ]]; then
        set_variable CARGO_REGISTRY_CREDENTIAL_PROVIDER "$provider"
        say 'Cargo asks for crates.io too'
    fi
}

add_registry() {
    local name=$1 index=$2 variable
    index=${index#[\"\']}
    index=${index%[\"\']}
    [[ $name =~ ^[A-Za-z_][A-Za-z0-9_-]*$ ]] || fail "\`$name\` is not the name of a registry" 'letters, digits, `-` and `_`, as in Cargo'"'"'s config'
    [[ $name != crates-io ]] || fail '`crates-io` is no registry of your own' 'the input is `crates-io: true`'
    [[ $index =~ ^[A-Za-z][A-Za-z0-9+.-]*://[!-~]+$ ]] ||
        fail "\`$index\` is not the index of the registry \`$name\`" 'such as `sparse+https://crates.example.com/index/`'
    variable=CARGO_REGISTRIES_$(printf %s "$name" | tr 'a-z-' 'A-Z_')
    case " $set_names " in
    *" $variable "*) fail "the registry \`$name\` is there twice" 'for Cargo, `-` and `_` are the same here, and so are small letters and capitals' ;;
    esac
    set_names="$set_names $variable"
    set_variable "${variable}_INDEX" "$index"
    set_variable "${variable}_CREDENTIAL_PROVIDER" "$provider"
    local token=${variable}_TOKEN
    [[ -z ${!token:-} ]] || warning "\`$token\` is set, where each build script can read it: take it out of the workflow, Cargo does not need it any more"
    say "Cargo asks for $name, $index"
}

write_config() {
    [[ -z $INPUT_CONFIG || -z $INPUT_CONFIG_FILE ]] || fail 'both `config` and `config-file` are given' 'give one of them'
    if [[ -z $INPUT_CONFIG && -z $INPUT_CONFIG_FILE ]]; then
        say 'no config is given: it is the one that this runner has'
        return
    fi
    local name
    for name in CARGO_CREDENTIAL_BRIDGE_CONFIG CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML; do
        [[ -z ${!name:-} ]] || fail "\`$name\` is set, which hides the config that is given" 'unset it, or give no `config`'
    done
    local text=$INPUT_CONFIG
    if [[ -n $INPUT_CONFIG_FILE ]]; then
        check_event
        [[ -f $INPUT_CONFIG_FILE ]] || fail "\`$INPUT_CONFIG_FILE\` does not exist" 'the input `config-file` is from the workspace on: is it checked out?'
        text=$(<"$INPUT_CONFIG_FILE")
    fi
    # As a file is read: without the line breaks at its end.
    text=$(printf %s "$text")
    local home file before
    home=$(posix "${CARGO_HOME:-$HOME/.cargo}")
    file=$home/credential-bridge.toml
    mkdir -p "$home"
    if [[ -e $file || -L $file ]]; then
        before=$(<"$file")
        [[ $before != "$text" ]] || { say "$file is so already"; return; }
        [[ $before == "$MARK"* ]] ||
            fail "\`$file\` is there already, and is another" 'give no `config` and it counts; or remove it; or set a `CARGO_HOME` for this job'
        [[ $before == "$MARK"$'\n'"$text" ]] || say "$file was of an earlier job, and is replaced"
    fi
    # Not even for a moment may somebody else write to it.
    local new
    new=$(umask 077 && mktemp "$home/credential-bridge.XXXXXX")
    printf '%s\n%s\n' "$MARK" "$text" >"$new"
    mv -f "$new" "$file"
    say "$file is written"
}

# In these events the workflow is the repository's own, with all its rights, and what is checked out may be a stranger's.
check_event() {
    case ${GITHUB_EVENT_NAME:-} in
    pull_request_target | workflow_run | issue_comment)
        fail "\`config-file\` in a job of the event \`$GITHUB_EVENT_NAME\`" 'a stranger may have written what is checked out there: give the text, by `config`'
        ;;
    esac
}

main
