//! The installed Cargo, with the double of Vault: the whole way, hermetic.
//!
//! `tests/real` runs more of it, with the real Vault and with two versions of Cargo.

use serde_json::json;
use test_servers::{CargoHome, Issuer, Registry, Role, VaultServer, leaks};

use crate::BINARY;

/// A private registry, a Vault with its tokens, and a job on GitHub that may read both.
struct Job {
    registry: Registry,
    issuer: Issuer,
    vault: VaultServer,
    cargo: CargoHome,
}

impl Job {
    fn start() -> Self {
        let registry = Registry::start();
        let issuer = Issuer::start();
        let vault = VaultServer::start();
        vault.put("ci/cargo", json!({ "token": registry.tokens().read }));
        vault.put("ci/publish", json!({ "token": registry.tokens().publish }));
        vault.policy("cargo", &["secret/data/ci/cargo", "secret/data/ci/publish"]);
        vault.role(
            "cargo-ci",
            Role::new(&issuer, "https://vault.example.com", &["cargo"]),
        );
        let cargo = CargoHome::new().in_github(&issuer);
        cargo.registry("corp", &registry.index_url(), &[BINARY]);
        cargo.bridge_config(&format!(
            r#"
            [backends.corp]
            type = "vault"
            address = "{}"
            auth = {{ method = "jwt", role = "cargo-ci", audience = "https://vault.example.com", identity = "github-actions" }}
            [registries."{}"]
            sources = [ {{ backend = "corp", path = "ci/cargo", field = "token" }} ]
            publish = [ {{ backend = "corp", path = "ci/publish", field = "token" }} ]
            "#,
            vault.url(),
            registry.index_url(),
        ));
        Self {
            registry,
            issuer,
            vault,
            cargo,
        }
    }

    fn logins(&self) -> usize {
        let audit = self.vault.audit();
        audit
            .iter()
            .filter(|entry| entry.path == "auth/jwt/login")
            .count()
    }
}

#[test]
fn cargo_builds_with_a_private_crate_and_publishes() {
    let job = Job::start();
    job.registry
        .add_crate("internal", "1.2.3", "pub const ANSWER: u32 = 42;");
    let app = job.cargo.package("app", &[("internal", "1.2")]);
    let before = job.vault.live_tokens();

    let build = job.cargo.run(&app, &["build"]);
    assert!(build.success(), "{}", build.stderr);
    assert_eq!(
        job.logins(),
        1,
        "Cargo asks once, and is told to keep the token for the session"
    );

    let publish = job
        .cargo
        .run(&app, &["publish", "--registry", "corp", "--allow-dirty"]);
    assert!(publish.success(), "{}", publish.stderr);
    assert!(job.registry.has_crate("app"));
    assert_eq!(job.vault.live_tokens(), before, "every login was revoked");

    let tokens = job.registry.tokens();
    for (method, path, authorization) in job.registry.authorizations() {
        let Some(authorization) = authorization else {
            continue;
        };
        let expected = if method == "PUT" {
            &tokens.publish
        } else {
            &tokens.read
        };
        assert_eq!(&authorization, expected, "{method} {path}");
    }

    let secrets = [
        tokens.read.as_str(),
        tokens.publish.as_str(),
        job.issuer.request_token(),
    ];
    leaks::assert_absent(
        &secrets,
        &[
            ("build", build.stderr.as_bytes()),
            ("publish", publish.stderr.as_bytes()),
            ("publish", publish.stdout.as_bytes()),
        ],
    );
    let left = leaks::find_in_dir(job.cargo.path(), &secrets[..2]);
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_cargo_prints_when_vault_refuses() {
    let job = Job::start();
    job.vault.policy("cargo", &["secret/data/other"]);
    job.registry.add_crate("internal", "1.2.3", "");
    let app = job.cargo.package("app", &[("internal", "1.2")]);
    let build = job.cargo.run(&app, &["build"]);
    assert!(!build.success());
    let expected = format!(
        "\
Caused by:
  Vault does not let the jwt role `cargo-ci` read the path `ci/cargo` in the mount `secret`

Caused by:
  GET {}/v1/secret/data/ci/cargo answered 403 Forbidden",
        job.vault.url()
    );
    assert!(build.stderr.contains(&expected), "{}", build.stderr);
    let policy = "
  path \"secret/data/ci/cargo\" {
    capabilities = [\"read\"]
  }";
    assert!(build.stderr.contains(policy), "{}", build.stderr);
}
