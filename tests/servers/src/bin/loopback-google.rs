//! Runs the double of Google over TLS on its own, for the bench and for trying things by hand. With `--two-origins`, STS
//! is another origin than Secret Manager, as it is at Google; both answer everything.
//! To `GET /minimal` it answers without a question, for the smallest client that there can be.
//!
//! Prints one line of JSON that says where everything is, and serves until its standard input is closed:
//!
//! * `address`, `sts_address`, `ca_file`: the servers, as `endpoint` and `sts-endpoint`; without the option, one
//! * `project`, `secret_id`, `field`, `secret`: the secret that it holds, and the value of its field
//! * `provider`, `identity_file`: the provider of a workload identity pool, and a token of a job for it, good for a day
//! * `access_token`: a token of somebody who may read, for clients that do not log in
//! * `index_url`: a registry to map it to; nothing listens there

use std::io::{Read as _, Write as _};

use serde_json::json;
use test_servers::clock::unix_now;
use test_servers::google::payload_body;
use test_servers::{Authority, GoogleServer, Issuer, Response, random};

const PROJECT: &str = "acme";
const SECRET: &str = "cargo";
const POOL: &str = "projects/123456789/locations/global/workloadIdentityPools/ci";
const DAY: i64 = 24 * 3600;

fn main() -> std::io::Result<()> {
    let has_two_origins = std::env::args()
        .skip(1)
        .any(|option| option == "--two-origins");
    let files = tempfile::Builder::new()
        .prefix("loopback-google-")
        .tempdir()?;
    let authority = Authority::new();
    let certificate = authority.server(&["127.0.0.1", "localhost"]);
    let issuer = Issuer::start();
    let google = GoogleServer::start_tls(&certificate);
    let sts = has_two_origins.then(|| google.second_origin(Some(&certificate)));

    let secret = random::alphanumeric(32);
    let payload = json!({ "token": secret }).to_string();
    google.put(PROJECT, SECRET, payload.as_bytes());
    let provider = format!("{POOL}/providers/gitlab");
    google.trust(&provider, &issuer, &[], Some(("ref", "refs/heads/main")));
    let (resource, user) = (
        format!("projects/{PROJECT}/secrets/{SECRET}"),
        "user:me@example.com",
    );
    let job = format!("principalSet://iam.googleapis.com/{POOL}/attribute.repository/acme/app");
    google.allow(&job, &resource);
    google.allow(user, &resource);
    let body = payload_body(&format!("{resource}/versions/1"), payload.as_bytes());
    google
        .intercept(move |request| (request.path == "/minimal").then(|| Response::json(200, &body)));

    let (ca_file, identity_file) = (
        files.path().join("ca.pem"),
        files.path().join("identity.jwt"),
    );
    let audience = format!("https://iam.googleapis.com/{provider}");
    let identity = issuer.claims(&audience, &json!({ "exp": unix_now() + DAY }));
    std::fs::write(&ca_file, authority.pem())?;
    std::fs::write(&identity_file, issuer.sign(&identity))?;

    let line = json!({
        "address": google.url(),
        "sts_address": sts.as_ref().map_or_else(|| google.url(), |sts| sts.url()),
        "ca_file": ca_file,
        "project": PROJECT,
        "secret_id": SECRET,
        "field": "token",
        "secret": secret,
        "provider": provider,
        "identity_file": identity_file,
        "access_token": google.token_for(user),
        "index_url": "sparse+https://crates.example.com/index/",
    });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
