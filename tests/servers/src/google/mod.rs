//! An in-memory double of Google Cloud, as far as this project uses it, for the tests that want no Python: Secret Manager,
//! STS, IAM credentials, the OAuth token endpoint and a machine's metadata, all on one origin.
//!
//! It really checks bearer tokens with their scopes, the signature, issuer, audience, time and condition of a job's token,
//! the signatures of service account keys, chains of delegates, and who may read what: nobody, until
//! [`GoogleServer::allow`] says so. REST only. What Google's own clients make of answers like these is for the fake on
//! Google's protos to show.

mod answer;
mod form;
mod iam_credentials;
mod key;
mod metadata;
mod oauth;
mod secret_manager;
mod state;
mod sts;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub use self::answer::{ApiError, oauth_error};
pub use self::secret_manager::{VersionState, payload_body};
use self::state::{CLOUD_PLATFORM, Permission, Principal, State};
use self::sts::Provider;
use crate::authority::Certificate;
use crate::http::{Request, Response, percent_decode};
use crate::issuer::Issuer;
use crate::random;
use crate::server::{Exchange, Server, Tls};

/// The double; it stops on drop.
#[derive(Debug)]
pub struct GoogleServer {
    server: Server,
    desk: Arc<Desk>,
}

impl GoogleServer {
    /// Serves plain HTTP.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Serves HTTPS with this certificate.
    #[must_use]
    pub fn start_tls(certificate: &Certificate) -> Self {
        Self::start_with(Some(&described(certificate)))
    }

    /// Serves HTTPS as described, or plain HTTP without a description.
    #[must_use]
    pub fn start_with(tls: Option<&Tls>) -> Self {
        let desk = Arc::new(Desk::default());
        let server = serve(&desk, tls);
        desk.state().url = server.url();
        Self { server, desk }
    }

    /// The same double at one more origin, with a count of its own of requests and connections, as Google's services
    /// have different hosts; it stops when what is returned is dropped.
    #[must_use]
    pub fn second_origin(&self, certificate: Option<&Certificate>) -> Server {
        serve(&self.desk, certificate.map(described).as_ref())
    }

