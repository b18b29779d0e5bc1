//! Runs the Vault double over TLS on its own, for the bench and for trying things by hand.
//!
//! Prints one line of JSON that says where everything is, and serves until its standard input is closed:
//!
//! * `address`, `ca_file`, `root_token`: the server, as `VAULT_ADDR`, `VAULT_CACERT`, `VAULT_TOKEN`
//! * `path`, `field`, `secret`: the KV v2 secret at `secret/` that it holds, and its value
//! * `role`, `audience`, `identity_file`: the role of `auth/jwt` that may read it, and a token for a login, good for a day
//! * `index_url`: a registry to map it to; nothing listens there

use std::io::{Read as _, Write as _};

use serde_json::json;
use test_servers::clock::unix_now;
use test_servers::{Authority, Issuer, Role, VaultServer, random};

const AUDIENCE: &str = "https://vault.example.com";
const DAY: i64 = 24 * 3600;

fn main() -> std::io::Result<()> {
    let files = tempfile::Builder::new()
        .prefix("loopback-vault-")
        .tempdir()?;
    let authority = Authority::new();
    let issuer = Issuer::start();
    let vault = VaultServer::start_tls(&authority.server(&["127.0.0.1", "localhost"]));
    let secret = random::alphanumeric(32);
    vault.put("ci/cargo", json!({ "token": secret }));
    vault.policy("cargo-ci", &["secret/data/ci/cargo"]);
    vault.role(
        "cargo-ci",
        Role::new(&issuer, AUDIENCE, &["cargo-ci"]).claim("repository", "acme/app"),
    );

    let (ca_file, identity_file) = (
        files.path().join("ca.pem"),
        files.path().join("identity.jwt"),
    );
    let identity = issuer.claims(AUDIENCE, &json!({ "exp": unix_now() + DAY }));
    std::fs::write(&ca_file, authority.pem())?;
    std::fs::write(&identity_file, issuer.sign(&identity))?;

    let line = json!({
        "address": vault.url(),
        "ca_file": ca_file,
        "root_token": vault.root_token(),
        "path": "ci/cargo",
        "field": "token",
        "secret": secret,
        "role": "cargo-ci",
        "audience": AUDIENCE,
        "identity_file": identity_file,
        "index_url": "sparse+https://crates.example.com/index/",
    });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
