#!/usr/bin/env bash
# Says so where the job has no identity, and looks whether the tokens can be had.
# shellcheck disable=SC2016 # backticks are for people
set -euo pipefail
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/workflow-command.sh"

main() {
    one_of identity "$INPUT_IDENTITY" optional required unused
    one_of summary "$INPUT_SUMMARY" true false
    if [[ $INPUT_IDENTITY != unused && -z ${ACTIONS_ID_TOKEN_REQUEST_URL:-} ]]; then
        without_identity
        return
    fi
    local failed=0 line words=()
    case $(trimmed "$INPUT_DOCTOR") in
    false) return ;;
    true) ask || failed=1 ;;
    *)
        while IFS= read -r line; do
            read -r -a words <<<"$line"
            case ${#words[@]} in
            0) ;;
            1) ask "${words[0]}" || failed=1 ;;
            2) ask "${words[0]}" --operation "${words[1]}" || failed=1 ;;
            *) fail "\`$line\` is nothing to look at" 'each line of `doctor` is `name` or `name operation`' ;;
            esac
        done <<<"$INPUT_DOCTOR"
        ;;
    esac
    ((!failed)) || fail '`doctor` has found problems' 'each is said above, with what to do'
}

ask() {
    if [[ $INPUT_SUMMARY == true ]]; then "$PROGRAM" doctor "$@"; else env -u GITHUB_STEP_SUMMARY "$PROGRAM" doctor "$@"; fi
}

without_identity() {
    local why='the permission `id-token: write` is missing' help='add it to the `permissions` of the job'
    if [[ ${IS_FORK:-} == true ]]; then
        why='GitHub gives none to a pull request from a fork' help='build it after a review, by a push to a branch of this repository'
    fi
    [[ $INPUT_IDENTITY != required ]] || fail "no GitHub identity in this job: $why" "$help"
    notice "no GitHub identity in this job ($why): only public dependencies can be built"
    [[ $(trimmed "$INPUT_DOCTOR") == false ]] || say 'doctor is not asked: it would say the same'
}

main
