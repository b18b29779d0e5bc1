#!/usr/bin/env bash
# What the scripts of the action say to the runner. Sourced by them; written for the bash 3.2 of macOS.
#
# Source: GitHub's pages "Workflow commands" and "Contexts". A line that starts with `::` is a command, and a line of the files
# in GITHUB_ENV, GITHUB_OUTPUT and GITHUB_PATH is a setting: so no value that is written may bring a line of its own.

# A range such as `a-z` is ASCII's.
LC_ALL=C

say() {
    printf 'cargo-credential-bridge: %s\n' "$(one_line "$1")"
}

notice() {
    printf '::notice title=cargo-credential-bridge::%s\n' "$(escaped "$1")"
}

warning() {
    printf '::warning title=cargo-credential-bridge::%s\n' "$(escaped "$1")"
}

# fail WHAT HELP
fail() {
    printf '::error title=cargo-credential-bridge::%s\n' "$(escaped "$1"$'\n'"help: $2")"
    exit 1
}

# one_of NAME VALUE CHOICE...: stops where the value is none of the choices.
one_of() {
    local name=$1 value=$2 choice
    shift 2
    for choice in "$@"; do
        [[ $value != "$choice" ]] || return 0
    done
    fail "the input \`$name\` is \`$value\`" "one of: $*"
}

# set_variable NAME VALUE: for all later steps.
set_variable() {
    write "$GITHUB_ENV" "$1=$2"
}

# set_output NAME VALUE
set_output() {
    write "$GITHUB_OUTPUT" "$1=$2"
}

# add_path FOLDER: before all others, for all later steps.
add_path() {
    write "$GITHUB_PATH" "$1"
}

write() {
    case $2 in
    *$'\n'* | *$'\r'*) fail "a line break in \`$(one_line "$2")\`" "nothing that is set has one" ;;
    esac
    printf '%s\n' "$2" >>"$1"
}

# As the program and Cargo name a path: on Windows, Git's bash has names of its own.
native() {
    if command -v cygpath >/dev/null; then cygpath -m "$1"; else printf '%s\n' "$1"; fi
}

# As bash names it.
posix() {
    if command -v cygpath >/dev/null; then cygpath -u "$1"; else printf '%s\n' "$1"; fi
}

trimmed() {
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s\n' "${text%"${text##*[![:space:]]}"}"
}

one_line() {
    local text=${1//$'\r'/ }
    printf '%s\n' "${text//$'\n'/ }"
}

escaped() {
    local text=${1//'%'/%25}
    text=${text//$'\r'/%0D}
    printf '%s\n' "${text//$'\n'/%0A}"
}
