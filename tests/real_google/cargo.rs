//! What teams do every day: a real Cargo builds and publishes with tokens that only Google has.

use std::path::Path;

use serde_json::{Value, json};
use test_servers::google_fake::WORKLOAD_IDENTITY_USER;
use test_servers::{CargoHome, Issuer, Outcome, Registry, Tokens, leaks};

use crate::BINARY;
use crate::adc::generate;
use crate::external::{job, trusted};
use crate::team::{PROJECT, Team, account};
use crate::workload_identity::settings;

/// A build script that keeps its environment, as a malicious one would send it away.
const NOSY: &str = "fn main() {\n    \
    let all: String = std::env::vars().map(|(name, value)| format!(\"{name}={value}\\n\")).collect();\n    \
    std::fs::write(format!(\"{}/environment\", std::env::var(\"OUT_DIR\").unwrap()), all).unwrap();\n}\n";

/// A job on GitHub, with everything that it talks to.
struct Job {
    cargo: CargoHome,
    registry: Registry,
    issuer: Issuer,
    team: Team,
}

impl Job {
    /// The pool's principal may read the token that reads, and the service account `release` the one that publishes.
    fn start(cargo: CargoHome) -> Self {
        let (team, registry) = (Team::new(), Registry::start());
        let issuer = trusted(&team);
        let Tokens { read, publish } = registry.tokens();
        for (secret, token) in [("read", read), ("publish", publish)] {
            let value = json!({ "token": token }).to_string();
            team.google().put_secret(PROJECT, secret, &value);
        }
        let release = account("release");
        team.let_read("read", &job(&issuer));
        team.let_read("publish", &format!("serviceAccount:{release}"));
        team.google().bind(
            &format!("serviceAccounts/{release}"),
            WORKLOAD_IDENTITY_USER,
            &job(&issuer),
        );
        let authority = cargo.home().join("ca.pem");
        std::fs::write(&authority, team.google().ca_pem()).unwrap();
        cargo.registry("corp", &registry.index_url(), &[BINARY]);
        let cargo = cargo
            .in_github(&issuer)
            .env("HTTPS_PROXY", team.google().url())
            .env("SSL_CERT_FILE", authority);
        let backend = |name: &str, more: &str| {
            let settings = settings(&format!("{more}, identity = \"github-actions\""));
            format!("[backends.{name}]\ntype = \"gcp\"\nproject = \"{PROJECT}\"\n{settings}\n")
        };
        cargo.bridge_config(&format!(
            "{}{}[registries.\"{}\"]\n\
             sources = [ {{ backend = \"ci\", secret = \"read\", field = \"token\" }} ]\n\
             publish = [ {{ backend = \"release\", secret = \"publish\", field = \"token\" }} ]\n",
            backend("ci", ""),
            backend("release", &format!(", service-account = \"{release}\"")),
            registry.index_url(),
        ));
        Self {
            cargo,
            registry,
            issuer,
            team,
        }
    }

