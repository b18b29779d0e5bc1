//! An in-memory double of HashiCorp Vault's HTTP API, as far as this project uses it.
//!
//! KV v2 at `secret/`, KV v1 at `kv1/`, the JWT auth method at `auth/jwt/`, token lookup and revocation, policies, the
//! preflight `sys/internal/ui/mounts`, `sys/health`, and the parts of `sys/` that set all this up. It really verifies
//! signatures, times, audiences and claims, and really enforces policies.

mod answer;
mod jwt_auth;
mod kv;
mod policy;
mod state;
mod sys;
mod tokens;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub use self::jwt_auth::Role;
use self::policy::Policy;
pub use self::state::AuditEntry;
use self::state::State;
use crate::authority::Certificate;
use crate::http::{Request, Response};
use crate::random;
use crate::server::{Exchange, Server, Tls};

/// The double; it stops on drop.
#[derive(Debug)]
pub struct VaultServer {
    server: Server,
    desk: Arc<Desk>,
    root_token: String,
}

impl VaultServer {
    /// Serves plain HTTP.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Serves HTTPS with this certificate.
    #[must_use]
    pub fn start_tls(certificate: &Certificate) -> Self {
        let certificate = certificate.clone();
        Self::start_with(Some(&Tls {
            certificate,
            client_authority_pem: None,
            version: Default::default(),
        }))
    }

    /// Serves HTTPS as described, or plain HTTP without a description.
    #[must_use]
    pub fn start_with(tls: Option<&Tls>) -> Self {
        let root_token = format!("hvs.{}", random::alphanumeric(24));
        let desk = Arc::new(Desk {
            state: Mutex::new(State::new(&root_token)),
            intercepts: Mutex::default(),
        });
        let server = {
            let desk = Arc::clone(&desk);
            Server::start_with(tls, move |request| desk.answer(request))
        };
        Self {
            server,
            desk,
            root_token,
        }
    }

    /// The base URL, Vault's `VAULT_ADDR`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// A token that may do everything.
    #[must_use]
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Writes a new version of a KV v2 secret at `secret/`: `put("ci/cargo", json!({ "token": "…" }))`.
    pub fn put(&self, path: &str, data: Value) {
        self.as_root(
            "POST",
            &format!("secret/data/{path}"),
            &json!({ "data": data }),
        );
    }

    /// Writes a KV v1 secret at `kv1/`.
    pub fn put_v1(&self, path: &str, data: &Value) {
        self.as_root("POST", &format!("kv1/{path}"), data);
    }

    /// Makes a policy that lets these paths be read: `policy("cargo", &["secret/data/ci/cargo"])`.
    pub fn policy(&self, name: &str, paths: &[&str]) {
        self.desk
            .state()
            .policies
            .insert(name.to_owned(), Policy::read(paths));
    }

    /// Makes a role of the JWT auth method at `auth/jwt/` and trusts its keys.
    pub fn role(&self, name: &str, role: Role) {
        let mut state = self.desk.state();
        let method = state.auth.entry("jwt/".to_owned()).or_default();
        method
            .public_keys_pem
            .extend(role.public_keys_pem.iter().cloned());
        method.roles.insert(name.to_owned(), role);
    }

    /// Does anything that the API can, with the root token and without the network; `path` is below `/v1/`.
    ///
    /// # Panics
    /// If the answer is an error.
    pub fn as_root(&self, method: &str, path: &str, body: &Value) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: method.to_owned(),
            path: format!("/v1/{path}"),
            query: query.to_owned(),
            headers: vec![("x-vault-token".into(), self.root_token.clone())],
            body: if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            },
            connection: 0,
        };
        let mut state = self.desk.state();
        let response = state.answer(&request);
        // The audit log is for what others ask.
        state.audit.pop();
        let text = String::from_utf8_lossy(&response.body).into_owned();
        assert!(
            response.status < 300,
            "{method} {path}: {} {text}",
            response.status
        );
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Makes a token with these policies that lives an hour.
    #[must_use]
    pub fn token(&self, policies: &[&str]) -> String {
        let answer = self.as_root(
            "POST",
            "auth/token/create",
            &json!({ "policies": policies, "ttl": "1h" }),
        );
        answer["auth"]["client_token"]
            .as_str()
            .expect("a new token is in the answer")
            .to_owned()
    }

    /// Seals it: from now on every answer is 503.
    pub fn seal(&self) {
        self.desk.state().sealed = true;
    }

    /// Answers first, where it answers: for faults, and for engines that the double does not have.
    pub fn intercept(&self, answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) {
        self.desk
            .intercepts
            .lock()
            .expect("no intercept panics")
            .push(Box::new(answer));
    }

    /// The audit log so far: every request over the network, intercepted ones left out.
    #[must_use]
    pub fn audit(&self) -> Vec<AuditEntry> {
        self.desk.state().audit.clone()
    }

    /// The number of tokens that are good for something, the root token left out.
    #[must_use]
    pub fn live_tokens(&self) -> usize {
        self.desk.state().tokens.live()
    }

    /// Every request so far, intercepted ones included.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The number of connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    /// Calls back for every exchange from now on, before the answer is sent.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        self.server.watch(watcher);
    }
}

