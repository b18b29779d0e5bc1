//! What the double knows: who holds which token, and who may do what.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::answer::ApiError;
use super::key;
use super::secret_manager::Secret;
use super::sts::Provider;
use crate::clock::unix_now;
use crate::http::{Request, percent_decode};
use crate::random;

/// The scope that every service here takes.
pub(super) const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long tokens live, in seconds.
pub(super) const LIFETIME: i64 = 3599;
/// The longest that a token may say of itself that it lives, in seconds.
pub(super) const HOUR: i64 = 3600;

#[derive(Debug, Default)]
pub(super) struct State {
    /// Where the double is: the key files that it gives away name it.
    pub(super) url: String,
    tokens: HashMap<String, Token>,
    grants: HashSet<(String, Permission, String)>,
    projects: BTreeMap<String, u64>,
    /// Projects whose Secret Manager is switched off.
    pub(super) disabled: HashSet<String>,
    /// By resource name, with the project's id.
    pub(super) secrets: BTreeMap<String, Secret>,
    /// How many checksums are going to be wrong.
    pub(super) spoiled: usize,
    pub(super) providers: HashMap<String, Provider>,
    /// The accounts of the service account keys, by the key's id.
    pub(super) keys: HashMap<String, String>,
    /// The members that refresh tokens stand for.
    pub(super) refresh_tokens: HashMap<String, String>,
    /// The service account of the machine.
    pub(super) attached: Option<String>,
}

/// What a member may do to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Permission {
    /// Read the payload of versions: the role Secret Accessor has it.
    Access,
    /// Read what is known of a secret and its versions: the role Secret Viewer has it.
    View,
    /// Get tokens and signatures of a service account.
    Impersonate,
}

/// Somebody, by all the names under which rights may be granted to them; the first is their own.
#[derive(Clone, Debug)]
pub(super) struct Principal {
    pub(super) members: Vec<String>,
}

#[derive(Debug)]
struct Token {
    principal: Principal,
    scopes: Vec<String>,
    has_expired: bool,
}

/// The API that is asked, for the details of its refusals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
}

impl Principal {
    pub(super) fn new(member: &str) -> Self {
        Self {
            members: vec![member.to_owned()],
        }
    }

    pub(super) fn service_account(email: &str) -> Self {
        Self::new(&format!("serviceAccount:{email}"))
    }
}

impl State {
    /// A new token for somebody; `kind` is what Google's tokens have after `ya29.`.
    pub(super) fn issue(&mut self, kind: &str, principal: Principal, scopes: &[String]) -> String {
        let token = format!("ya29.{kind}.{}", random::text(192));
        let known = Token {
            principal,
            scopes: scopes.to_vec(),
            has_expired: false,
        };
        self.tokens.insert(token.clone(), known);
        token
    }

    /// Who holds a token that is still good, and its scopes.
    pub(super) fn holder(&self, token: &str) -> Option<(&Principal, &[String])> {
        let known = self.tokens.get(token).filter(|known| !known.has_expired)?;
        Some((&known.principal, &known.scopes))
    }

    /// Ends every token.
    pub(super) fn expire_tokens(&mut self) {
        for token in self.tokens.values_mut() {
            token.has_expired = true;
        }
    }

    pub(super) fn grant(&mut self, member: &str, permission: Permission, resource: &str) {
        let grant = (member.to_owned(), permission, resource.to_owned());
        self.grants.insert(grant);
    }

    /// Whether somebody has a right to a resource, or to the project that it is in.
    pub(super) fn may(&self, who: &Principal, permission: Permission, resource: &str) -> bool {
        let project: Vec<&str> = resource.splitn(3, '/').take(2).collect();
        let project = project.join("/");
        who.members.iter().any(|member| {
            [resource, &project].iter().any(|&resource| {
                let grant = (member.clone(), permission, resource.to_owned());
                self.grants.contains(&grant)
            })
        })
    }

    /// The id of a new key of a service account.
    pub(super) fn new_key(&mut self, email: &str) -> String {
        let id = random::uuid().replace('-', "");
        self.keys.insert(id.clone(), email.to_owned());
        id
    }

    /// The number of a project, which it gets where it is first heard of.
    pub(super) fn number(&mut self, project: &str) -> u64 {
        let next = 123_456_789_012 + self.projects.len() as u64;
        *self.projects.entry(project.to_owned()).or_insert(next)
    }