    /// The base URL: `endpoint`, and below it `/v1/token` of STS, `/token` of OAuth.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The host with the port: `GCE_METADATA_HOST`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.server.port())
    }

    /// Keeps a new version of a secret and gives its number, from 1.
    pub fn put(&self, project: &str, secret: &str, payload: &[u8]) -> u64 {
        self.add(
            project,
            &format!("projects/{project}/secrets/{secret}"),
            payload,
        )
    }

    /// Keeps a new version of a secret of one location, which is another one than the global secret of that name.
    pub fn put_regional(&self, project: &str, location: &str, secret: &str, payload: &[u8]) -> u64 {
        let name = format!("projects/{project}/locations/{location}/secrets/{secret}");
        self.add(project, &name, payload)
    }

    fn add(&self, project: &str, name: &str, payload: &[u8]) -> u64 {
        let mut state = self.desk.state();
        state.number(project);
        state
            .secrets
            .entry(name.to_owned())
            .or_default()
            .add(payload)
    }

    /// Makes a secret without versions, and its project.
    pub fn put_empty(&self, project: &str, secret: &str) {
        let mut state = self.desk.state();
        state.number(project);
        let name = format!("projects/{project}/secrets/{secret}");
        state.secrets.entry(name).or_default();
    }

    /// Sets the state of a version. The secret is `projects/P/secrets/S` or `projects/P/locations/L/secrets/S`, and there.
    pub fn set_state(&self, secret: &str, version: u64, to: VersionState) {
        self.desk.secret(secret, |secret| secret.set(version, to));
    }

    /// Gives a version one more name.
    pub fn set_alias(&self, secret: &str, alias: &str, version: u64) {
        self.desk.secret(secret, |secret| {
            secret.aliases.push((alias.to_owned(), version));
        });
    }

    /// Gives a secret an annotation.
    pub fn annotate(&self, secret: &str, key: &str, value: &str) {
        self.desk.secret(secret, |secret| {
            secret.annotations.insert(key.to_owned(), value.to_owned());
        });
    }

    /// The number of a project, which stands in the names that Secret Manager answers.
    #[must_use]
    pub fn project_number(&self, project: &str) -> u64 {
        self.desk.state().number(project)
    }

    /// Switches Secret Manager off in a project.
    pub fn disable_service(&self, project: &str) {
        let mut state = self.desk.state();
        state.number(project);
        state.disabled.insert(project.to_owned());
    }

    /// Lets a member read a secret, or all secrets of `projects/P`, there or not yet.
    ///
    /// Members are IAM's: `serviceAccount:EMAIL`, `user:EMAIL`,
    /// `principal://iam.googleapis.com/projects/N/locations/global/workloadIdentityPools/POOL/subject/SUBJECT`, and
    /// `principalSet://…/POOL/attribute.CLAIM/VALUE` or `principalSet://…/POOL/*`.
    pub fn allow(&self, member: &str, resource: &str) {
        self.desk.grant(member, Permission::Access, resource);
    }

    /// Lets a member see the versions of a secret and their states, which reading it does not include.
    pub fn allow_viewing(&self, member: &str, resource: &str) {
        self.desk.grant(member, Permission::View, resource);
    }

    /// Lets a member get tokens and signatures of a service account.
    pub fn let_impersonate(&self, member: &str, email: &str) {
        self.desk.grant(member, Permission::Impersonate, email);
    }

    /// An access token of a member, outright.
    #[must_use]
    pub fn token_for(&self, member: &str) -> String {
        self.token_with_scopes(member, &[CLOUD_PLATFORM])
    }

    /// An access token of a member with other scopes than that of all of Google Cloud.
    #[must_use]
    pub fn token_with_scopes(&self, member: &str, scopes: &[&str]) -> String {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let principal = Principal::new(member);
        self.desk.state().issue("c", principal, &scopes)
    }

    /// Ends every access token that was handed out so far.
    pub fn expire_tokens(&self) {
        self.desk.state().expire_tokens();
    }

    /// Makes a provider of a workload identity pool, `projects/N/locations/global/workloadIdentityPools/P/providers/X`,
    /// for the tokens of an issuer with one of these audiences (none: the provider's own name, with or without `https:`),
    /// and, with a condition, only those in which a claim has a value.
    ///
    /// Its mapping is `google.subject=assertion.sub`, and `attribute.CLAIM=assertion.CLAIM` for every claim.
    pub fn trust(
        &self,
        provider: &str,
        issuer: &Issuer,
        audiences: &[&str],
        condition: Option<(&str, &str)>,
    ) {
        let trusted = Provider::new(provider, issuer, audiences, condition);
        let mut state = self.desk.state();
        state.providers.insert(provider.to_owned(), trusted);
    }

    /// A new key of a service account: the file that Google gives away once, with this double as its `token_uri`.
    #[must_use]
    pub fn service_account_key(&self, email: &str) -> Value {
        let mut state = self.desk.state();
        let key_id = state.new_key(email);
        json!({
            "type": "service_account",
            "project_id": project_of(email),
            "private_key_id": key_id,
            "private_key": key::PRIVATE_KEY_PEM,
            "client_email": email,
            "client_id": "112233445566778899000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": format!("{}/token", state.url),
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": format!("https://www.googleapis.com/robot/v1/metadata/x509/{email}"),
            "universe_domain": "googleapis.com",
        })
    }

    /// The file that `gcloud auth application-default login` leaves behind, with this double as its `token_uri`.
    #[must_use]
    pub fn authorized_user(&self, email: &str) -> Value {
        let refresh_token = format!("1//{}", random::text(64));
        let mut state = self.desk.state();
        let member = format!("user:{email}");
        state.refresh_tokens.insert(refresh_token.clone(), member);
        json!({
            "type": "authorized_user",
            "account": "",
            "client_id": "764086051850-example.apps.googleusercontent.com",
            "client_secret": random::text(18),
            "refresh_token": refresh_token,
            "token_uri": format!("{}/token", state.url),
            "universe_domain": "googleapis.com",
        })
    }

    /// The file that `gcloud iam workload-identity-pools create-cred-config` writes, with this double as its STS; through
    /// a service account if one is given.
    #[must_use]
    pub fn external_account(
        &self,
        provider: &str,
        credential_source: &Value,
        service_account: Option<&str>,
    ) -> Value {
        let mut file = json!({
            "type": "external_account",
            "universe_domain": "googleapis.com",
            "audience": format!("//iam.googleapis.com/{provider}"),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{}/v1/token", self.url()),
            "credential_source": credential_source,
        });
        if let Some(email) = service_account {
            file["service_account_impersonation_url"] = json!(format!(
                "{}/v1/projects/-/serviceAccounts/{email}:generateAccessToken",
                self.url()
            ));
        }
        file
    }

    /// Makes this the machine's service account; without one, its metadata has neither tokens nor a project.
    pub fn attach(&self, email: &str) {
        self.desk.state().attached = Some(email.to_owned());
    }

    /// The account and the claims of a token that `signJwt` or the metadata server has signed; `None` for any other.
    #[must_use]
    pub fn signed_by(&self, token: &str) -> Option<(String, Value)> {
        let signed = key::verify(token)?;
        let account = self.desk.state().keys.get(&signed.key_id).cloned();
        Some((account?, signed.claims))
    }

    /// Makes the checksums of that many next payloads wrong.
    pub fn spoil_checksums(&self, payloads: usize) {
        self.desk.state().spoiled = payloads;
    }

    /// Answers the next request whose path ends so with this. Several wait for one request each, in order.
    pub fn answer_next(&self, path_suffix: &str, response: impl Into<Response>) {
        self.desk
            .canned
            .lock()
            .expect("no request panics")
            .push((path_suffix.to_owned(), response.into()));
    }

    /// Answers first, where it answers: for faults that last.
    pub fn intercept(&self, answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) {
        self.desk
            .intercepts
            .lock()
            .expect("no intercept panics")
            .push(Box::new(answer));
    }

    /// Calls back for every exchange from now on, before the answer is sent.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        self.server.watch(watcher);
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The number of connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }
}

