//! The way of one request: who asks, may they, and which part answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answer;
use super::jwt_auth::{JwtAuth, seconds, strings};
use super::kv::{Ask, Kv, Operation};
use super::policy::{self, Policy};
use super::sys;
use super::tokens::{Grant, Token, Tokens};
use crate::http::{Request, Response, percent_decode};

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Vault's name of the operation: `read`, `list`, `create`, `update`, `delete`.
    pub operation: String,
    /// The path below `/v1/`.
    pub path: String,
    /// The display name of the token that asked: `jwt-repo:acme/app:ref:refs/heads/main`, or `token` for the root
    /// token. At a login, of the token that was given. `None` if no known token was sent.
    pub identity: Option<String>,
    /// Whether the request had a token that is known and alive.
    pub token_known: bool,
    /// The role of a login, whether it succeeded or not.
    pub role: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// Everything that the double knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) engines: BTreeMap<String, Kv>,
    pub(super) auth: BTreeMap<String, JwtAuth>,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) tokens: Tokens,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) sealed: bool,
}

/// A token that is known, and its id.
#[derive(Debug)]
pub(super) struct Caller {
    id: String,
    token: Token,
}

impl State {
    pub(super) fn new(root_token: &str) -> Self {
        let default = Policy::parse(policy::DEFAULT).expect("the default policy is well-formed");
        Self {
            engines: BTreeMap::from([
                ("secret/".to_owned(), Kv::V2(BTreeMap::new())),
                ("kv1/".to_owned(), Kv::V1(BTreeMap::new())),
            ]),
            auth: BTreeMap::from([("jwt/".to_owned(), JwtAuth::default())]),
            policies: BTreeMap::from([("default".to_owned(), default)]),
            tokens: Tokens::new(root_token),
            audit: Vec::new(),
            sealed: false,
        }
    }

    /// Answers a request and writes it to the audit log.
    pub(super) fn answer(&mut self, request: &Request) -> Response {
        let Some(path) = request.path.strip_prefix("/v1/").map(percent_decode) else {
            return Response::text(307, "").header("location", "/ui/");
        };
        let caller = self.caller(request);
        let operation = operation_of(request);
        let mut entry = AuditEntry {
            operation: self.audit_name(operation, &path).to_owned(),
            identity: caller
                .as_ref()
                .map(|caller| caller.token.display_name.clone()),
            token_known: caller.is_some(),
            role: None,
            status: 0,
            path,
        };
        let response = self.dispatch(request, operation, caller, &mut entry);
        entry.status = response.status;
        self.audit.push(entry);
        response
    }

    fn dispatch(
        &mut self,
        request: &Request,
        operation: Option<Operation>,
        caller: Option<Caller>,
        entry: &mut AuditEntry,
    ) -> Response {
        let path = entry.path.clone();
        if path == "sys/health" {
            return sys::health(self.sealed);
        }
        if self.sealed {
            return answer::error(503, "Vault is sealed");
        }
        let Some(operation) = operation else {
            return answer::unsupported_operation();
        };
        let body = if request.body.is_empty() {
            Some(Value::Object(Map::new()))
        } else {
            request.json()
        };
        let Some(body) = body else {
            return answer::error(500, "malformed JSON, unclosed containers");
        };
        if let Some(mount) = self.login_mount(&path) {
            return self.login(&mount, operation, &body, entry);
        }
        let Some(caller) = caller else {
            return if sent_token(request).is_empty() {
                answer::no_token()
            } else {
                answer::invalid_token()
            };
        };
        if let Some(path) = path.strip_prefix("sys/internal/ui/mounts/") {
            return sys::mount_of(self, &caller, path);
        }
        // The names of operations are those of capabilities.
        if !caller.token.is_root()
            && !policy::allowed(self.policies_of(&caller), &path, &entry.operation)
        {
            return answer::denied();
        }
        let version = request.parameter("version");
        self.route(
            &Ask {
                operation,
                path: &path,
                version,
                body: &body,
            },
            &caller,
        )
    }

    fn route(&mut self, ask: &Ask<'_>, caller: &Caller) -> Response {
        if let Some(path) = ask.path.strip_prefix("sys/") {
            return sys::answer(self, ask.operation, path, ask.body);
        }
        if let Some(path) = ask.path.strip_prefix("auth/token/") {
            return self.token(path, ask, caller);
        }
        let method = ask.path.strip_prefix("auth/").and_then(|path| {
            let mount = self.auth.keys().find(|mount| path.starts_with(*mount))?;
            Some((mount.clone(), path[mount.len()..].to_owned()))
        });
        if let Some((mount, path)) = method {
            return self.set_up_auth(&mount, &path, ask);
        }
        let Some(mount) = self.engine_of(ask.path).map(str::to_owned) else {
            let text = format!(
                "no handler for route \"{}\". route entry not found.",
                ask.path
            );
            return answer::error(404, &text);
        };
        let engine = self
            .engines
            .get_mut(&mount)
            .expect("the mount was just found");
        engine.answer(&Ask {
            path: ask.path.get(mount.len()..).unwrap_or_default(),
            version: ask.version.clone(),
            ..*ask
        })
    }

