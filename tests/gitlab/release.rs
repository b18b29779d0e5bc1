//! A server that has what GitHub has: the release, and the files of its tag.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use test_servers::{Authority, Request, Response, Server};

use crate::BINARY;

/// The tag of the release.
pub(crate) const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// The release's folder in its archive for this machine.
pub(crate) fn stem() -> String {
    let target = match std::env::consts::ARCH {
        "aarch64" => "aarch64-unknown-linux-musl",
        _ => "x86_64-unknown-linux-musl",
    };
    format!("cargo-credential-bridge-{TAG}-{target}")
}

/// What is served, and who has signed the server's certificate.
pub(crate) struct Release {
    server: Server,
    authority: Authority,
}

impl Release {
    /// Serves the program under test as the release of this version.
    pub(crate) fn start() -> Self {
        Self::with_sums(sums())
    }

    /// The same with another `SHA256SUMS`.
    pub(crate) fn with_sums(sums: String) -> Self {
        let authority = Authority::new();
        let certificate = authority.server(&["127.0.0.1"]);
        let server = Server::start_tls(&certificate, None, move |request| answer(request, &sums));
        Self { server, authority }
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Where releases are, as `CARGO_CREDENTIAL_BRIDGE_RELEASES` has it.
    pub(crate) fn releases(&self) -> String {
        format!("{}/releases", self.url())
    }

    /// Writes the authority's certificate to a file, with what makes wget take it beside it.
    pub(crate) fn write_authority(&self, directory: &Path) -> PathBuf {
        let path = directory.join("authority.pem");
        fs::write(&path, self.authority.pem()).unwrap();
        let setting = format!("ca_certificate = {}\n", path.display());
        fs::write(directory.join("wgetrc"), setting).unwrap();
        path
    }

    /// The paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        let requests = self.server.requests().into_iter();
        requests.map(|request| request.path).collect()
    }
}

/// The file of sums, as `sha256sum` writes it.
pub(crate) fn sums() -> String {
    format!(
        "{}  another.tar.gz\n{}  {}.tar.gz\n",
        "0".repeat(64),
        sum(),
        stem()
    )
}

/// The sum of the archive.
pub(crate) fn sum() -> String {
    ARCHIVE.1.clone()
}

fn answer(request: &Request, sums: &str) -> Response {
    let path = request.path.as_str();
    if path == format!("/releases/{TAG}/SHA256SUMS") {
        return Response::text(200, sums);
    }
    if path == format!("/releases/{TAG}/{}.tar.gz", stem()) {
        return Response::bytes(200, ARCHIVE.0.clone());
    }
    let tree = format!("/cargo-credential-bridge/cargo-credential-bridge/{TAG}/");
    let file = path.strip_prefix(&tree).map(source);
    match file.and_then(|file| fs::read_to_string(file).ok()) {
        Some(text) => Response::text(200, &text),
        None => Response::text(404, "not found"),
    }
}

/// A file of the sources.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The archive and its sum. What only a debugger reads is taken out of the program, so that it is as small as a release.
static ARCHIVE: LazyLock<(Vec<u8>, String)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join(stem());
    fs::create_dir(&folder).unwrap();
    let program = folder.join("cargo-credential-bridge");
    let stripped = Command::new("strip")
        .args(["-o".as_ref(), program.as_os_str(), BINARY.as_ref()])
        .status();
    assert!(stripped.unwrap().success());
    fs::copy(source("README.md"), folder.join("README.md")).unwrap();
    let archive = directory.path().join("archive.tar.gz");
    let packed = Command::new("tar")
        .args(["-I", "gzip -1", "-cf"])
        .arg(&archive)
        .arg("-C")
        .arg(directory.path())
        .arg(stem())
        .status();
    assert!(packed.unwrap().success());
    let summed = Command::new("sha256sum").arg(&archive).output().unwrap();
    let sum = String::from_utf8(summed.stdout).unwrap();
    (fs::read(archive).unwrap(), sum[..64].to_owned())
});
