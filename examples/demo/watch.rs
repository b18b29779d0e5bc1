//! Watches the servers: prints what they are asked, and keeps the secrets that pass by.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_servers::http::percent_decode;
use test_servers::leaks;
use test_servers::{Exchange, Tokens};

use crate::narrator::Narrator;

/// Everything secret that the demo has seen, and whom it belongs to.
#[derive(Default)]
pub(crate) struct Secrets {
    all: Mutex<Vec<String>>,
    logins: Mutex<BTreeMap<String, String>>,
    /// When the provider asked its first question about the token that it is after.
    asked: Mutex<Option<Instant>>,
}

impl Secrets {
    pub(crate) fn new(tokens: &Tokens) -> Self {
        Self {
            all: Mutex::new(vec![tokens.read.clone(), tokens.publish.clone()]),
            ..Self::default()
        }
    }

    /// All of them: the registry's tokens, the job's identity tokens, Vault's login tokens.
    pub(crate) fn all(&self) -> Vec<String> {
        self.all.lock().expect("no watcher panics").clone()
    }

    /// The tokens that Vault gave at logins.
    pub(crate) fn logins(&self) -> Vec<String> {
        self.logins
            .lock()
            .expect("no watcher panics")
            .keys()
            .cloned()
            .collect()
    }

    /// Starts the clock of one answer to Cargo, unless it runs.
    fn first_question(&self, took: Duration) {
        self.asked
            .lock()
            .expect("no watcher panics")
            .get_or_insert_with(|| Instant::now() - took);
    }

    /// Stops it.
    fn last_answer(&self) -> Duration {
        let asked = self.asked.lock().expect("no watcher panics").take();
        asked.map(|asked| asked.elapsed()).unwrap_or_default()
    }

    fn keep(&self, secret: &Value) {
        let secret = secret.as_str().map(str::to_owned);
        self.all.lock().expect("no watcher panics").extend(secret);
    }
}

/// Tells what the issuer is asked.
pub(crate) fn issuer(
    narrator: &Arc<Narrator>,
    secrets: &Arc<Secrets>,
) -> impl Fn(&Exchange) + Send + 'static {
    let (narrator, secrets) = (Arc::clone(narrator), Arc::clone(secrets));
    move |exchange| {
        secrets.first_question(exchange.took);
        let identity = &json(&exchange.response.body)["value"];
        secrets.keep(identity);
        let audience = exchange.request.parameter("audience").unwrap_or_default();
        narrator.answer(
            "github",
            &format!("identity for {audience}"),
            exchange.response.status,
            &subject(identity),
        );
    }
}

/// Tells what Vault is asked, and by whom.
pub(crate) fn vault(
    narrator: &Arc<Narrator>,
    secrets: &Arc<Secrets>,
) -> impl Fn(&Exchange) + Send + 'static {
    let (narrator, secrets) = (Arc::clone(narrator), Arc::clone(secrets));
    move |exchange| {
        let (request, status) = (&exchange.request, exchange.response.status);
        secrets.first_question(exchange.took);
        let body = request.json().unwrap_or_default();
        let who = if body["jwt"].is_string() {
            let who = subject(&body["jwt"]);
            if let Some(token) = json(&exchange.response.body)["auth"]["client_token"].as_str() {
                secrets.keep(&token.into());
                secrets
                    .logins
                    .lock()
                    .expect("no watcher panics")
                    .insert(token.to_owned(), who.clone());
            }
            format!("{who}, role {}", body["role"].as_str().unwrap_or_default())
        } else {
            let token = request.header("x-vault-token").unwrap_or_default();
            let known = secrets
                .logins
                .lock()
                .expect("no watcher panics")
                .get(token)
                .cloned();
            known.unwrap_or_else(|| {
                if token.is_empty() {
                    "no token"
                } else {
                    "a token that it was given"
                }
                .to_owned()
            })
        };
        let path = request.path.trim_start_matches("/v1/");
        narrator.answer(
            "vault",
            &format!("{:<4} {path}", request.method),
            status,
            &who,
        );
        if request.method == "GET" && path.starts_with("secret/data/") && status == 200 {
            let milliseconds = secrets.last_answer().as_secs_f64() * 1000.0;
            narrator.step(
                "bridge",
                "has the token",
                &format!("{milliseconds:.1} ms after its first question"),
            );
        } else if path == "auth/token/revoke-self" {
            secrets.last_answer();
        }
    }
}

/// Tells what the registry is asked, and looks into the environment of every process while Cargo has a token.
pub(crate) fn registry(
    narrator: &Arc<Narrator>,
    secrets: &Arc<Secrets>,
    environments: &Arc<Environments>,
    tokens: &Tokens,
) -> impl Fn(&Exchange) + Send + 'static {
    let (narrator, secrets) = (Arc::clone(narrator), Arc::clone(secrets));
    let (environments, tokens) = (Arc::clone(environments), tokens.clone());
    move |exchange| {
        let token = match exchange.request.header("authorization") {
            None => "no token",
            Some(token) if token == tokens.read => "the read token",
            Some(token) if token == tokens.publish => "the publish token",
            Some(_) => "another token",
        };
        let what = format!(
            "{:<4} {}",
            exchange.request.method,
            percent_decode(&exchange.request.path)
        );
        narrator.answer("registry", &what, exchange.response.status, token);
        if exchange.response.status < 300 {
            environments.search(&secrets.all());
        }
    }
}

/// What was seen in the environments of the machine's processes.
#[derive(Default)]
pub(crate) struct Environments(Mutex<Sight>);

/// Counts over all searches so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    /// How often all processes were looked at.
    pub(crate) searches: usize,
    /// The most processes at once whose environment could be read.
    pub(crate) processes: usize,
    /// The processes that had a secret in it, as `NAME (ID)`.
    pub(crate) found: Vec<String>,
}

impl Environments {
    pub(crate) fn sight(&self) -> Sight {
        self.0.lock().expect("no watcher panics").clone()
    }

    /// Searches the environment of every process that may be looked at. Does nothing where there is no `/proc`.
    fn search(&self, secrets: &[String]) {
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return;
        };
        let mut sight = self.0.lock().expect("no watcher panics");
        let mut readable = 0;
        for process in processes.flatten() {
            let Ok(environment) = std::fs::read(process.path().join("environ")) else {
                continue;
            };
            readable += 1;
            if secrets
                .iter()
                .any(|secret| leaks::find(secret, &environment).is_some())
            {
                let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                sight.found.push(format!(
                    "{} ({})",
                    name.trim(),
                    process.file_name().to_string_lossy()
                ));
            }
        }
        sight.searches += 1;
        sight.processes = sight.processes.max(readable);
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// The `sub` claim of a token.
fn subject(token: &Value) -> String {
    let claims = token
        .as_str()
        .and_then(test_servers::jwt::claims_unverified);
    claims
        .and_then(|claims| claims["sub"].as_str().map(str::to_owned))
        .unwrap_or_default()
}
