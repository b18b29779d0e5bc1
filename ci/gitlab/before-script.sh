# cargo-credential-bridge: installs the program, writes its config, tells Cargo
# shellcheck shell=sh
# In the job's own shell, so that what it exports is there for `script`; all else of it has names with ccb_.
ccb_fail() {
  printf 'cargo-credential-bridge: %s\nhelp: %s\n' "$1" "$2" >&2
  exit 1
}

ccb_fetch() { # URL FILE
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --proto-redir =https --retry 3 --output "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -q -O "$2" "$1"
  else
    ccb_fail "neither curl nor wget is in this image, to fetch $1" \
      "install one of them, or take an image with the program and set CARGO_CREDENTIAL_BRIDGE_INSTALL to its path"
  fi || ccb_fail "can't fetch $1" \
    "see above; CARGO_CREDENTIAL_BRIDGE_RELEASES names another place, CARGO_CREDENTIAL_BRIDGE_VERSION another release"
}

ccb_sum() { # FILE
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -c1-64
  else
    shasum -a 256 <"$1" | cut -c1-64
  fi
}

ccb_release() {
  case "$(uname -s) $(uname -m)" in
  'Linux x86_64') ccb_target=x86_64-unknown-linux-musl ;;
  'Linux aarch64' | 'Linux arm64') ccb_target=aarch64-unknown-linux-musl ;;
  'Darwin x86_64') ccb_target=x86_64-apple-darwin ;;
  'Darwin arm64') ccb_target=aarch64-apple-darwin ;;
  *) ccb_fail "there is no release for $(uname -s) on $(uname -m)" "CARGO_CREDENTIAL_BRIDGE_INSTALL: cargo builds it" ;;
  esac
  ccb_stem=cargo-credential-bridge-$CARGO_CREDENTIAL_BRIDGE_VERSION-$ccb_target
  ccb_url=$CARGO_CREDENTIAL_BRIDGE_RELEASES/$CARGO_CREDENTIAL_BRIDGE_VERSION
  # What a cache brings back is in here, and is checked as what is fetched.
  ccb_kept=$ccb_home/credential-bridge
  mkdir -p "$ccb_kept" "$ccb_home/bin"
  ccb_want=${CARGO_CREDENTIAL_BRIDGE_SHA256:-}
  if [ -z "$ccb_want" ]; then
    case "$ccb_url" in
    https://*) ;;
    *) ccb_fail "$ccb_url is not https" "or set CARGO_CREDENTIAL_BRIDGE_SHA256 to the sum of $ccb_stem.tar.gz" ;;
    esac
    ccb_fetch "$ccb_url/SHA256SUMS" "$ccb_kept/SHA256SUMS"
    ccb_want=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$ccb_stem\.tar\.gz\$/\1/p" "$ccb_kept/SHA256SUMS")
    [ -n "$ccb_want" ] || ccb_fail "$ccb_url/SHA256SUMS does not have $ccb_stem.tar.gz" \
      "CARGO_CREDENTIAL_BRIDGE_VERSION is a tag, such as v0.1.0"
  fi
  ccb_archive=$ccb_kept/$ccb_stem.tar.gz
  if [ ! -f "$ccb_archive" ] || [ "$(ccb_sum "$ccb_archive")" != "$ccb_want" ]; then
    ccb_fetch "$ccb_url/$ccb_stem.tar.gz" "$ccb_archive"
    ccb_is=$(ccb_sum "$ccb_archive")
    if [ "$ccb_is" != "$ccb_want" ]; then
      rm -f "$ccb_archive"
      ccb_fail "the SHA-256 of $ccb_url/$ccb_stem.tar.gz is $ccb_is, not $ccb_want" \
        "it is not what was released: don't use it; a mirror may have an old file"
    fi
  fi
  tar -xzf "$ccb_archive" -C "$ccb_kept" "$ccb_stem/cargo-credential-bridge" ||
    ccb_fail "can't unpack $ccb_archive" "tar and gzip are needed"
  mv -f "$ccb_kept/$ccb_stem/cargo-credential-bridge" "$ccb_home/bin/"
  rm -rf "${ccb_kept:?}/$ccb_stem"
}

ccb_config() { # COMMAND..., which writes the config
  # New, and for its owner alone: the program refuses a config that others can write, as runners make a File's.
  (umask 077 && "$@" >"$ccb_home/credential-bridge.toml.new") ||
    ccb_fail "can't write $ccb_home/credential-bridge.toml" "CARGO_HOME must be writable"
  mv -f "$ccb_home/credential-bridge.toml.new" "$ccb_home/credential-bridge.toml"
}

