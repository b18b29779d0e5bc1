//! The stores of the examples, set up as the examples say.

use std::any::Any;
use std::process::Command;

use serde_json::json;
use test_servers::real_vault::{self, HOST};
use test_servers::{AwsServer, GoogleServer, Issuer, RealVault, Trust};

use crate::runner::source;
use crate::world::Place;

/// Who signs the identities of GitHub's jobs.
pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A store that runs.
pub(crate) struct Store {
    /// The names under which the world knows it, and its port.
    pub(crate) hosts: Vec<(&'static str, u16)>,
    /// The authority of its certificate, where that is not the place's.
    pub(crate) pem: String,
    _held: Box<dyn Any + Send>,
}

/// A real Vault. Its side is made by the example's script; before it, what it can't ask GitHub for from here.
pub(crate) fn vault(place: &Place) -> Store {
    let vault = RealVault::start().unseal();
    vault.root("POST", "sys/auth/jwt", &json!({ "type": "jwt" }));
    let keys = [&place.branch, &place.release].map(Issuer::public_key_pem);
    let config = json!({ "jwt_validation_pubkeys": keys, "bound_issuer": GITHUB });
    vault.root("POST", "auth/jwt/config", &config);
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    vault.root("POST", "sys/mounts/secret", &kv);
    let tokens = &place.tokens;
    for (path, token) in [
        ("ci/cargo", &tokens.read),
        ("ci/cargo-publish", &tokens.publish),
    ] {
        let body = json!({ "data": { "token": token } });
        vault.root("POST", &format!("secret/data/{path}"), &body);
    }
    let program = real_vault::binary();
    let machine = std::env::var("PATH").unwrap();
    let path = format!("{}:{machine}", program.parent().unwrap().display());
    let home = tempfile::tempdir().unwrap();
    let done = Command::new(source("examples/github-vault/vault-setup.sh"))
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.path())
        .env("VAULT_ADDR", vault.url())
        .env("VAULT_CACERT", vault.ca_file())
        .env("VAULT_TOKEN", vault.root_token())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let port = vault.url().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(HOST, "vault.example.com");
    Store {
        hosts: vec![("vault.example.com:8200", port)],
        pem: vault.authority().pem().to_owned(),
        _held: Box::new(vault),
    }
}

/// The double of AWS, with the role that reads.
pub(crate) fn aws(place: &Place) -> Store {
    let names = [
        "sts.eu-west-1.amazonaws.com",
        "secretsmanager.eu-west-1.amazonaws.com",
    ];
    let aws = AwsServer::start_tls(&place.authority.server(&names));
    aws.put(
        "ci/cargo",
        &json!({ "token": place.tokens.read }).to_string(),
    );
    let trust = Trust::new(&place.branch, "sts.amazonaws.com");
    let trust = trust.subject("repo:acme/app:ref:refs/heads/main");
    aws.role("arn:aws:iam::123456789012:role/cargo-ci", trust);
    let port = aws.port();
    Store {
        hosts: vec![
            ("sts.eu-west-1.amazonaws.com:443", port),
            ("secretsmanager.eu-west-1.amazonaws.com:443", port),
        ],
        pem: String::new(),
        _held: Box::new(aws),
    }
}

/// The double of Google, with the pool, and its right to read.
pub(crate) fn google(place: &Place) -> Store {
    const POOL: &str = "projects/123456789012/locations/global/workloadIdentityPools/github";
    let names = ["sts.googleapis.com", "secretmanager.googleapis.com"];
    let google = GoogleServer::start_tls(&place.authority.server(&names));
    google.put("acme-ci", "ci-cargo", place.tokens.read.as_bytes());
    let provider = format!("{POOL}/providers/github");
    google.trust(&provider, &place.branch, &[], None);
    let jobs = format!("principalSet://iam.googleapis.com/{POOL}/attribute.repository/acme/app");
    google.allow(&jobs, "projects/acme-ci/secrets/ci-cargo");
    let port = google.port();
    Store {
        hosts: vec![
            ("sts.googleapis.com:443", port),
            ("secretmanager.googleapis.com:443", port),
        ],
        pem: String::new(),
        _held: Box::new(google),
    }
}
