//! A job that may read a token, and a repository that is checked out in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::json;
use test_servers::cargo::quoted;
use test_servers::{CargoHome, Issuer, Outcome, Registry, Request, Role, VaultServer, leaks};

use crate::BINARY;

/// The user's registry, whose token is in a Vault for this job, and a registry of whoever wrote what is checked out.
pub(crate) struct Job {
    pub(crate) registry: Registry,
    pub(crate) elsewhere: Registry,
    pub(crate) issuer: Issuer,
    pub(crate) vault: VaultServer,
    pub(crate) cargo: CargoHome,
}

impl Job {
    /// The user has said all of it in Cargo's home: where `corp` is, and who has its token.
    pub(crate) fn start() -> Self {
        let job = Self::without_config();
        job.cargo
            .registry("corp", &job.registry.index_url(), &[BINARY]);
        job.cargo
            .bridge_config(&job.config(&job.registry.index_url()));
        job
    }

    /// Nothing is said yet.
    pub(crate) fn without_config() -> Self {
        let (registry, elsewhere) = (Registry::start(), Registry::start());
        let (issuer, vault) = (Issuer::start(), VaultServer::start());
        for registry in [&registry, &elsewhere] {
            registry.add_crate("internal", "1.0.0", "pub const ANSWER: u32 = 42;\n");
        }
        vault.put("ci/cargo", json!({ "token": registry.tokens().read }));
        vault.policy("cargo", &["secret/data/ci/cargo"]);
        vault.role("ci", Role::new(&issuer, "vault", &["cargo"]));
        let cargo = CargoHome::new().in_github(&issuer);
        Self {
            registry,
            elsewhere,
            issuer,
            vault,
            cargo,
        }
    }

    /// Sets a variable for every later run.
    pub(crate) fn env(self, name: &str, value: &str) -> Self {
        Self {
            cargo: self.cargo.env(name, value),
            ..self
        }
    }

    /// A config of ours that maps the token to this registry.
    pub(crate) fn config(&self, index_url: &str) -> String {
        format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\n\
             auth = {{ method = \"jwt\", role = \"ci\", audience = \"vault\", identity = \"github-actions\" }}\n\
             [registries.\"{index_url}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            self.vault.url()
        )
    }

    /// A config of Cargo's with the registry `theirs`, this `credential-provider` of it, and more.
    pub(crate) fn theirs(&self, provider: &str, more: &str) -> String {
        let url = quoted(&self.elsewhere.index_url());
        format!("{more}\n[registries.theirs]\nindex = {url}\ncredential-provider = {provider}\n")
    }

    /// The repository: a package that depends on a crate of this registry, and these files.
    pub(crate) fn tree(&self, registry: &str, files: &[(&str, &str)]) -> PathBuf {
        let manifest = format!(
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n\
             [dependencies]\ninternal = {{ version = \"1\", registry = {registry:?} }}\n"
        );
        let own = [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")];
        self.cargo.package_with("app", &[&own, files].concat())
    }

    /// A program that this repository has, a shell script.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self
            .cargo
            .package_with("app", &[(name, &format!("#!/bin/sh\n{script}"))])
            .join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What a program of the repository has written to this file.
    pub(crate) fn loot(&self) -> String {
        fs::read_to_string(self.cargo.path().join("packages/app/loot")).unwrap_or_default()
    }

    /// `cargo fetch` where the repository is checked out.
    pub(crate) fn fetch(&self) -> Outcome {
        let outcome = self
            .cargo
            .run(&self.cargo.path().join("packages/app"), &["fetch"]);
        self.search_outputs(&outcome);
        outcome
    }

    /// Panics if a secret is in what Cargo and we have said, or in any file.
    pub(crate) fn search_outputs(&self, outcome: &Outcome) {
        let secrets = self.secrets();
        leaks::assert_absent(
            &secrets,
            &[
                ("standard output", outcome.stdout.as_bytes()),
                ("standard error", outcome.stderr.as_bytes()),
            ],
        );
    }

    pub(crate) fn secrets(&self) -> [&str; 3] {
        let tokens = self.registry.tokens();
        [&tokens.read, &tokens.publish, self.issuer.request_token()]
    }

    /// Panics unless the fetch failed for want of a provider, and neither the store nor the CI system was asked.
    pub(crate) fn assert_refused(&self, outcome: &Outcome) {
        assert!(!outcome.success(), "{}", outcome.stderr);
        self.assert_untouched();
        self.assert_nothing_elsewhere();
    }

    pub(crate) fn assert_untouched(&self) {
        assert_eq!(
            (self.vault.connections(), self.issuer.requests().len()),
            (0, 0)
        );
    }

    /// Panics unless the other registry was asked, and was sent nothing that is secret.
    pub(crate) fn assert_nothing_elsewhere(&self) {
        let requests = self.elsewhere.requests();
        assert!(!requests.is_empty());
        self.assert_nothing_in(&requests);
    }

    pub(crate) fn assert_nothing_in(&self, requests: &[Request]) {
        for request in requests {
            assert_eq!(request.header("authorization"), None, "{}", request.path);
            let all = format!("{request:?}");
            leaks::assert_absent(&self.secrets(), &[("a request", all.as_bytes())]);
            leaks::assert_absent(&self.secrets(), &[("a body", &request.body)]);
        }
    }

    /// Panics unless all but the first question went to the user's registry with its token.
    pub(crate) fn assert_fetched(&self, outcome: &Outcome) {
        assert!(outcome.success(), "{}", outcome.stderr);
        let read = Some(self.registry.tokens().read.as_str());
        let shown = self.registry.authorizations();
        let with_token = shown
            .iter()
            .filter(|(_, _, token)| token.as_deref() == read);
        assert!(with_token.count() >= 3, "{shown:?}");
    }
}