type Intercept = Box<dyn Fn(&Request) -> Option<Response> + Send + Sync>;

struct Desk {
    state: Mutex<State>,
    intercepts: Mutex<Vec<Intercept>>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no request panics")
    }

    fn answer(&self, request: &Request) -> Response {
        let intercepts = self.intercepts.lock().expect("no intercept panics");
        let first = intercepts.iter().find_map(|answer| answer(request));
        first.unwrap_or_else(|| self.state().answer(request))
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Answer, Ask, ask};
    use crate::{Authority, Issuer};

    fn send(vault: &VaultServer, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let url = format!("{}/v1/{path}", vault.url());
        let request = Ask::new(method, &url).header("x-vault-token", token);
        ask(&request.body(body.to_string())).unwrap()
    }

    fn log_in(vault: &VaultServer, jwt: &str) -> Answer {
        send(
            vault,
            "POST",
            "auth/jwt/login",
            "",
            &json!({ "jwt": jwt, "role": "cargo-ci" }),
        )
    }

    fn entry(operation: &str, path: &str, identity: Option<&str>, status: u16) -> AuditEntry {
        AuditEntry {
            operation: operation.into(),
            path: path.into(),
            identity: identity.map(str::to_owned),
            token_known: identity.is_some(),
            role: None,
            status,
        }
    }

    #[test]
    fn a_job_logs_in_reads_and_leaves_nothing_behind() {
        let (vault, issuer) = (VaultServer::start(), Issuer::start());
        vault.put("ci/cargo", json!({ "token": "s3cret" }));
        vault.policy("cargo", &["secret/data/ci/cargo"]);
        vault.role(
            "cargo-ci",
            Role::new(&issuer, "vault", &["cargo"]).claim("repository", "acme/app"),
        );

        let answer = log_in(&vault, &issuer.token("vault"));
        let token = answer.json()["auth"]["client_token"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(vault.live_tokens(), 1);
        let read = send(&vault, "GET", "secret/data/ci/cargo", &token, &json!({}));
        assert_eq!(read.json()["data"]["data"]["token"], "s3cret");
        assert_eq!(
            send(&vault, "GET", "secret/data/ci/x", &token, &json!({})).status,
            403
        );
        assert_eq!(
            send(&vault, "POST", "auth/token/revoke-self", &token, &json!({})).status,
            204
        );
        assert_eq!(vault.live_tokens(), 0);
        assert_eq!(
            send(&vault, "GET", "secret/data/ci/cargo", &token, &json!({})).status,
            403
        );

        let who = Some("jwt-repo:acme/app:ref:refs/heads/main");
        let login = AuditEntry {
            role: Some("cargo-ci".into()),
            token_known: false,
            ..entry("update", "auth/jwt/login", who, 200)
        };
        let expected = [
            login,
            entry("read", "secret/data/ci/cargo", who, 200),
            entry("read", "secret/data/ci/x", who, 403),
            entry("update", "auth/token/revoke-self", who, 204),
            entry("read", "secret/data/ci/cargo", None, 403),
        ];
        assert_eq!(vault.audit(), expected);
    }

    #[test]
    fn an_unknown_job_gets_no_token() {
        let (vault, issuer, other) = (VaultServer::start(), Issuer::start(), Issuer::start());
        vault.role("cargo-ci", Role::new(&issuer, "vault", &[]));
        for jwt in [issuer.token("registry"), other.token("vault")] {
            assert_eq!(log_in(&vault, &jwt).status, 400);
        }
        let expired = issuer.claims("vault", &json!({ "exp": crate::clock::unix_now() - 61 }));
        assert_eq!(log_in(&vault, &issuer.sign(&expired)).status, 400);
        assert_eq!((vault.live_tokens(), vault.audit().len()), (0, 3));
    }

    #[test]
    fn answers_can_be_replaced_and_the_whole_can_be_sealed() {
        let authority = Authority::new();
        let vault = VaultServer::start_tls(&authority.server(&["127.0.0.1"]));
        vault.put_v1("cargo", &json!({ "token": "one" }));
        let asked = || {
            let url = format!("{}/v1/kv1/cargo", vault.url());
            ask(&Ask::new("GET", &url)
                .header("x-vault-token", vault.root_token())
                .trust(authority.pem()))
            .unwrap()
        };
        assert_eq!(asked().json()["data"]["token"], "one");
        vault.intercept(|request| {
            (request.method == "GET").then(|| Response::empty(429).header("retry-after", "1"))
        });
        assert_eq!(asked().header("retry-after"), Some("1"));
        assert_eq!(
            (
                vault.audit().len(),
                vault.requests().len(),
                vault.connections()
            ),
            (1, 2, 2)
        );
        let sealed = VaultServer::start();
        sealed.seal();
        let answer = send(&sealed, "GET", "kv1/cargo", sealed.root_token(), &json!({}));
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (503, "{\"errors\":[\"Vault is sealed\"]}\n")
        );
    }
}
