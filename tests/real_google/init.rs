//! What `init` makes, taken as it is: its script run against the fake, and then a real Cargo at once.

use std::fs;

use serde_json::{Value, json};
use test_servers::{CargoHome, GoogleFake, Issuer, Outcome};

use crate::initiated::{Initiated, assert_done};

const PROJECT: &str = "acme-ci";
const NUMBER: &str = "123456789";

/// A registry and a job, and the Google where the script was run for them.
struct Team {
    job: Initiated,
    google: GoogleFake,
}

impl Team {
    fn new(cargo: CargoHome) -> Self {
        let (job, google) = (Initiated::new(cargo), GoogleFake::start());
        google.project(PROJECT, NUMBER);
        let mut flags = vec!["--store", "gcp", "--project", PROJECT];
        flags.extend(["--project-number", NUMBER]);
        flags.extend(["--ci", "github", "--repository", "acme/app"]);
        job.init(&flags);
        let python = GoogleFake::python();
        let programs = job.program("gcloud", &python, "tests/real_google/gcloud.py");
        let variables = [("FAKE", google.url()), ("NUMBER", NUMBER)];
        let token = format!("{}\n", job.registry.tokens().read);
        assert_done(&job.run("gcp-setup.sh", &programs, &variables, &token));
        Self { job, google }
    }

    /// Fetches a crate in a job.
    fn fetch(self, job: impl FnOnce(CargoHome, &Issuer) -> CargoHome) -> Outcome {
        let authority = self.job.cargo.home().join("ca.pem");
        fs::write(&authority, self.google.ca_pem()).unwrap();
        self.job.fetch(|cargo, issuer| {
            job(cargo, issuer)
                .env("HTTPS_PROXY", self.google.url())
                .env("SSL_CERT_FILE", authority)
        })
    }
}

#[test]
fn a_github_job() {
    CargoHome::each(|cargo| {
        let team = Team::new(cargo);
        let fetched = team.fetch(CargoHome::in_github);
        assert!(fetched.success(), "{}", fetched.stderr);
    });
}

#[test]
fn jobs_of_others_are_not_let_in() {
    for (claims, words) in [
        (
            json!({ "ref": "refs/heads/other" }),
            "rejected by the attribute condition",
        ),
        (
            json!({ "repository": "acme/app2" }),
            "rejected by the attribute condition",
        ),
        (json!({ "aud": "https://else.example.com" }), "audience"),
        (Value::Null, ""),
    ] {
        let team = Team::new(CargoHome::new());
        // The config of the machine reads GitHub's identity alone: the same one, given as GitLab's.
        let path = team.job.cargo.home().join("credential-bridge.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("github-actions", "gitlab")).unwrap();
        let audience = format!(
            "https://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/github/providers/cargo-corp"
        );
        let fetched = team.fetch(|cargo, issuer| {
            let token = issuer.sign(&issuer.claims(&audience, &claims));
            cargo.env("CARGO_ID_TOKEN", token)
        });
        assert_eq!(fetched.success(), claims.is_null(), "{}", fetched.stderr);
        assert!(fetched.stderr.contains(words), "{}", fetched.stderr);
    }
}