: "${CARGO_CREDENTIAL_BRIDGE_INSTALL:=release}"
: "${CARGO_CREDENTIAL_BRIDGE_VERSION:=v0.1.0}"
: "${CARGO_CREDENTIAL_BRIDGE_RELEASES:=https://github.com/cargo-credential-bridge/cargo-credential-bridge/releases/download}"
ccb_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$ccb_home"
ccb_program=cargo-credential-bridge
case "$CARGO_CREDENTIAL_BRIDGE_INSTALL" in
release) ccb_release ;;
cargo)
  cargo install --locked --root "$ccb_home" --version "${CARGO_CREDENTIAL_BRIDGE_VERSION#v}" cargo-credential-bridge ||
    ccb_fail "can't build cargo-credential-bridge" "see above; it wants a C compiler and Rust 1.95 or later"
  ;;
*/*)
  [ -x "$CARGO_CREDENTIAL_BRIDGE_INSTALL" ] || ccb_fail "$CARGO_CREDENTIAL_BRIDGE_INSTALL is no program here" \
    "CARGO_CREDENTIAL_BRIDGE_INSTALL is release, cargo, or the path of the program in this image"
  ccb_program=${CARGO_CREDENTIAL_BRIDGE_INSTALL##*/}
  PATH=$(cd "${CARGO_CREDENTIAL_BRIDGE_INSTALL%/*}/" && pwd):$PATH
  ;;
*) ccb_fail "CARGO_CREDENTIAL_BRIDGE_INSTALL is $CARGO_CREDENTIAL_BRIDGE_INSTALL" "it is release, cargo, or a path" ;;
esac
case "$CARGO_CREDENTIAL_BRIDGE_INSTALL" in release | cargo) PATH=$ccb_home/bin:$PATH ;; esac
export PATH

if [ -n "${CARGO_CREDENTIAL_BRIDGE_CONFIG:-}" ] && [ -n "${CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML:-}" ]; then
  ccb_fail "both CARGO_CREDENTIAL_BRIDGE_CONFIG and CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML are set" \
    "set one of them: a path or a variable of type File, or the text itself"
elif [ -n "${CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML:-}" ]; then
  ccb_config printf '%s\n' "$CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML"
elif [ -n "${CARGO_CREDENTIAL_BRIDGE_CONFIG:-}" ]; then
  [ -f "$CARGO_CREDENTIAL_BRIDGE_CONFIG" ] || ccb_fail "there is no file $CARGO_CREDENTIAL_BRIDGE_CONFIG" \
    "CARGO_CREDENTIAL_BRIDGE_CONFIG is a path, or a variable of type File; the text goes to CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML"
  ccb_config cat "$CARGO_CREDENTIAL_BRIDGE_CONFIG"
elif [ -e "$ccb_home/credential-bridge.toml" ]; then
  # Committed, or from a cache: whoever pushes a branch would say which secret goes to which URL.
  case $ccb_home/ in
  "${CI_PROJECT_DIR:-/dev/null}"/*)
    ccb_fail "$ccb_home/credential-bridge.toml is in the repository's folder, so whoever can push writes it" \
      "set CARGO_CREDENTIAL_BRIDGE_CONFIG or CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML, or a CARGO_HOME outside of the folder"
    ;;
  esac
fi
# There is one config now, and Cargo's home has it.
unset CARGO_CREDENTIAL_BRIDGE_CONFIG CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML
"$ccb_program" config check >/dev/null || exit 1

if [ -n "${CARGO_ID_TOKEN:-}" ] && [ -z "${CARGO_CREDENTIAL_BRIDGE_AUDIENCE:-}" ]; then
  echo "cargo-credential-bridge: CARGO_CREDENTIAL_BRIDGE_AUDIENCE is empty: the job's identity is for nobody, unless it has an aud of its own" >&2
fi

while IFS= read -r ccb_line; do
  ccb_line=$(printf '%s' "$ccb_line" | tr -d ' \t\r')
  ccb_name=${ccb_line%%=*}
  case "$ccb_line" in
  '' | '#'*) continue ;;
  crates-io)
    export "CARGO_REGISTRY_CREDENTIAL_PROVIDER=$ccb_program"
    continue
    ;;
  [!=]*=?*) ;;
  *) ccb_name=' ' ;;
  esac
  case "$ccb_name" in
  *[!A-Za-z0-9_-]*)
    ccb_fail "CARGO_CREDENTIAL_BRIDGE_REGISTRIES has the line \`$ccb_line\`" \
      "each is NAME = URL, as in Cargo's config, or crates-io"
    ;;
  esac
  ccb_name=$(printf '%s' "$ccb_name" | tr 'a-z-' 'A-Z_')
  export "CARGO_REGISTRIES_${ccb_name}_INDEX=${ccb_line#*=}" \
    "CARGO_REGISTRIES_${ccb_name}_CREDENTIAL_PROVIDER=$ccb_program"
done <<CCB_END
${CARGO_CREDENTIAL_BRIDGE_REGISTRIES:-}
CCB_END
