//! What teams do every day: a real Cargo builds and publishes with tokens that only AWS has.

use serde_json::json;
use test_servers::{CargoHome, Issuer, Outcome, Registry, Tokens, leaks};

use crate::BINARY;
use crate::team::{REGION, Team, moto};

/// A build script that keeps its environment, as a malicious one would send it away.
const NOSY: &str = "fn main() {\n    \
    let all: String = std::env::vars().map(|(name, value)| format!(\"{name}={value}\\n\")).collect();\n    \
    std::fs::write(format!(\"{}/environment\", std::env::var(\"OUT_DIR\").unwrap()), all).unwrap();\n}\n";

/// A job on GitHub, with everything that it talks to.
struct Job {
    cargo: CargoHome,
    registry: Registry,
    issuer: Issuer,
}

impl Job {
    fn start(cargo: CargoHome) -> Self {
        let (team, issuer, registry) = (Team::new(), Issuer::start(), Registry::start());
        let Tokens { read, publish } = registry.tokens();
        team.put("read", &json!({ "token": read }).to_string());
        team.put("publish", &json!({ "token": publish }).to_string());
        cargo.registry("corp", &registry.index_url(), &[BINARY]);
        let cargo = cargo
            .in_github(&issuer)
            .env("AWS_ENDPOINT_URL", moto().url());
        let backend = |name: &str| {
            format!(
                "[backends.{name}]\ntype = \"aws\"\nregion = \"{REGION}\"\n\
                 auth = {{ method = \"web-identity\", role-arn = \"arn:aws:iam::123456789012:role/{name}\", identity = \"github-actions\" }}\n"
            )
        };
        cargo.bridge_config(&format!(
            "{}{}[registries.\"{}\"]\n\
             sources = [ {{ backend = \"ci\", secret = \"{}\", field = \"token\" }} ]\n\
             publish = [ {{ backend = \"release\", secret = \"{}\", field = \"token\" }} ]\n",
            backend("ci"),
            backend("release"),
            registry.index_url(),
            team.secret("read"),
            team.secret("publish"),
        ));
        Self {
            cargo,
            registry,
            issuer,
        }
    }

    fn run(&self, package: &std::path::Path, arguments: &[&str]) -> Outcome {
        let outcome = self.cargo.run(package, arguments);
        let Tokens { read, publish } = self.registry.tokens();
        let secrets = [read.as_str(), publish.as_str()];
        leaks::assert_absent(
            &secrets,
            &[
                ("standard output", outcome.stdout.as_bytes()),
                ("standard error", outcome.stderr.as_bytes()),
            ],
        );
        let search = leaks::search_dir(self.cargo.path(), &secrets);
        assert!(search.files > 5, "{search:?}");
        assert!(search.found.is_empty(), "{:?}", search.found);
        outcome
    }
}

/// Does something with each Cargo.
fn each(run: impl Fn(Job)) {
    CargoHome::each(|cargo| run(Job::start(cargo)));
}

#[test]
fn cargo_builds_a_private_crate_and_leaves_no_token_anywhere() {
    each(|job| {
        job.registry.add_crate_with(
            "private-greeting",
            "1.0.0",
            &[("src/lib.rs", "pub fn greeting() {}\n"), ("build.rs", NOSY)],
        );
        let package = job.cargo.package("app", &[("private-greeting", "1")]);
        let built = job.run(&package, &["build"]);
        assert!(built.success(), "{}", built.stderr);
        // Cargo asked once, so there was one identity.
        assert_eq!(job.issuer.requests().len(), 1);
        let read = job.registry.tokens().read.as_str();
        let shown = job.registry.authorizations();
        assert!(
            shown[1..]
                .iter()
                .all(|(_, _, token)| token.as_deref() == Some(read))
        );
    });
}

#[test]
fn cargo_publishes_with_a_token_of_its_own() {
    each(|job| {
        let package = job.cargo.package("internal", &[]);
        let published = job.run(
            &package,
            &["publish", "--registry", "corp", "--allow-dirty"],
        );
        assert!(published.success(), "{}", published.stderr);
        assert!(job.registry.has_crate("internal"));
        assert_eq!(
            job.issuer.requests().len(),
            2,
            "one to read, one to publish"
        );
    });
}

#[test]
fn cargo_shows_why_there_is_no_token() {
    each(|job| {
        job.registry.add_crate("private-greeting", "1.0.0", "");
        let path = job.cargo.home().join("credential-bridge.toml");
        let text = std::fs::read_to_string(path).unwrap();
        job.cargo
            .bridge_config(&text.replace("/read\"", "/mistyped\""));
        let package = job.cargo.package("app", &[("private-greeting", "1")]);
        let built = job.run(&package, &["build"]);
        assert!(!built.success());
        assert!(
            built.stderr.contains("AWS does not have the secret `"),
            "{}",
            built.stderr
        );
    });
}