    /// The id and the number of a project, by either.
    pub(super) fn project(&self, name: &str) -> Option<(&str, u64)> {
        let found = self
            .projects
            .iter()
            .find(|(id, number)| *id == name || number.to_string() == name);
        found.map(|(id, &number)| (id.as_str(), number))
    }

    /// Who asks, by the bearer token.
    pub(super) fn caller(&self, request: &Request, api: Api) -> Result<Principal, ApiError> {
        let header = request.header("authorization").unwrap_or_default();
        let (scheme, token) = header.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(unauthenticated(
                "Request is missing required authentication credential.",
                "CREDENTIALS_MISSING",
                api,
            ));
        }
        let refuse = |reason| {
            let text = "Request had invalid authentication credentials.";
            Err(unauthenticated(text, reason, api))
        };
        let (principal, is_enough) = match self.tokens.get(token) {
            Some(known) if known.has_expired => return refuse("ACCESS_TOKEN_EXPIRED"),
            Some(known) => {
                let is_enough = known.scopes.iter().any(|scope| scope == CLOUD_PLATFORM);
                (known.principal.clone(), is_enough)
            }
            None => match self.self_signed(token, api) {
                Ok(email) => (Principal::service_account(&email), true),
                Err(reason) => return refuse(reason),
            },
        };
        if !is_enough {
            let text = "Request had insufficient authentication scopes.";
            let metadata = [("service", api.service), ("method", api.method)];
            return Err(ApiError::permission_denied(text).because(
                "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "googleapis.com",
                &metadata,
            ));
        }
        self.check_quota_project(request, api)?;
        Ok(principal)
    }

    /// The account whose key signed a token for this very API, without a token endpoint in between.
    ///
    /// <https://google.aip.dev/auth/4111>
    fn self_signed(&self, token: &str, api: Api) -> Result<String, &'static str> {
        let signed = key::verify(token).ok_or("ACCESS_TOKEN_TYPE_UNSUPPORTED")?;
        let (claims, text) = (&signed.claims, |name: &str| {
            signed.claims[name].as_str().unwrap_or_default().to_owned()
        });
        let account = self.keys.get(&signed.key_id);
        let account = account.filter(|email| **email == text("iss") && **email == text("sub"));
        let is_for_us = if claims["scope"].is_string() {
            text("scope")
                .split(' ')
                .any(|scope| scope == CLOUD_PLATFORM)
        } else {
            text("aud") == format!("https://{}/", api.service)
        };
        match account {
            Some(email) if is_for_us && is_timely(claims) => Ok(email.clone()),
            Some(_) if is_for_us => Err("ACCESS_TOKEN_EXPIRED"),
            _ => Err("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        }
    }

    /// The project that pays, if the request names one, is one that is known.
    fn check_quota_project(&self, request: &Request, api: Api) -> Result<(), ApiError> {
        let Some(project) = request.header("x-goog-user-project") else {
            return Ok(());
        };
        if self.project(&percent_decode(project)).is_some() {
            return Ok(());
        }
        let message = format!(
            "Caller does not have required permission to use project {project}. Grant the caller the \
             roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use \
             permission, by visiting https://console.developers.google.com/iam-admin/iam/project?project={project} and \
             then retry. Propagation of the new permission may take a few minutes."
        );
        let consumer = format!("projects/{project}");
        let metadata = [("service", api.service), ("consumer", &consumer)];
        Err(ApiError::permission_denied(message).because(
            "USER_PROJECT_DENIED",
            "googleapis.com",
            &metadata,
        ))
    }
}

/// Whether a token that somebody signed themselves is good now, and not for more than an hour.
pub(super) fn is_timely(claims: &serde_json::Value) -> bool {
    let time = |name: &str| claims[name].as_i64().unwrap_or_default();
    // Google allows for clocks that differ by some minutes.
    let (now, issued, expires) = (unix_now(), time("iat"), time("exp"));
    issued <= now + 300 && now <= expires && expires - issued <= HOUR
}

fn unauthenticated(text: &str, reason: &str, api: Api) -> ApiError {
    let message = format!(
        "{text} Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
         https://developers.google.com/identity/sign-in/web/devconsole-project."
    );
    let metadata = [("service", api.service), ("method", api.method)];
    ApiError::unauthenticated(message).because(reason, "googleapis.com", &metadata)
}
