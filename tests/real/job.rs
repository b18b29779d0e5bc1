//! A job on GitHub that runs a real Cargo, with an auth-required registry whose tokens are in Vault.

use serde_json::{Value, json};
use test_servers::{CargoHome, Issuer, Outcome, Registry, Tokens, leaks};

use crate::BINARY;
use crate::tenant::{AUDIENCE, Tenant};
use crate::vault::vault;

/// How every service token of Vault's starts.
const VAULT_TOKEN: &str = "hvs.CAES";

/// A build script that keeps its environment, as a malicious one would send it away.
pub(crate) const NOSY: &str = "fn main() {\n    \
    let all: String = std::env::vars().map(|(name, value)| format!(\"{name}={value}\\n\")).collect();\n    \
    std::fs::write(format!(\"{}/environment\", std::env::var(\"OUT_DIR\").unwrap()), all).unwrap();\n}\n";

/// The job, with everything that it talks to.
pub(crate) struct Job {
    pub(crate) cargo: CargoHome,
    pub(crate) registry: Registry,
    pub(crate) tenant: Tenant,
    /// The mount of the auth method, with the role `ci` that reads and the role `release` that publishes.
    pub(crate) mount: String,
    issuer: Issuer,
}

impl Job {
    /// A job whose registry demands these tokens, which are in Vault.
    pub(crate) fn start(cargo: CargoHome, tokens: Tokens) -> Self {
        let (tenant, issuer) = (Tenant::with_kv(2), Issuer::start());
        tenant.write(
            "data/ci/cargo",
            &json!({ "data": { "token": tokens.read } }),
        );
        tenant.write(
            "data/ci/cargo-publish",
            &json!({ "data": { "token": tokens.publish } }),
        );
        tenant.policy(&tenant.may_read("data/ci/cargo"));
        let mount = tenant.jwt(&issuer, &Value::Null);
        let release = tenant.mount("release");
        let policy = tenant.may_read("data/ci/cargo-publish");
        vault().root(
            "PUT",
            &format!("sys/policies/acl/{release}"),
            &json!({ "policy": policy }),
        );
        let role = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": [AUDIENCE],
            "bound_claims": { "ref": "refs/heads/main" }, "token_policies": [release],
        });
        vault().root("POST", &format!("auth/{mount}/role/release"), &role);

        let registry = Registry::start_with(tokens);
        cargo.registry("corp", &registry.index_url(), &[BINARY]);
        let cargo = cargo.in_github(&issuer);
        let job = Self {
            cargo,
            registry,
            tenant,
            mount,
            issuer,
        };
        job.configure();
        job
    }

    fn configure(&self) {
        let backend = |name: &str, role: &str| {
            let table = self
                .tenant
                .backend()
                .replace("[backends.corp]", &format!("[backends.{name}]"));
            format!(
                "{table}auth = {{ method = \"jwt\", mount = \"{}\", role = \"{role}\", audience = \"{AUDIENCE}\", identity = \"github-actions\" }}\n",
                self.mount
            )
        };
        let publish =
            "[ { backend = \"release\", path = \"ci/cargo-publish\", field = \"token\" } ]";
        self.cargo.bridge_config(&format!(
            "{}{}\n[registries.\"{}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n\
             publish = {publish}\nyank = {publish}\nunyank = {publish}\nowners = {publish}\n",
            backend("corp", "ci"),
            backend("release", "release"),
            self.registry.index_url(),
        ));
    }

    /// Runs Cargo in a new package that depends on `private-greeting`, with a build script that looks around.
    pub(crate) fn build(&self) -> Outcome {
        let package = self.cargo.package("app", &[("private-greeting", "1")]);
        let _same = self.cargo.package_with("app", &[("build.rs", NOSY)]);
        self.run(&package, &["build"])
    }

    /// Runs Cargo in a package, and searches what it said for the tokens.
    pub(crate) fn run(&self, package: &std::path::Path, arguments: &[&str]) -> Outcome {
        let outcome = self.cargo.run(package, arguments);
        leaks::assert_absent(
            &self.secrets(),
            &[
                ("standard output", outcome.stdout.as_bytes()),
                ("standard error", outcome.stderr.as_bytes()),
            ],
        );
        outcome
    }

    /// Searches every file that there is after a build.
    pub(crate) fn assert_no_leaks(&self) {
        let search = leaks::search_dir(self.cargo.path(), &self.secrets());
        assert!(search.files > 5, "{search:?}");
        assert!(search.found.is_empty(), "{:?}", search.found);
    }

    /// The requests of one login as a role, with its read and its end.
    pub(crate) fn one_of_each(&self, path: &str) -> [String; 3] {
        [
            format!("update auth/{}/login", self.mount),
            format!("read {}/data/{path}", self.tenant.kv()),
            "update auth/token/revoke-self".to_owned(),
        ]
    }

    /// The text with what differs from run to run replaced.
    pub(crate) fn stable(&self, text: &str) -> String {
        text.replace(vault().url(), "https://VAULT")
            .replace(&self.registry.url(), "http://REGISTRY")
            .replace(self.tenant.name(), "NAME")
            .replace(&self.issuer.url(), "http://ISSUER")
            .replace(self.cargo.path().to_str().unwrap(), "JOB")
            .replace(BINARY, "PROVIDER")
    }

    fn secrets(&self) -> [&str; 3] {
        let Tokens { read, publish } = self.registry.tokens();
        [read, publish, VAULT_TOKEN]
    }
}
