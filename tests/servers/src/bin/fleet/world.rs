//! A Vault, an issuer, a proxy between the commands and Vault that can be shut, and the provider's config.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_servers::real_vault::HOST;
use test_servers::{Issuer, Provider, Proxy, RealVault, Route, random};

/// The registry that all commands ask for.
pub(crate) const URL: &str = "sparse+https://crates.example.com/index/";

/// The limit of each command. It is the load that is looked at, and no machine is so slow.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a login lives that nobody revokes.
pub(crate) const TTL: Duration = Duration::from_secs(30);

/// How often a request is sent at the most, where nothing is set.
const TRIES: u32 = 3;

const AUDIENCE: &str = "https://vault.example.com";

/// Everything that a run is between.
pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) vault: RealVault,
    pub(crate) issuer: Issuer,
    pub(crate) door: Arc<Door>,
    /// The registry's token, which is in Vault.
    pub(crate) token: String,
    /// How often a request is sent at the most.
    pub(crate) tries: u32,
    _proxy: Proxy,
}

/// What the proxy knows: whether Vault can be reached, and how often somebody tried.
#[derive(Debug, Default)]
pub(crate) struct Door {
    is_shut: AtomicBool,
    arrivals: AtomicUsize,
}

/// What Vault holds that ends by itself or by a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) tokens: usize,
    pub(crate) leases: usize,
}

impl World {
    /// With `retries` for `VAULT_MAX_RETRIES`.
    pub(crate) fn new(provider: &Path, retries: Option<u32>) -> Self {
        let vault = RealVault::start_durable().unseal().audited();
        let issuer = Issuer::start();
        let token = format!("registry-{}", random::alphanumeric(24));
        furnish(&vault, &issuer, &token);
        let door = Arc::new(Door::default());
        let port = vault
            .url()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("its URL ends with a port");
        let proxy = {
            let door = Arc::clone(&door);
            Proxy::start(move |_| door.lead(port))
        };
        let ca_file = vault.ca_file();
        let provider = Provider::new(provider)
            .config(&config(&ca_file.display().to_string()))
            .in_github(&issuer)
            .secret(&token)
            .env("HTTPS_PROXY", proxy.url())
            .env("CARGO_CREDENTIAL_BRIDGE_LOG", "debug");
        let provider = match retries {
            Some(retries) => provider.env("VAULT_MAX_RETRIES", retries.to_string()),
            None => provider,
        };
        Self {
            provider,
            vault,
            issuer,
            door,
            token,
            tries: retries.map_or(TRIES, |retries| retries + 1),
            _proxy: proxy,
        }
    }

    /// The tokens and leases that Vault has now.
    pub(crate) fn held(&self) -> Held {
        Held {
            tokens: self.listed("auth/token/accessors"),
            leases: self.listed("sys/leases/lookup/auth/jwt/login"),
        }
    }

    fn listed(&self, path: &str) -> usize {
        let answer = self.vault.root_answer("LIST", path, &Value::Null);
        // Vault says that what is empty is not there.
        assert!(matches!(answer.status, 200 | 404), "{}", answer.text());
        answer.json()["data"]["keys"].as_array().map_or(0, Vec::len)
    }

    /// The provider's own line about each answer.
    pub(crate) fn audit_lines(&self) -> Vec<Value> {
        let path = self.provider.home().join(".cargo/audit.jsonl");
        let text = std::fs::read_to_string(path).expect("a command has been answered");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("every line is whole"))
            .collect()
    }
}

impl Door {
    fn lead(&self, port: u16) -> Route {
        self.arrivals.fetch_add(1, Ordering::SeqCst);
        match self.is_shut.load(Ordering::SeqCst) {
            true => Route::Away,
            false => Route::Port(port),
        }
    }

    /// How many connections were asked for so far.
    pub(crate) fn arrivals(&self) -> usize {
        self.arrivals.load(Ordering::SeqCst)
    }
}

/// Stops Vault and starts it again, and says how long it was away. While its port is free, nobody is led there.
pub(crate) fn restart(vault: &mut RealVault, door: &Door) -> Duration {
    let start = Instant::now();
    door.is_shut.store(true, Ordering::SeqCst);
    vault.stop();
    vault.resume();
    door.is_shut.store(false, Ordering::SeqCst);
    vault.unseal_again();
    start.elapsed()
}

fn furnish(vault: &RealVault, issuer: &Issuer, token: &str) {
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    vault.root("POST", "sys/mounts/secret", &kv);
    let secret = json!({ "data": { "token": token } });
    vault.root("POST", "secret/data/ci/cargo", &secret);
    let policy = "path \"secret/data/ci/cargo\" { capabilities = [\"read\"] }";
    vault.root("PUT", "sys/policies/acl/ci", &json!({ "policy": policy }));
    vault.root("POST", "sys/auth/jwt", &json!({ "type": "jwt" }));
    vault.root(
        "POST",
        "auth/jwt/config",
        &json!({ "jwt_validation_pubkeys": [issuer.public_key_pem()], "bound_issuer": issuer.url() }),
    );
    vault.root(
        "POST",
        "auth/jwt/role/ci",
        &json!({
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [AUDIENCE],
            "bound_claims": { "repository": "acme/app" },
            "token_policies": ["ci"],
            "token_ttl": TTL.as_secs(),
        }),
    );
}

fn config(ca_file: &str) -> String {
    let timeout = TIMEOUT.as_secs();
    format!(
        r#"
timeout = "{timeout}s"

[audit]
file = "audit.jsonl"

[backends.corp]
type = "vault"
address = "https://{HOST}:8200"
ca-file = "{ca_file}"
auth = {{ method = "jwt", role = "ci", audience = "{AUDIENCE}", identity = "github-actions" }}

[registries."{URL}"]
sources = [{{ backend = "corp", path = "ci/cargo", field = "token" }}]
"#
    )
}
