//! `examples/buildkit` with a private crate, unchanged but for its addresses: the identity of the job is a secret mount, and
//! nothing of any secret is in a layer, in the history or in the log.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use test_servers::google_fake::SECRET_ACCESSOR;
use test_servers::vault::Role;
use test_servers::{CargoHome, GoogleFake, Issuer, Registry, Tokens, VaultServer, leaks};

use crate::buildah::Buildah;
use crate::check;
use crate::image;
use crate::source;

const PROJECT: &str = "acme-ci";
const NUMBER: &str = "123456789012";
const POOL: &str = "projects/123456789012/locations/global/workloadIdentityPools/github";

/// A build script that keeps all that it can see, as a malicious one would send it away.
const NOSY: &str = r#"
fn main() {
    let mut seen: String = std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
    for file in std::fs::read_dir("/run/secrets").into_iter().flatten().flatten() {
        seen += &std::fs::read_to_string(file.path()).unwrap_or_default();
    }
    std::fs::write(format!("{}/seen", std::env::var("OUT_DIR").unwrap()), seen).unwrap();
}
"#;

/// A package with a private dependency and its lock file, beside the files of the example.
struct Package {
    registry: Registry,
    cargo: CargoHome,
}

impl Package {
    fn new(config: &str) -> Self {
        let (registry, cargo) = (Registry::start(), CargoHome::new());
        let library =
            "pub fn greeting() -> &'static str {\n    \"hello from a private crate\"\n}\n";
        registry.add_crate_with(
            "private-greeting",
            "1.0.0",
            &[("src/lib.rs", library), ("build.rs", NOSY)],
        );
        cargo.registry("corp", &registry.index_url(), &["cargo:token"]);
        let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
                        private-greeting = { version = \"1\", registry = \"corp\" }\n";
        let main = "fn main() {\n    println!(\"{}\", private_greeting::greeting());\n}\n";
        let folder = cargo.package_with("app", &[("Cargo.toml", manifest), ("src/main.rs", main)]);
        let cargo = cargo.env("CARGO_REGISTRIES_CORP_TOKEN", &registry.tokens().read);
        let locked = cargo.run(&folder, &["generate-lockfile"]);
        assert!(locked.success(), "{}", locked.stderr);
        let package = Self { registry, cargo };
        package.write(
            "Dockerfile",
            &fs::read_to_string(source("examples/buildkit/Dockerfile")).unwrap(),
        );
        package.write("credential-bridge.toml", config);
        package
    }

    /// Writes a file of the example with the registry's address in place of the example's.
    fn write(&self, file: &str, text: &str) {
        let example = "sparse+https://crates.example.com/index/";
        assert!(text.contains(example), "{file} names the registry");
        let text = text.replace(example, &self.registry.index_url());
        let _folder = self.cargo.package_with("app", &[(file, &text)]);
    }

    /// Builds the image with a token of the job, runs it, and searches everything that is left for the secrets. `shown` gives
    /// those that were made on the way.
    fn builds(&self, identity: &str, shown: impl Fn() -> Vec<String>) {
        let buildah = Buildah::above(image::storage());
        let folder = self.cargo.path().join("packages/app");
        let file = self.cargo.path().join("identity");
        fs::write(&file, format!("{identity}\n")).unwrap();
        let before = self.registry.requests().len();
        let built = buildah.build(&folder, None, "app", &[("job-identity", &file)], &[]);
        assert!(built.success, "{}", built.log);
        let output = buildah.run_in("app", &Default::default(), &["app"]);
        assert_eq!(output.stdout, b"hello from a private crate\n", "{output:?}");
        let asked = &self.registry.authorizations()[before..];
        let Tokens { read, publish } = self.registry.tokens();
        assert!(
            asked.len() > 2
                && asked[1..]
                    .iter()
                    .all(|(_, _, shown)| shown.as_deref() == Some(read))
        );

        let shown = shown();
        assert!(!shown.is_empty());
        let mut secrets = vec![identity, read, publish];
        secrets.extend(shown.iter().map(String::as_str));
        leaks::assert_absent(&secrets, &[("the build's log", built.log.as_bytes())]);
        // The layers of all stages as folders, and each image's configuration and history.
        let search = leaks::search_dir(&buildah.storage(), &secrets);
        assert!(search.files > 100, "{}", search.files);
        assert!(search.found.is_empty(), "{:?}", search.found);
        for kind in ["docker-archive", "oci-archive"] {
            let archive = buildah.archive("app", kind);
            let found = check::check(&[
                "--strict",
                "--secret-file",
                file.to_str().unwrap(),
                archive.to_str().unwrap(),
                folder.join("Dockerfile").to_str().unwrap(),
            ]);
            assert_eq!(
                found,
                (0, "2 looked into, 0 refused, 0 warnings\n".to_owned())
            );
        }
        assert!(
            !Path::new("/run/secrets/job-identity").exists(),
            "the mount was the build's"
        );
    }
}

/// A file of the example with more lines after some of its own, which lead to this machine's servers.
fn pointed(file: &str, changes: &[(&str, String)]) -> String {
    let text = fs::read_to_string(source(&format!("examples/buildkit/{file}"))).unwrap();
    changes.iter().fold(text, |text, (line, new)| {
        assert_eq!(text.matches(line).count(), 1, "{line} is there once");
        text.replace(line, new)
    })
}

#[test]
fn by_google() {
    let (google, issuer) = (GoogleFake::start(), Issuer::start());
    google.project(PROJECT, NUMBER);
    let provider = format!("{POOL}/providers/github");
    google.trust(
        &provider,
        &issuer,
        &json!({ "google.subject": "assertion.sub" }),
        &[],
    );
    let package = Package::new(&pointed(
        "google.toml",
        &[
            (
                "type = \"gcp\"",
                format!("type = \"gcp\"\nendpoint = \"{}\"", google.url()),
            ),
            (
                "method = \"workload-identity\"",
                format!(
                    "method = \"workload-identity\"\nsts-endpoint = \"{}\"",
                    google.url()
                ),
            ),
        ],
    ));
    google.put_secret(PROJECT, "ci-cargo", &package.registry.tokens().read);
    let claims = issuer.claims(
        &format!("https://iam.googleapis.com/{provider}"),
        &Value::Null,
    );
    let member = format!(
        "principal://iam.googleapis.com/{POOL}/subject/{}",
        claims["sub"].as_str().unwrap()
    );
    google.bind(
        &format!("projects/{PROJECT}/secrets/ci-cargo"),
        SECRET_ACCESSOR,
        &member,
    );
    package.builds(&issuer.sign(&claims), || {
        let requests = google.requests();
        let shown = requests
            .iter()
            .filter_map(|request| request["headers"]["authorization"].as_str());
        shown
            .filter_map(|value| value.split(' ').nth(1))
            .map(str::to_owned)
            .collect()
    });
}

#[test]
fn by_vault() {
    const AUDIENCE: &str = "https://vault.example.com";
    let (vault, issuer) = (VaultServer::start(), Issuer::start());
    vault.policy("cargo-ci", &["secret/data/ci/cargo"]);
    vault.role("cargo-ci", Role::new(&issuer, AUDIENCE, &["cargo-ci"]));
    // The double has the auth method where Vault has it by default.
    let package = Package::new(&pointed(
        "credential-bridge.toml",
        &[
            ("https://vault.example.com:8200", vault.url()),
            ("mount = \"gitlab\", ", String::new()),
        ],
    ));
    vault.put(
        "ci/cargo",
        json!({ "token": package.registry.tokens().read }),
    );
    package.builds(&issuer.token(AUDIENCE), || {
        let requests = vault.requests();
        let shown = requests
            .iter()
            .filter_map(|request| request.header("x-vault-token"));
        shown.map(str::to_owned).collect()
    });
    assert_eq!(vault.live_tokens(), 0, "the login is revoked");
}
