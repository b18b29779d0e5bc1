//! A job on GitHub with a private registry, whose tokens are in Vault, and with the tools on its `PATH`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use test_servers::{Authority, CargoHome, Issuer, Outcome, Registry, Role, VaultServer, leaks};

use crate::BINARY;

/// Our program, which is on the job's `PATH`.
pub(crate) const PROGRAM: &str = "cargo-credential-bridge";

/// The command line that gives a token to what does not speak Cargo's protocol.
pub(crate) const FROM_STDOUT: &str = "cargo:token-from-stdout cargo-credential-bridge get";

/// How every service token of Vault's starts.
const VAULT_TOKEN: &str = "hvs.CAES";

/// The job, with everything that it talks to.
pub(crate) struct Job {
    pub(crate) cargo: CargoHome,
    pub(crate) registry: Registry,
    vault: VaultServer,
    issuer: Issuer,
}

impl Job {
    /// A job in which Cargo asks us for the tokens of the registry `corp`.
    pub(crate) fn start() -> Self {
        Self::with_nothing_said().told()
    }

    /// The same with HTTPS, for who wants nothing else, and the certificate of its authority in the file `authority.pem`.
    pub(crate) fn start_tls() -> Self {
        let authority = Authority::new();
        let registry = Registry::start_tls(&authority.server(&["127.0.0.1"]));
        let job = Self::with_registry(registry).told();
        let file = job.path("authority.pem");
        std::fs::write(&file, authority.pem()).unwrap();
        job.env("CARGO_HTTP_CAINFO", &file)
    }

    fn told(self) -> Self {
        self.cargo
            .registry("corp", &self.registry.index_url(), &[PROGRAM]);
        self
    }

    /// A job in which we can give these tokens, and Cargo does not know it yet.
    pub(crate) fn with_nothing_said() -> Self {
        Self::with_registry(Registry::start())
    }

    fn with_registry(registry: Registry) -> Self {
        let (issuer, vault) = (Issuer::start(), VaultServer::start());
        vault.put("ci/cargo", json!({ "token": registry.tokens().read }));
        vault.put(
            "ci/cargo-publish",
            json!({ "token": registry.tokens().publish }),
        );
        vault.policy(
            "cargo",
            &["secret/data/ci/cargo", "secret/data/ci/cargo-publish"],
        );
        vault.role(
            "cargo-ci",
            Role::new(&issuer, "https://vault.example.com", &["cargo"]),
        );
        let cargo = CargoHome::new().in_github(&issuer);
        cargo.bridge_config(&format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\n\
             auth = {{ method = \"jwt\", role = \"cargo-ci\", audience = \"https://vault.example.com\", identity = \"github-actions\" }}\n\
             [registries.\"{}\"]\n\
             sources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n\
             publish = [ {{ backend = \"corp\", path = \"ci/cargo-publish\", field = \"token\" }} ]\n",
            vault.url(),
            registry.index_url(),
        ));
        let bin = cargo.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        symlink(BINARY, bin.join(PROGRAM)).unwrap();
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let paths = [bin, tools(), cargo.home().join("bin")]
            .into_iter()
            .chain(std::env::split_paths(&machine));
        let cargo = cargo
            .env("PATH", std::env::join_paths(paths).unwrap())
            // No tool may change the toolchains of this machine.
            .env("RUSTUP_AUTO_INSTALL", "0");
        Self {
            cargo,
            registry,
            vault,
            issuer,
        }
    }

    /// Sets a variable for every later run.
    pub(crate) fn env(self, name: &str, value: &str) -> Self {
        Self {
            cargo: self.cargo.env(name, value),
            ..self
        }
    }

    /// A place below the directory with everything in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.cargo.path().join(name).to_str().unwrap().to_owned()
    }

    /// Adds a version of a crate with a program that says it.
    pub(crate) fn add_program(&self, version: &str) {
        let main = "fn main() { println!(\"{}\", env!(\"CARGO_PKG_VERSION\")); }\n";
        self.registry
            .add_crate_with("internal-tool", version, &[("src/main.rs", main)]);
    }

    /// What the installed program says.
    pub(crate) fn installed(&self) -> String {
        let program = self.cargo.home().join("bin/internal-tool");
        let output = Command::new(program).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Adds a crate to the registry, and makes a package that depends on it.
    pub(crate) fn app(&self) -> PathBuf {
        self.registry
            .add_crate("internal", "1.0.0", "pub const ANSWER: u32 = 42;\n");
        self.cargo.package("app", &[("internal", "1")])
    }

    /// Runs Cargo in a directory, and searches what it said for the tokens.
    pub(crate) fn cargo(&self, dir: &Path, arguments: &[&str]) -> Outcome {
        let outcome = self.cargo.run(dir, arguments);
        self.assert_silent(&outcome);
        outcome
    }

    /// Runs any other program in a directory, as Cargo would be run.
    pub(crate) fn program(&self, dir: &Path, program: &str, arguments: &[&str]) -> Outcome {
        let outcome = self.cargo.run_program(program, dir, arguments);
        self.assert_silent(&outcome);
        outcome
    }

    fn assert_silent(&self, outcome: &Outcome) {
        leaks::assert_absent(
            &self.secrets(),
            &[
                ("standard output", outcome.stdout.as_bytes()),
                ("standard error", outcome.stderr.as_bytes()),
            ],
        );
    }

    /// Checks what a run has left: no token in any file, no token of Vault's alive, and each request to the registry
    /// either without a token or with the one for it. At least one had one.
    pub(crate) fn assert_clean(&self) {
        let search = leaks::search_dir(self.cargo.path(), &self.secrets());
        assert!(search.files > 5, "{search:?}");
        assert!(search.found.is_empty(), "{:?}", search.found);
        assert_eq!(self.vault.live_tokens(), 0, "every login was revoked");
        let tokens = self.registry.tokens();
        let shown = self.registry.authorizations();
        assert!(shown.iter().any(|(_, _, token)| token.is_some()));
        for (method, path, token) in shown {
            let Some(token) = token else { continue };
            let wanted = match method.as_str() {
                "GET" => &tokens.read,
                _ => &tokens.publish,
            };
            assert!(token == *wanted, "{method} {path}: another token");
        }
    }

    /// Whether nobody has shown the registry a token.
    pub(crate) fn nobody_had_a_token(&self) -> bool {
        let shown = self.registry.authorizations();
        shown.iter().all(|(_, _, token)| token.is_none())
    }

    /// How often we have read a secret.
    pub(crate) fn reads(&self, path: &str) -> usize {
        let path = format!("secret/data/{path}");
        let audit = self.vault.audit();
        audit.iter().filter(|entry| entry.path == path).count()
    }

    fn secrets(&self) -> [&str; 4] {
        let tokens = self.registry.tokens();
        [
            &tokens.read,
            &tokens.publish,
            VAULT_TOKEN,
            self.issuer.request_token(),
        ]
    }
}

/// The folder of the tools.
fn tools() -> PathBuf {
    let tools = std::env::var_os("CCB_TOOLS");
    tools
        .expect("CCB_TOOLS names the tools: set it to what `ci/install tools` prints")
        .into()
}
