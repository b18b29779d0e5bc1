//! Images with tokens in them: the check finds each, and so does the search that the other tests rely on.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use test_servers::{Issuer, leaks, random};

use crate::buildah::Buildah;
use crate::check::{check, check_with};
use crate::image;

/// A folder with a Dockerfile and what it copies, and an image that was built from it.
struct Image {
    buildah: Buildah,
    folder: tempfile::TempDir,
}

impl Image {
    fn build(dockerfile: &str, files: &[(&str, &str)], more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files.iter().chain(&[("Dockerfile", dockerfile)]) {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let buildah = Buildah::above(image::storage());
        let identity = folder.path().join("identity");
        let secrets: &[_] = if identity.exists() {
            &[("job-identity", identity.as_path())]
        } else {
            &[]
        };
        let built = buildah.build(folder.path(), None, "leaky", secrets, more);
        assert!(built.success, "{}", built.log);
        Self { buildah, folder }
    }

    /// What the check finds, without the name of the archive and the help.
    fn findings(&self, kind: &str, options: &[&str]) -> (i32, Vec<String>) {
        let archive = self.buildah.archive("leaky", kind);
        let (code, said) = check(&[options, &[archive.to_str().unwrap()]].concat());
        let name = format!("{}, ", archive.file_name().unwrap().to_str().unwrap());
        let lines = said
            .lines()
            .filter(|line| line.starts_with("refuse") || line.starts_with("warn"));
        (code, lines.map(|line| line.replace(&name, "")).collect())
    }
}

#[test]
fn each_way_into_an_image() {
    let [registry, vault] = [
        random::alphanumeric(32),
        format!("hvs.{}", random::alphanumeric(24)),
    ];
    let identity = Issuer::start().token("https://vault.example.com");
    let dockerfile = format!(
        "FROM debian:bookworm-slim\n\
         ARG CARGO_REGISTRIES_CORP_TOKEN\n\
         ENV VAULT_TOKEN={vault}\n\
         COPY credentials.toml /root/.cargo/\n\
         COPY credential-bridge.toml /etc/cargo-credential-bridge/config.toml\n\
         RUN rm /root/.cargo/credentials.toml\n\
         RUN --mount=type=secret,id=job-identity cp /run/secrets/job-identity /srv/kept\n"
    );
    let credentials = format!("[registries.corp]\ntoken = \"{registry}\"\n");
    let image = Image::build(
        &dockerfile,
        &[
            ("credentials.toml", &credentials),
            (
                "credential-bridge.toml",
                "[backends.corp]\ntype = \"file\"\n",
            ),
            ("identity", &identity),
        ],
        &[&format!(
            "--build-arg=CARGO_REGISTRIES_CORP_TOKEN={registry}"
        )],
    );
    for kind in ["docker-archive", "oci-archive"] {
        let (code, found) = image.findings(kind, &[]);
        assert_eq!(code, 1);
        let told = |what: &str| {
            assert!(
                found.iter().any(|line| line.contains(what)),
                "{what}: {found:#?}"
            );
        };
        told("refuse [variable] variables: `VAULT_TOKEN` has a value");
        told("refuse [history] history: `VAULT_TOKEN` has a value");
        told("refuse [history] history: `CARGO_REGISTRIES_CORP_TOKEN` has a value");
        told("refuse [history] its configuration: a Vault token");
        told("/root/.cargo/credentials.toml: Cargo's registry tokens");
        told("/srv/kept: an identity token");
        assert!(
            found
                .iter()
                .any(|line| line.starts_with("warn [config] layer ")
                    && line.ends_with("/etc/cargo-credential-bridge/config.toml: a config of cargo-credential-bridge")),
            "{found:#?}"
        );
        leaks::assert_absent(
            &[&registry, &vault, &identity],
            &[("the findings", found.join("\n").as_bytes())],
        );
    }
    // The search of the other tests finds all three in what buildah keeps.
    for secret in [&registry, &vault, &identity] {
        let found = leaks::find_in_dir(&image.buildah.storage(), &[secret]);
        assert!(!found.is_empty());
    }
}

#[test]
fn a_secret_that_has_no_shape() {
    let secret = random::alphanumeric(40);
    let encoded = STANDARD.encode(format!("user:{secret}"));
    let image = Image::build(
        "FROM scratch\nCOPY plain encoded /srv/\n",
        &[("plain", &format!("x{secret}x")), ("encoded", &encoded)],
        &[],
    );
    assert_eq!(image.findings("oci-archive", &[]), (0, vec![]));
    let file = image.folder.path().join("secret");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let file = file.to_str().unwrap();
    let (code, mut found) = image.findings("oci-archive", &["--secret-file", file]);
    found.sort();
    assert_eq!(
        (code, found),
        (
            1,
            vec![
                format!(
                    "refuse [secret] layer 1 of 1, /srv/encoded: what is in `{file}`, in base64"
                ),
                format!("refuse [secret] layer 1 of 1, /srv/plain: what is in `{file}`"),
            ]
        )
    );
    let archive = image.buildah.archive("leaky", "docker-archive");
    let (code, said) = check_with(
        &["--secret-env", "JOB_TOKEN", archive.to_str().unwrap()],
        &[("JOB_TOKEN", &secret)],
    );
    assert!(
        code == 1 && said.contains("the value of `JOB_TOKEN`"),
        "{said}"
    );
    assert!(!said.contains(&secret));
}

#[test]
fn what_is_nobodys_token() {
    let issuer = Issuer::start();
    let old =
        issuer.sign(&issuer.claims("a", &json!({ "iat": 1_500_000_000, "exp": 1_500_000_300 })));
    let sample =
        issuer.sign(&json!({ "sub": "1234567890", "name": "John Doe", "iat": 1_516_239_022 }));
    let files = [
        (
            "tests.rs",
            format!("const OLD: &str = \"{old}\";\nconst SAMPLE: &str = \"{sample}\";\n"),
        ),
        (
            "README.md",
            "VAULT_TOKEN=hvs.xxx, `CARGO_REGISTRY_TOKEN=…`\n".to_owned(),
        ),
        // As an empty mount point is left, and as Cargo writes the file when the last token is taken out.
        ("empty", String::new()),
        ("credentials.toml", "[registries.corp]\n".to_owned()),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let image = Image::build(
        "FROM scratch\nENV VAULT_ADDR=https://vault.example.com CARGO_REGISTRY_TOKEN=\n\
         COPY tests.rs README.md /srv/\nCOPY empty /run/secrets/job-identity\nCOPY credentials.toml /root/.cargo/\n",
        &files,
        &[],
    );
    assert_eq!(image.findings("docker-archive", &[]), (0, vec![]));
}

#[test]
fn a_secret_written_into_a_config() {
    let image = Image::build(
        "FROM scratch\nCOPY credential-bridge.toml /root/.cargo/\n",
        &[(
            "credential-bridge.toml",
            "[backends.corp]\n# token = \"x\"\nauth = { method = \"token\", token = \"0123456789\" }\n",
        )],
        &[],
    );
    let at = "layer 1 of 1, /root/.cargo/credential-bridge.toml";
    let found = [
        format!("warn [config] {at}: a config of cargo-credential-bridge"),
        format!("refuse [inline] {at}: a secret written into a config"),
    ];
    assert_eq!(image.findings("oci-archive", &[]), (1, found.to_vec()));
    let allowed = ["--allow", "inline:root/*", "--allow", "config"];
    assert_eq!(image.findings("oci-archive", &allowed), (0, vec![]));
}