    fn token(&mut self, path: &str, ask: &Ask<'_>, caller: &Caller) -> Response {
        match (path, ask.operation) {
            ("lookup-self", Operation::Read) => self.tokens.look_up(&caller.id),
            ("revoke-self", Operation::Write) => self.tokens.revoke(&caller.id),
            ("create", Operation::Write) => {
                let mut policies = strings(&ask.body["policies"]);
                policies.push("default".into());
                policies.sort();
                policies.dedup();
                let grant = Grant {
                    display_name: "token".into(),
                    policies,
                    entity_id: String::new(),
                    meta: Value::Null,
                    path: "auth/token/create".into(),
                    ttl: seconds(&ask.body["ttl"]),
                    orphan: false,
                    batch: ask.body["type"] == "batch",
                };
                self.tokens.grant(grant, "token")
            }
            ("lookup-self" | "revoke-self" | "create", _) => answer::unsupported_operation(),
            _ => answer::errors(404, &["unsupported path"]),
        }
    }

    fn set_up_auth(&mut self, mount: &str, path: &str, ask: &Ask<'_>) -> Response {
        let method = self.auth.get_mut(mount).expect("the mount was just found");
        match (path.split_once('/').unwrap_or((path, "")), ask.operation) {
            (("config", ""), Operation::Write) => {
                method.configure(ask.body);
                answer::done()
            }
            (("role", name), Operation::Write) => {
                method.write_role(name, ask.body);
                answer::done()
            }
            (("role", name), Operation::Delete) => {
                method.roles.remove(name);
                answer::done()
            }
            _ => answer::errors(404, &["unsupported path"]),
        }
    }

    /// The auth method to which a path is the login, which wants no token.
    fn login_mount(&self, path: &str) -> Option<String> {
        let mount = path.strip_prefix("auth/")?.strip_suffix("login")?;
        self.auth.contains_key(mount).then(|| mount.to_owned())
    }

    fn login(
        &mut self,
        mount: &str,
        operation: Operation,
        body: &Value,
        entry: &mut AuditEntry,
    ) -> Response {
        if operation != Operation::Write {
            return answer::error(405, "unsupported operation");
        }
        entry.role = body["role"].as_str().map(str::to_owned);
        match self.auth[mount].login(mount, body) {
            Err(text) => answer::error(400, &text),
            Ok(grant) => {
                entry.identity = Some(grant.display_name.clone());
                self.tokens.grant(grant, "")
            }
        }
    }

    fn caller(&self, request: &Request) -> Option<Caller> {
        let id = sent_token(request);
        self.tokens.find(id).map(|token| Caller {
            id: id.to_owned(),
            token: token.clone(),
        })
    }

    fn policies_of<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a Policy> {
        caller
            .token
            .policies
            .iter()
            .filter_map(|name| self.policies.get(name))
    }

    /// Whether the caller may do anything below a mount.
    pub(super) fn touches(&self, caller: &Caller, mount: &str) -> bool {
        caller.token.is_root() || policy::touches(self.policies_of(caller), mount)
    }

    /// The mount of the secrets engine that a path belongs to.
    pub(super) fn engine_of(&self, path: &str) -> Option<&str> {
        let path = format!("{path}/");
        self.engines
            .keys()
            .map(String::as_str)
            .find(|mount| path.starts_with(mount))
    }

    fn audit_name(&self, operation: Option<Operation>, path: &str) -> &'static str {
        let engine = self
            .engine_of(path)
            .and_then(|mount| Some((self.engines.get(mount)?, path.get(mount.len()..)?)));
        match operation {
            Some(Operation::Read) => "read",
            Some(Operation::List) => "list",
            Some(Operation::Delete) => "delete",
            Some(Operation::Write) if engine.is_some_and(|(engine, path)| !engine.exists(path)) => {
                "create"
            }
            Some(Operation::Write) => "update",
            None => "unsupported",
        }
    }
}

fn operation_of(request: &Request) -> Option<Operation> {
    match request.method.as_str() {
        "GET" if request.parameter("list").as_deref() == Some("true") => Some(Operation::List),
        "GET" => Some(Operation::Read),
        "LIST" => Some(Operation::List),
        "POST" | "PUT" => Some(Operation::Write),
        "DELETE" => Some(Operation::Delete),
        _ => None,
    }
}

/// The token of a request: `X-Vault-Token`, else a bearer token.
fn sent_token(request: &Request) -> &str {
    let bearer = || request.header("authorization")?.strip_prefix("Bearer ");
    request
        .header("x-vault-token")
        .or_else(bearer)
        .unwrap_or_default()
}
