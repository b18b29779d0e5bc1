# Debian's packages, and the images that are made of them. Read by ci/install, whose names it uses.
# shellcheck shell=bash disable=SC2034,SC2154

# Another way to make them makes other images.
base_image_path() {
    local key
    key=$(sha256sum "$root/tests/containers/base-image" | cut -c1-16)
    echo "$cache/base-image-$key/storage"
}

install_keyring() {
    package dbus-daemon dbus >/dev/null
    package secret-tool libsecret-tools >/dev/null
    # The system's own Python: another one knows nothing of the system's packages.
    /usr/bin/python3 -c 'import dbus, gi' 2>/dev/null || apt_install python3-dbus python3-gi
    package gnome-keyring-daemon gnome-keyring
}

install_base_image() {
    local storage rustup
    storage=$(base_image_path)
    lock base-image
    package buildah buildah >/dev/null
    if [[ -d $storage ]]; then
        cached 'base images' "$storage"
        return
    fi
    # Where root may look, whoever asks: Debian keeps it out of other people's way.
    PATH=$PATH:/usr/sbin package debootstrap debootstrap >/dev/null
    rustup=$(command -v rustup) || fail 'Rust in an image comes from rustup, which is missing' 'install rustup by https://rustup.rs'
    say 'making the base images, about 2 minutes'
    scratch "$(dirname "$storage")"
    as_root env PATH="$PATH:/usr/sbin" unshare --mount "$root/tests/containers/base-image" "$scratch" "$rustup" >&2
    keep "$(dirname "$storage")"
    echo "$storage"
}

# A command, and the Debian packages that bring it.
package() {
    local command=$1
    shift
    # Files only: bash has a `time` of its own that is none.
    type -P "$command" >/dev/null || apt_install "$@"
    hash -r
    type -P "$command" || fail "\`$command\` is still missing" "install it by hand"
}

apt_install() {
    command -v apt-get >/dev/null || fail "$* missing, and this system has no apt-get" "install it by hand"
    may_be_root || fail "$* missing" "as root: apt-get install $*"
    say "installing $*"
    apt_update
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends --no-upgrade "$@" >/dev/null
}

# The lists are fetched once a run: a new machine may have none, or old ones. A source that does not answer, of a
# package that nobody wants here, is no reason to stop.
apt_update() {
    [[ -z ${apt_updated:-} ]] && may_be_root || return 0
    apt_updated=yes
    as_root apt-get update -qq >&2 || say "going on with the package lists that are there"
}

may_be_root() {
    [[ $(id -u) == 0 ]] || sudo -n true 2>/dev/null
}

# One at a time: apt does not wait for itself, and ci/test has a build in the background that may install something.
as_root() {
    local sudo=()
    [[ $(id -u) == 0 ]] || sudo=(sudo -n)
    (
        flock 8
        "${sudo[@]}" "$@" 8>&- 9>&-
    ) 8>"$cache/.lock-apt"
}

# The newest version of a Debian package that starts with the given text; nothing where there is none.
debian_version() {
    command -v apt-cache >/dev/null || return 0
    apt_update
    apt-cache madison "$1" 2>/dev/null | awk -F'|' -v want="$2" '{ gsub(/ /, "", $2) } $2 ~ "^" want { print $2; exit }'
}
