//! The releases at github.com, with the binary under test as this version's, and a `gh` that says what is attested.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use test_servers::{Authority, Response, Server};

use crate::{BINARY, VERSION};

/// The folders of the releases, as the action knows them.
const PLACE: &str = "/cargo-credential-bridge/cargo-credential-bridge/releases/download/";

/// What `gh` is asked for; a file of its own makes it refuse.
const GH: &str = r#"#!/bin/sh
here=$(dirname "$0")
printf '%s\n' "$@" >"$here/gh-arguments"
[ "$GH_HOST" = github.com ] && [ -n "$GH_TOKEN" ] && [ -f "$3" ] || exit 4
if [ -e "$here/gh-refuses" ]; then
    echo 'Error: no attestations found for subject' >&2
    exit 1
fi
"#;

/// An archive and its checksum.
struct Archive {
    bytes: Vec<u8>,
    sum: String,
}

/// Starts the server of a host; `sums` may change what it says the checksums are.
pub(crate) fn serve(
    host: &str,
    authority: &Authority,
    sums: impl Fn(String) -> String + Send + Sync + 'static,
) -> Server {
    let archive = archive();
    Server::start_tls(&authority.server(&[host]), None, move |request| {
        let path = request.path.strip_prefix(PLACE);
        match path.and_then(|path| path.strip_prefix(&format!("v{VERSION}/"))) {
            Some("SHA256SUMS") => {
                // Another's line, whose name ends in the same.
                let other = format!("{:064}  other-{}\n", 0, name());
                Response::text(200, &sums(format!("{other}{}  {}\n", archive.sum, name())))
            }
            Some(file) if file == name() => Response::bytes(200, archive.bytes.clone()),
            _ => Response::text(404, "Not Found"),
        }
    })
}

/// The checksum of the archive.
pub(crate) fn sum() -> &'static str {
    &archive().sum
}

/// The archive's name.
pub(crate) fn name() -> String {
    format!("{}.tar.gz", stem())
}

fn stem() -> String {
    let arch = std::env::consts::ARCH;
    format!("cargo-credential-bridge-v{VERSION}-{arch}-unknown-linux-musl")
}

/// A directory with `gh` alone.
pub(crate) fn gh(directory: &Path) -> PathBuf {
    let programs = directory.join("programs");
    fs::create_dir_all(&programs).unwrap();
    let program = programs.join("gh");
    fs::write(&program, GH).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    programs
}

fn archive() -> &'static Archive {
    static ARCHIVE: LazyLock<Archive> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join(stem());
        fs::create_dir(&folder).unwrap();
        // Without what is for debuggers: a twentieth to pack.
        run(Command::new("strip")
            .arg("-o")
            .arg(folder.join("cargo-credential-bridge"))
            .arg(BINARY));
        let file = directory.path().join(name());
        run(Command::new("tar")
            .args(["--use-compress-program", "gzip -1", "-cf"])
            .arg(&file)
            .arg("-C")
            .arg(directory.path())
            .arg(stem()));
        let sum = run(Command::new("sha256sum").arg(&file));
        Archive {
            bytes: fs::read(file).unwrap(),
            sum: sum.split(' ').next().unwrap().to_owned(),
        }
    });
    &ARCHIVE
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the system has it");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
