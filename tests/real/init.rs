//! What `init` makes, taken as it is: its script run by Vault's own command line, and then a real Cargo at once.

use std::process::Output;

use serde_json::{Value, json};
use test_servers::real_vault::binary;
use test_servers::{CargoHome, random};

use crate::initiated::{Initiated, assert_done};
use crate::vault::vault;

const AUDIENCE: &str = "https://127.0.0.1";

/// A registry and a job, of which Vault knows nothing yet.
struct Team {
    job: Initiated,
    /// Marks all that is its own in the Vault.
    name: String,
}

impl Team {
    fn new(cargo: CargoHome) -> Self {
        Self {
            job: Initiated::new(cargo),
            name: random::alphanumeric(12),
        }
    }

    /// Runs `init` for a repository of this CI.
    fn init(&self, ci: &str) {
        let of = |what: &str| format!("{what}-{}", self.name);
        let (mount, auth, role) = (of("kv"), of("auth"), of("cargo"));
        let mut flags = vec!["--store", "vault", "--address", vault().url()];
        flags.extend(["--mount", &mount, "--auth-mount", &auth, "--role", &role]);
        flags.extend(["--ci", ci, "--repository", "acme/app"]);
        self.job.init(&flags);
    }

    /// Runs the script as somebody who may.
    fn set_up(&self, replace: &str) -> Output {
        let authority = vault().ca_file();
        let variables = [
            ("VAULT_ADDR", vault().url()),
            ("VAULT_CACERT", authority.to_str().unwrap()),
            ("VAULT_TOKEN", vault().root_token()),
            ("REPLACE", replace),
        ];
        let token = format!("{}\n", self.job.registry.tokens().read);
        let binary = binary();
        let programs = binary.parent().unwrap();
        self.job.run("vault-setup.sh", programs, &variables, &token)
    }

    /// Whether Vault lets in who shows an identity with these claims.
    fn lets_in(&self, claims: &Value) -> bool {
        let issuer = &self.job.issuer;
        let jwt = issuer.sign(&issuer.claims(AUDIENCE, claims));
        let role = format!("cargo-{}", self.name);
        let path = format!("auth/auth-{}/login", self.name);
        let login = json!({ "role": role, "jwt": jwt });
        vault().ask("POST", &path, "", &login).status == 200
    }

    /// Fetches a crate in a job on GitHub, or one that is given an identity with these claims.
    fn fetch(self, identity: Option<&Value>) {
        let fetched = self.job.fetch(|cargo, issuer| {
            let cargo = cargo.env("VAULT_CACERT", vault().ca_file());
            match identity {
                None => cargo.in_github(issuer),
                Some(claims) => {
                    let token = issuer.sign(&issuer.claims(AUDIENCE, claims));
                    cargo.env("CARGO_ID_TOKEN", token)
                }
            }
        });
        assert!(fetched.success(), "{}", fetched.stderr);
    }
}

#[test]
fn a_github_job() {
    CargoHome::each(|cargo| {
        let team = Team::new(cargo);
        team.init("github");
        assert_done(&team.set_up(""));
        assert!(team.lets_in(&Value::Null));
        for claims in [
            json!({ "ref": "refs/heads/other" }),
            json!({ "ref": "refs/heads/main2" }),
            json!({ "repository": "acme/app2" }),
            json!({ "repository": "acme" }),
            json!({ "aud": "https://else.example.com" }),
        ] {
            assert!(!team.lets_in(&claims), "{claims}");
        }
        team.fetch(None);
    });
}

#[test]
fn a_gitlab_job() {
    let claims = json!({
        "project_path": "acme/app", "ref_type": "branch", "ref": "main", "ref_protected": "true",
    });
    let team = Team::new(CargoHome::new());
    team.init("gitlab");
    assert_done(&team.set_up(""));
    assert!(team.lets_in(&claims));
    for (claim, value) in [
        ("ref_protected", "false"),
        ("ref_type", "tag"),
        ("ref", "other"),
        ("project_path", "acme/other"),
    ] {
        let mut claims = claims.clone();
        claims[claim] = value.into();
        assert!(!team.lets_in(&claims), "{claims}");
    }
    team.fetch(Some(&claims));
}

#[test]
fn what_is_there_is_replaced_only_by_who_says_so() {
    let team = Team::new(CargoHome::new());
    team.init("github");
    assert_done(&team.set_up(""));
    let again = team.set_up("");
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        said.contains("is there already: REPLACE=1 replaces it"),
        "{said}"
    );
    assert_done(&team.set_up("1"));
    team.fetch(None);
}

#[test]
fn another_issuers_mount_is_left_alone() {
    let team = Team::new(CargoHome::new());
    team.init("github");
    let (mount, key) = (
        format!("auth-{}", team.name),
        team.job.issuer.public_key_pem(),
    );
    vault().root(
        "POST",
        &format!("sys/auth/{mount}"),
        &json!({ "type": "jwt" }),
    );
    let config =
        json!({ "jwt_validation_pubkeys": [key], "bound_issuer": "https://else.example.com" });
    vault().root("POST", &format!("auth/{mount}/config"), &config);
    let stopped = team.set_up("1");
    assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
    let said = String::from_utf8(stopped.stderr).unwrap();
    assert!(said.contains("trusts https://else.example.com"), "{said}");
}

/// Outside a cluster Vault has no cluster of its own, so this one is named before.
#[test]
fn a_pod() {
    let team = Team::new(CargoHome::new());
    let of = |what: &str| format!("{what}-{}", team.name);
    let (mount, auth, role) = (of("kv"), of("auth"), of("cargo"));
    let mut flags = vec!["--store", "vault", "--address", vault().url()];
    flags.extend(["--mount", &mount, "--auth-mount", &auth, "--role", &role]);
    flags.extend(["--ci", "kubernetes", "--service-account", "ci/cargo"]);
    team.job.init(&flags);
    vault().root(
        "POST",
        &format!("sys/auth/{auth}"),
        &json!({ "type": "kubernetes" }),
    );
    let cluster = json!({ "kubernetes_host": "https://127.0.0.1:1", "disable_local_ca_jwt": true });
    vault().root("POST", &format!("auth/{auth}/config"), &cluster);
    assert_done(&team.set_up(""));
    let made = vault().root("GET", &format!("auth/{auth}/role/{role}"), &Value::Null);
    let made = &made["data"];
    assert_eq!(made["bound_service_account_names"], json!(["cargo"]));
    assert_eq!(made["bound_service_account_namespaces"], json!(["ci"]));
    assert_eq!(
        (&made["token_policies"], &made["token_ttl"]),
        (&json!([role]), &json!(60))
    );
}