    /// Runs Cargo, and searches everything that is left of it for every secret of the job.
    fn run(&self, package: &Path, arguments: &[&str]) -> Outcome {
        let outcome = self.cargo.run(package, arguments);
        let shown = self.shown();
        let Tokens { read, publish } = self.registry.tokens();
        let mut secrets = vec![read.as_str(), publish.as_str()];
        secrets.extend(shown.iter().map(String::as_str));
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

    /// Every access token that Google was shown.
    fn shown(&self) -> Vec<String> {
        let requests = self.team.google().requests();
        requests
            .iter()
            .filter_map(|request| request["headers"]["authorization"].as_str())
            .filter_map(|value| value.split(' ').nth(1))
            .map(str::to_owned)
            .collect()
    }

    /// How often the job has asked for its identity.
    fn identities(&self) -> usize {
        let mut asked = self.issuer.requests();
        asked.retain(|asked| asked.path == "/github/token");
        asked.len()
    }

    /// The requests to Google so far, in their order.
    fn asked(&self) -> Vec<String> {
        self.team.requests()
    }
}

/// The way to a secret of the job itself.
fn read(secret: &str) -> [String; 2] {
    [
        "POST sts.googleapis.com/v1/token".to_owned(),
        format!(
            "GET secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets/{secret}/versions/latest:access"
        ),
    ]
}

/// Does something with each Cargo.
fn each(run: impl Fn(Job)) {
    CargoHome::each(|cargo| run(Job::start(cargo)));
}

#[test]
fn cargo_fetches_a_private_crate() {
    each(|job| {
        job.registry.add_crate("private-greeting", "1.0.0", "");
        let package = job.cargo.package("app", &[("private-greeting", "1")]);
        let fetched = job.run(&package, &["fetch"]);
        assert!(fetched.success(), "{}", fetched.stderr);
        // Cargo asked once, so there was one identity, one trade and one read.
        assert_eq!(job.identities(), 1);
        assert_eq!(job.asked(), read("read"));
        let token = job.registry.tokens().read.as_str();
        let shown = job.registry.authorizations();
        assert!(
            shown.len() > 1
                && shown[1..]
                    .iter()
                    .all(|(_, _, shown)| shown.as_deref() == Some(token))
        );
    });
}

#[test]
fn cargo_builds_and_leaves_no_token_anywhere() {
    each(|job| {
        job.registry.add_crate_with(
            "private-greeting",
            "1.0.0",
            &[("src/lib.rs", "pub fn greeting() {}\n"), ("build.rs", NOSY)],
        );
        let package = job.cargo.package("app", &[("private-greeting", "1")]);
        let built = job.run(&package, &["build"]);
        assert!(built.success(), "{}", built.stderr);
        assert_eq!(job.asked(), read("read"));
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
        assert_eq!(job.identities(), 2, "one to read, one to publish");
        let [exchange, access] = read("publish");
        let account = format!(
            "POST iamcredentials.googleapis.com{}",
            generate(&account("release"))
        );
        let publishes = [exchange, account, access];
        let asked = job.asked();
        assert_eq!(asked.len(), 5, "{asked:?}");
        assert!(
            asked.windows(3).any(|asked| asked == publishes)
                && asked.windows(2).any(|asked| asked == read("read")),
            "{asked:?}"
        );
    });
}

#[test]
fn cargo_shows_which_binding_is_missing() {
    each(|job| {
        job.registry.add_crate("private-greeting", "1.0.0", "");
        let job_member = crate::external::job(&job.issuer);
        job.team.google().control(&json!({
            "call": "unbind", "resource": format!("projects/{PROJECT}/secrets/read"),
            "role": "roles/secretmanager.secretAccessor", "member": job_member,
        }));
        let package = job.cargo.package("app", &[("private-greeting", "1")]);
        let fetched = job.run(&package, &["fetch"]);
        assert!(!fetched.success());
        let command = format!(
            "gcloud secrets add-iam-policy-binding read --project={PROJECT} --role=roles/secretmanager.secretAccessor \
             --member={job_member}"
        );
        assert!(fetched.stderr.contains(&command), "{}", fetched.stderr);
        assert_eq!(job.asked(), read("read"));
    });
}

#[test]
fn cargo_shows_what_the_provider_of_the_pool_refuses() {
    each(|job| {
        job.registry.add_crate("private-greeting", "1.0.0", "");
        job.team.google().trust(
            &crate::external::provider_of("ci"),
            &job.issuer,
            &json!({ "google.subject": "assertion.sub" }),
            &[("assertion.ref", "refs/heads/release")],
        );
        let package = job.cargo.package("app", &[("private-greeting", "1")]);
        let fetched = job.run(&package, &["fetch"]);
        assert!(!fetched.success());
        let claims = job.issuer.claims("", &Value::Null);
        for part in [
            "The given credential is rejected by the attribute condition.",
            &format!("sub {}", claims["sub"]),
            "attribute condition must hold",
        ] {
            assert!(fetched.stderr.contains(part), "{}", fetched.stderr);
        }
        assert_eq!(job.asked(), read("read")[..1]);
    });
}
