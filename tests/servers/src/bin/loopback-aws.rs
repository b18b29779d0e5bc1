//! Runs the double of AWS over TLS on its own, for the bench and for trying things by hand.
//! To a `GET` it answers without a question, for the smallest client that there can be.
//!
//! Prints one line of JSON that says where everything is, and serves until its standard input is closed:
//!
//! * `address`, `ca_file`: the server, as `AWS_ENDPOINT_URL` and `AWS_CA_BUNDLE`
//! * `region`, `access_key_id`, `secret_access_key`: a user who may read
//! * `secret_id`, `field`, `secret`: the secret that it holds, and the value of its field
//! * `role_arn`, `identity_file`: a role that may read, and a token of a job to trade for it, good for a day
//! * `index_url`: a registry to map it to; nothing listens there

use std::io::{Read as _, Write as _};

use serde_json::json;
use test_servers::clock::unix_now;
use test_servers::{Authority, AwsServer, Issuer, Response, Trust, random};

const AUDIENCE: &str = "sts.amazonaws.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/ci";
const DAY: i64 = 24 * 3600;

fn main() -> std::io::Result<()> {
    let files = tempfile::Builder::new().prefix("loopback-aws-").tempdir()?;
    let authority = Authority::new();
    let issuer = Issuer::start();
    let aws = AwsServer::start_tls(&authority.server(&["127.0.0.1", "localhost"]));
    let secret = random::alphanumeric(32);
    aws.put("prod/cargo", &json!({ "token": secret }).to_string());
    aws.role(
        ROLE,
        Trust::new(&issuer, AUDIENCE).subject("repo:acme/app:ref:refs/heads/main"),
    );
    let body = json!({ "SecretString": json!({ "token": secret }).to_string() });
    aws.intercept(move |request| (request.method == "GET").then(|| Response::json(200, &body)));
    let keys = aws.user("arn:aws:iam::123456789012:user/ci");

    let (ca_file, identity_file) = (
        files.path().join("ca.pem"),
        files.path().join("identity.jwt"),
    );
    let identity = issuer.claims(AUDIENCE, &json!({ "exp": unix_now() + DAY }));
    std::fs::write(&ca_file, authority.pem())?;
    std::fs::write(&identity_file, issuer.sign(&identity))?;

    let line = json!({
        "address": aws.url(),
        "ca_file": ca_file,
        "region": "eu-west-1",
        "access_key_id": keys.id,
        "secret_access_key": keys.secret,
        "secret_id": "prod/cargo",
        "field": "token",
        "secret": secret,
        "role_arn": ROLE,
        "identity_file": identity_file,
        "index_url": "sparse+https://crates.example.com/index/",
    });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
