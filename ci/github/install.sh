#!/usr/bin/env bash
# Brings the program to the runner: a release whose checksum and attestation are right, crates.io's, or one that is there.
# shellcheck disable=SC2016 # backticks are for people
set -euo pipefail
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/workflow-command.sh"

readonly REPOSITORY=cargo-credential-bridge/cargo-credential-bridge
readonly RELEASE_WORKFLOW=$REPOSITORY/.github/workflows/release.yml

main() {
    one_of install "$INPUT_INSTALL" release cargo path
    local program version
    if [[ $INPUT_INSTALL == path ]]; then
        [[ -n $INPUT_PATH ]] || fail '`install: path` without a path' 'give the input `path`: the file of the program'
        program=$(absolute "$(posix "$INPUT_PATH")")
        [[ -f $program && -x $program ]] || fail "\`$INPUT_PATH\` is not a program" 'the input `path` is from the workspace on, or absolute'
    else
        version=${INPUT_VERSION#v}
        [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$ ]] ||
            fail "\`$INPUT_VERSION\` is not a version" 'name one, such as `0.1.0`: what is called `latest` changes under you'
        folder=$(posix "${RUNNER_TEMP:?the runner sets it}")/cargo-credential-bridge
        rm -rf "$folder"
        mkdir -p "$folder"
        if [[ $INPUT_INSTALL == release ]]; then from_release; else from_crates_io; fi
    fi
    local said
    said=$("$program" --version) || fail "\`$program\` does not run here" 'is it for this system? `install: cargo` builds it'
    said=${said#cargo-credential-bridge }
    [[ $INPUT_INSTALL == path || $said == "$version" ]] || fail "version $version was asked for, and this is $said" 'look at what `releases` leads to'
    say "$said, at $program"
    set_output path "$(native "$program")"
    set_output version "$said"
    # So that people's commands find it too; Cargo is told the file itself.
    add_path "$(native "$(dirname "$program")")"
}

absolute() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s/%s\n' "$PWD" "$1" ;;
    esac
}

from_release() {
    one_of attestation "$INPUT_ATTESTATION" required off
    local target suffix=.tar.gz exe=
    case ${RUNNER_OS:-}-${RUNNER_ARCH:-} in
    Linux-X64) target=x86_64-unknown-linux-musl ;;
    Linux-ARM64) target=aarch64-unknown-linux-musl ;;
    macOS-X64) target=x86_64-apple-darwin ;;
    macOS-ARM64) target=aarch64-apple-darwin ;;
    Windows-X64) target=x86_64-pc-windows-msvc suffix=.zip exe=.exe ;;
    *) fail "no release is for ${RUNNER_OS:-?} on ${RUNNER_ARCH:-?}" '`install: cargo` builds it' ;;
    esac
    local stem=cargo-credential-bridge-v$version-$target
    local archive=$stem$suffix address=${INPUT_RELEASES%/}/v$version
    cd "$folder"
    fetch "$address/$archive" "$archive"
    check_sum "$archive" "$address"
    check_attestation "$archive"
    # Nothing of it is unpacked before it is known whose it is.
    if [[ $suffix == .zip ]]; then unzip -q "$archive"; else tar -xzf "$archive"; fi
    rm "$archive"
    program=$folder/$stem/cargo-credential-bridge$exe
    [[ -f $program ]] || fail "no program in \`$archive\`" 'look at what `releases` leads to'
}

fetch() {
    case $1 in
    https://*) ;;
    *) fail "\`$1\` is not https" 'the input `releases` starts with `https://`' ;;
    esac
    curl --proto =https --tlsv1.2 --fail --location --silent --show-error --retry 3 --connect-timeout 20 --output "$2" "$1" ||
        fail "can't fetch $1" 'curl says why, above; for a mirror: the input `releases`'
}

check_sum() {
    local archive=$1 wanted=$INPUT_SHA256 source='the input `sha256`' found
    if [[ -z $wanted ]]; then
        source=$2/SHA256SUMS
        fetch "$source" SHA256SUMS
        # By its whole name: another archive's line may end in the same.
        wanted=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' SHA256SUMS)
    fi
    [[ $wanted =~ ^[0-9a-fA-F]{64}$ ]] || fail "no checksum for \`$archive\` in $source" 'it is 64 hexadecimal digits'
    wanted=$(printf %s "$wanted" | tr A-F a-f)
    if command -v sha256sum >/dev/null; then found=$(sha256sum "$archive"); else found=$(shasum -a 256 "$archive"); fi
    found=${found%% *}
    # GNU's marks a name that it had to escape.
    found=${found#\\}
    [[ $found == "$wanted" ]] ||
        fail "the checksum of \`$archive\` is $found, and $source says $wanted" 'it was changed on its way, or is another; nothing of it was run'
    say "$archive has the checksum of $source"
}

check_attestation() {
    if [[ $INPUT_ATTESTATION == off ]]; then
        say 'attestation: off: nobody was asked who built it'
        return
    fi
    command -v gh >/dev/null ||
        fail 'no `gh` here, to check the attestation with' 'install it; or `attestation: off`, with a `sha256` that you have checked yourself'
    # The attestations are at github.com wherever the archive came from.
    GH_HOST=github.com GH_TOKEN=$ATTESTATION_TOKEN gh attestation verify "$1" --repo "$REPOSITORY" \
        --signer-workflow "$RELEASE_WORKFLOW" --source-ref "refs/tags/v$version" --deny-self-hosted-runners ||
        fail "\`$1\` has no attestation of $RELEASE_WORKFLOW at the tag v$version" \
            '`gh` says why, above; nothing of it was run. Where github.com can'"'"'t be asked: `attestation: off`, with a `sha256` that you have checked yourself'
    say "$1 is attested: $RELEASE_WORKFLOW built it from the tag v$version"
}

from_crates_io() {
    # Whatever is built for it has no part in the job's identity. The workspace's settings have none in the build.
    (cd "$folder" && env -u ATTESTATION_TOKEN -u ACTIONS_ID_TOKEN_REQUEST_URL -u ACTIONS_ID_TOKEN_REQUEST_TOKEN \
        cargo install --locked --root "$(native "$folder")" --version "=$version" cargo-credential-bridge) ||
        fail "can't install cargo-credential-bridge $version by cargo" 'Cargo says why, above'
    program=$folder/bin/cargo-credential-bridge
    [[ ${RUNNER_OS:-} != Windows ]] || program=$program.exe
}

main
