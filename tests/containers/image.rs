//! The image with the program alone: static, at work in an empty root, and what it says where there are no authorities.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use test_servers::provider::{error_text, get_request};
use test_servers::{Authority, VaultServer, random};

use crate::buildah::{Buildah, Given};
use crate::source;

/// The image, as the Dockerfiles of the examples call it.
pub(crate) const IMAGE: &str = "ghcr.io/cargo-credential-bridge/cargo-credential-bridge:0.1.0";

const URL: &str = "sparse+https://crates.example.com/index/";
const PROGRAM: &str = "/cargo-credential-bridge";

/// A storage with the image in it, built once for all tests: the release build takes minutes, and seconds with its caches.
pub(crate) fn storage() -> &'static Buildah {
    static STORAGE: OnceLock<Result<Buildah, String>> = OnceLock::new();
    let storage = STORAGE.get_or_init(|| {
        let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("containers");
        let buildah = Buildah::with_caches(directory);
        let dockerfile = source("ci/containers/Dockerfile");
        let built = buildah.build(&source(""), Some(&dockerfile), IMAGE, &[], &[]);
        // What fails fails once, and not anew for each test.
        match built.success {
            true => Ok(buildah),
            false => Err(built.log),
        }
    });
    storage.as_ref().unwrap_or_else(|log| panic!("{log}"))
}

#[test]
fn the_program_is_static() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    storage().take(IMAGE, "cargo-credential-bridge", &program);
    let told = Command::new("ldd").arg(&program).output().unwrap();
    let told = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
    assert!(
        told.contains("statically linked") || told.contains("not a dynamic executable"),
        "{told}"
    );
}

#[test]
fn it_says_its_version_as_nobody() {
    let buildah = Buildah::above(storage());
    let output = buildah.run_in(IMAGE, &Given::default(), &[PROGRAM, "--version"]);
    let version = format!("cargo-credential-bridge {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), version);
}

#[test]
fn it_answers_cargo_by_the_authorities_that_it_is_told() {
    let job = Job::start();
    let authority = job.folder.path().join("ca.pem");
    std::fs::write(&authority, job.authority.pem()).unwrap();
    let answer = job.ask(
        IMAGE,
        &[("SSL_CERT_FILE", "/ca.pem")],
        &[(&authority, "/ca.pem")],
    );
    assert_eq!(answer["Ok"]["token"], job.token.as_str());
    // The image has the public authorities, of which none is this server's.
    let text = error_text(&job.ask(IMAGE, &[], &[]));
    assert!(
        text.contains("its certificate authority is not trusted here"),
        "{text}"
    );
}

#[test]
fn an_image_without_authorities() {
    let job = Job::start();
    let dockerfile = job.folder.path().join("Dockerfile");
    std::fs::write(
        &dockerfile,
        format!("FROM scratch\nCOPY --from={IMAGE} {PROGRAM} /\n"),
    )
    .unwrap();
    let built = job
        .buildah
        .build(job.folder.path(), None, "alone", &[], &[]);
    assert!(built.success, "{}", built.log);
    let text = error_text(&job.ask("alone", &[], &[]));
    assert!(
        text.starts_with("this system has no certificate authorities"),
        "{text}"
    );
    assert!(text.contains("help: "), "{text}");
}

/// A job whose secret is in a Vault with a certificate of its own authority.
struct Job {
    authority: Authority,
    vault: VaultServer,
    token: String,
    buildah: Buildah,
    folder: tempfile::TempDir,
}

impl Job {
    fn start() -> Self {
        let authority = Authority::new();
        let vault = VaultServer::start_tls(&authority.server(&["127.0.0.1"]));
        let token = random::alphanumeric(24);
        vault.put("ci/cargo", json!({ "token": token }));
        vault.policy("cargo-ci", &["secret/data/ci/cargo"]);
        Self {
            authority,
            vault,
            token,
            buildah: Buildah::above(storage()),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The program's answer in a container of the image.
    fn ask(
        &self,
        image: &str,
        variables: &[(&str, &str)],
        files: &[(&std::path::Path, &str)],
    ) -> Value {
        let config = format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\n\n\
             [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            self.vault.url()
        );
        let login = self.vault.token(&["cargo-ci"]);
        let own = [
            ("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", config.as_str()),
            ("VAULT_TOKEN", login.as_str()),
        ];
        let given = Given {
            variables: &[&own, variables].concat(),
            files,
            input: &get_request(URL, "read"),
        };
        let output = self
            .buildah
            .run_in(image, &given, &[PROGRAM, "--cargo-plugin"]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer = stdout.strip_prefix("{\"v\":[1]}\n");
        let answer = answer.unwrap_or_else(|| panic!("{output:?}"));
        serde_json::from_str(answer).unwrap()
    }
}