/// The project of a service account, `NAME@PROJECT.iam.gserviceaccount.com`.
fn project_of(email: &str) -> &str {
    let domain = email.split_once('@').map_or(email, |(_, domain)| domain);
    domain.split('.').next().unwrap_or_default()
}

fn described(certificate: &Certificate) -> Tls {
    Tls {
        certificate: certificate.clone(),
        client_authority_pem: None,
        version: Default::default(),
    }
}

fn serve(desk: &Arc<Desk>, tls: Option<&Tls>) -> Server {
    let desk = Arc::clone(desk);
    Server::start_with(tls, move |request| desk.answer(request))
}

type Intercept = Box<dyn Fn(&Request) -> Option<Response> + Send + Sync>;

#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    canned: Mutex<Vec<(String, Response)>>,
    intercepts: Mutex<Vec<Intercept>>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no request panics")
    }

    fn grant(&self, member: &str, permission: Permission, resource: &str) {
        self.state().grant(member, permission, resource);
    }

    fn secret(&self, name: &str, change: impl FnOnce(&mut secret_manager::Secret)) {
        let mut state = self.state();
        change(state.secrets.get_mut(name).expect("the test has put it"));
    }

    fn canned(&self, path: &str) -> Option<Response> {
        let mut canned = self.canned.lock().expect("no request panics");
        let first = canned
            .iter()
            .position(|(suffix, _)| path.ends_with(suffix.as_str()))?;
        Some(canned.remove(first).1)
    }

    fn answer(&self, request: &Request) -> Response {
        // Some clients encode the colon before the verb.
        let path = percent_decode(&request.path);
        let intercepts = self.intercepts.lock().expect("no intercept panics");
        let first = intercepts.iter().find_map(|answer| answer(request));
        if let Some(first) = first.or_else(|| self.canned(&path)) {
            return first;
        }
        route(&mut self.state(), request, &path).unwrap_or_else(|refusal| refusal)
    }
}

fn route(state: &mut State, request: &Request, path: &str) -> Result<Response, Response> {
    match (request.method.as_str(), path) {
        ("POST", "/token") => return oauth::token(state, request),
        ("POST", "/v1/token") => return sts::exchange(state, request),
        ("POST", "/v1/introspect") => return sts::introspect(state, request),
        (_, "/") => return Ok(metadata::handle(state, request)),
        _ => {}
    }
    if path.starts_with("/computeMetadata/") {
        return Ok(metadata::handle(state, request));
    }
    match path.strip_prefix("/v1/") {
        Some(path) if path.starts_with("projects/-/serviceAccounts/") => {
            Ok(iam_credentials::handle(state, request, path)?)
        }
        Some(path) if path.starts_with("projects/") => {
            Ok(secret_manager::handle(state, request, path)?)
        }
        _ => Ok(answer::no_such_page()),
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
mod tests;
