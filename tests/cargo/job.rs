//! A job with a private registry, and the provider in two places where Cargo may find it.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::Value;
use test_servers::cargo::quoted;
use test_servers::{CargoHome, Outcome, Registry, leaks};

use crate::BINARY;

/// Notes each request, and passes it on to the provider.
const RECORDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cargo/recorder.sh");

/// Gives the answer that is beside it.
const PLUGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cargo/plugin.sh");

/// The name of the program, which is on the job's `PATH`.
pub(crate) const PROGRAM: &str = "cargo-credential-bridge";

/// A `CARGO_HOME`, a registry with the crate `internal`, and its tokens in the job's environment.
pub(crate) struct Job {
    pub(crate) cargo: CargoHome,
    pub(crate) registry: Registry,
}

impl Job {
    /// Nothing tells this Cargo yet who has the registry's tokens.
    pub(crate) fn start(cargo: CargoHome) -> Self {
        let job = Self::start_with(cargo, Registry::start());
        let url = job.registry.index_url();
        job.bridge_config(&format!(
            "[registries.\"{url}\"]\n\
             sources = [ {{ backend = \"job\", var = \"BRIDGE_READ\" }} ]\n\
             publish = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]\n\
             yank = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]\n\
             unyank = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]\n\
             owners = [ {{ backend = \"job\", var = \"BRIDGE_PUBLISH\" }} ]"
        ));
        job
    }

    /// With another registry, and no config for the provider.
    pub(crate) fn start_with(cargo: CargoHome, registry: Registry) -> Self {
        registry.add_crate("internal", "1.0.0", "pub const ANSWER: u32 = 42;\n");
        let root = cargo.path().to_owned();
        symlink(BINARY, root.join("provider")).unwrap();
        for place in ["bin", "my tools"] {
            std::fs::create_dir(root.join(place)).unwrap();
            symlink(RECORDER, root.join(place).join(PROGRAM)).unwrap();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(root.join("bin")).chain(std::env::split_paths(&path));
        let cargo = cargo
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("BRIDGE_READ", registry.tokens().read.as_str())
            .env("BRIDGE_PUBLISH", registry.tokens().publish.as_str());
        Self { cargo, registry }
    }

    /// Sets a variable for every later run.
    pub(crate) fn env(self, name: &str, value: &str) -> Self {
        Self {
            cargo: self.cargo.env(name, value),
            registry: self.registry,
        }
    }

    /// The config of the provider, with the variables of this job as the backend `job`.
    pub(crate) fn bridge_config(&self, text: &str) {
        self.cargo
            .bridge_config(&format!("[backends.job]\ntype = \"env\"\n{text}\n"));
    }

    /// Cargo's config in its home, with the registry `corp`, this `credential-provider` of it, and more.
    pub(crate) fn corp(&self, provider: Option<&str>, more: &str) {
        let url = quoted(&self.registry.index_url());
        let mut text = format!("{more}\n[registries.corp]\nindex = {url}\n");
        if let Some(provider) = provider {
            writeln!(text, "credential-provider = {provider}").unwrap();
        }
        self.cargo.config(&text);
    }

    /// The path of the program that has no space in it.
    pub(crate) fn path(&self) -> String {
        self.at("bin").to_str().unwrap().to_owned()
    }

    /// The path of the program that has a space in it.
    pub(crate) fn path_with_space(&self) -> String {
        self.at("my tools").to_str().unwrap().to_owned()
    }

    fn at(&self, place: &str) -> PathBuf {
        self.cargo.path().join(place).join(PROGRAM)
    }

    /// One list of sources for all that is done with the registry.
    pub(crate) fn sources(&self, sources: &str) {
        let url = self.registry.index_url();
        self.bridge_config(&format!("[registries.\"{url}\"]\nsources = [ {sources} ]"));
    }

    /// A plugin that gives this answer, as a source.
    pub(crate) fn plugin(&self, answer: &Value) -> String {
        let path = self.cargo.path().join("bin/cargo-credential-answer");
        if !path.exists() {
            symlink(PLUGIN, &path).unwrap();
        }
        std::fs::write(path.with_extension("answer"), format!("{answer}\n")).unwrap();
        quoted(path.to_str().unwrap())
    }

    /// How often that plugin was asked.
    pub(crate) fn plugin_was_asked(&self) -> usize {
        let asked = self.cargo.path().join("bin/cargo-credential-answer.asked");
        std::fs::read_to_string(asked)
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// A package that depends on `internal` of the registry `corp`.
    pub(crate) fn app(&self) -> PathBuf {
        self.cargo.package("app", &[("internal", "1")])
    }

    /// Adds a file to that package.
    pub(crate) fn in_the_app(&self, path: &str, content: &str) {
        let _app = self.cargo.package_with("app", &[(path, content)]);
    }

    /// Runs Cargo in a directory and searches its output for the tokens.
    pub(crate) fn run(&self, dir: &std::path::Path, arguments: &[&str]) -> Outcome {
        let outcome = self.cargo.run(dir, arguments);
        self.assert_no_leaks(&outcome);
        outcome
    }

    pub(crate) fn assert_no_leaks(&self, outcome: &Outcome) {
        let tokens = self.registry.tokens();
        leaks::assert_absent(
            &[&tokens.read, &tokens.publish],
            &[
                ("standard error", outcome.stderr.as_bytes()),
                ("standard output", outcome.stdout.as_bytes()),
            ],
        );
    }

    /// Fetches what the app depends on, with `-v` and these flags, and gives what Cargo says.
    pub(crate) fn fetch(&self, flags: &[&str]) -> Outcome {
        let arguments = [&["fetch", "-v"], flags].concat();
        self.run(&self.app(), &arguments)
    }

    /// Panics unless it went well, with the token to read from the provider in every request but the first.
    pub(crate) fn assert_fetched(&self, outcome: &Outcome) {
        assert!(outcome.success(), "{}", outcome.stderr);
        let shown = self.registry.authorizations();
        let (first, rest) = shown.split_first().unwrap();
        assert_eq!(first.2, None, "the question that makes Cargo ask");
        assert!(rest.len() >= 3, "{} requests", rest.len());
        let read = Some(self.registry.tokens().read.as_str());
        for (method, path, token) in rest {
            assert!(token.as_deref() == read, "{method} {path}: another token");
        }
    }

    /// Every request of Cargo to the provider so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.cargo.path().join("requests")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The arguments in each request so far.
    pub(crate) fn arguments(&self) -> Vec<Vec<String>> {
        let words = |request: Value| {
            let words = request["args"].as_array().into_iter().flatten();
            words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect()
        };
        self.asked().into_iter().map(words).collect()
    }

    /// What each request so far was: its operation, or its kind if it has none.
    pub(crate) fn operations(&self) -> Vec<String> {
        let what = |request: Value| {
            let operation = request.get("operation");
            let what = operation.or_else(|| request.get("kind")).unwrap();
            what.as_str().unwrap().to_owned()
        };
        self.asked().into_iter().map(what).collect()
    }
}
