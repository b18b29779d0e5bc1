use core::fmt;
use core::time::Duration;

use cargo_credential_bridge_backend::http::{Client, Repeatable};
use cargo_credential_bridge_backend::{
    Backend, Context, Edit, Error, ExposeSecret as _, Fetched, Inspection, Kind, SecretString,
    Step, Written, step,
};
use http::{HeaderName, HeaderValue, Request, Uri, header};
use rustify::Endpoint;
use url::Url;
use vaultrs::api::token::requests::RevokeTokenSelfRequest;

use crate::answer::Answer;
use crate::auth::{self, Login};
use crate::by_hand;
use crate::config::{Config, KvVersion, Place, Reference};
use crate::dialect::Dialect;
use crate::method::Method;
use crate::path::VaultPath;

/// A revocation may take this long: Cargo waits for our exit.
const REVOCATION_TIMEOUT: Duration = Duration::from_secs(2);

/// One of the two servers that speak Vault's API.
#[derive(Debug)]
pub struct Server<const IS_OPENBAO: bool>(Session);

/// HashiCorp Vault.
pub type Vault = Server<false>;

/// OpenBao, which looks at `BAO_*` before `VAULT_*`.
pub type OpenBao = Server<true>;

/// One instance while an answer is made.
pub(crate) struct Session {
    pub(crate) dialect: Dialect,
    pub(crate) context: Context,
    pub(crate) http: Client,
    pub(crate) address: Url,
    pub(crate) is_agent: bool,
    pub(crate) has_certificate: bool,
    pub(crate) namespace: Option<String>,
    pub(crate) mount: VaultPath,
    pub(crate) kv_version: KvVersion,
    pub(crate) auth: Vec<Method>,
    pub(crate) login: Option<Login>,
    /// Whether what we answered dies with our login.
    pub(crate) is_leased: bool,
}

impl<const IS_OPENBAO: bool> Server<IS_OPENBAO> {
    const DIALECT: Dialect = match IS_OPENBAO {
        true => Dialect::OpenBao,
        false => Dialect::Vault,
    };
}

impl<const IS_OPENBAO: bool> Backend for Server<IS_OPENBAO> {
    type Config = Config;
    type Reference = Reference;

    fn open(name: &str, config: &Config, context: &Context) -> Result<Self, Error> {
        Session::open(Self::DIALECT, name, config, context).map(Self)
    }

    async fn fetch(&mut self, reference: &Reference) -> Result<Fetched, Error> {
        self.0.fetch(reference).await
    }

    async fn explain(
        name: &str,
        config: &Config,
        reference: &Reference,
        context: &Context,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let session = Session::open(Self::DIALECT, name, config, context)?;
        session.explain(reference, steps).await
    }

    async fn inspect(&mut self, reference: &Reference) -> Inspection {
        self.0.inspect(reference).await
    }

    const IS_WRITABLE: bool = true;

    async fn write(&mut self, reference: &Reference, edit: &Edit<'_>) -> Result<Written, Error> {
        self.0.write(reference, edit).await
    }

    fn by_hand(config: &Config, reference: &Reference, edit: &Edit<'_>) -> String {
        by_hand::by_hand(Self::DIALECT, config, reference, edit)
    }

    async fn close(self, is_in_use: bool) {
        self.0.close(is_in_use).await;
    }
}

impl Session {
    fn open(
        dialect: Dialect,
        name: &str,
        config: &Config,
        context: &Context,
    ) -> Result<Self, Error> {
        let resolved = config.resolve(name, dialect, context)?;
        let has_certificate = resolved.http.certificate.is_some();
        let http = Client::new(&resolved.address, resolved.http, context)?;
        Ok(Self {
            dialect,
            context: context.clone(),
            http,
            address: resolved.address,
            is_agent: resolved.is_agent,
            has_certificate,
            namespace: resolved.namespace,
            mount: resolved.mount,
            kv_version: resolved.kv_version,
            auth: resolved.auth,
            login: None,
            is_leased: false,
        })
    }

    async fn fetch(&mut self, reference: &Reference) -> Result<Fetched, Error> {
        self.log_in().await?;
        let environment = &self.context.environment;
        let mut fetched = match &reference.0 {
            Place::Raw { path } => {
                let path = path.resolve("raw-path", environment)?;
                self.read_raw(reference, &path).await?
            }
            Place::Kv { path, version } => {
                let path = path.resolve("path", environment)?;
                self.read_kv(reference, &path, *version).await?
            }
        };
        fetched.known.identity = self.login.as_ref().map(|login| login.identity.clone());
        Ok(fetched)
    }

    /// Proves who this job is, once.
    pub(crate) async fn log_in(&mut self) -> Result<(), Error> {
        if self.login.is_none() {
            let login = auth::login(&self.auth, self).await?;
            if let Some(token) = &login.token {
                self.http.conceal(token);
            }
            self.login = Some(login);
        }
        Ok(())
    }

    /// Revokes the login that we made, best effort: a token that we were given is not ours, and a leased
    /// secret dies with the token that it was read by.
    async fn close(self, is_in_use: bool) {
        let Some(Login {
            token: Some(token),
            revoke_in: Some(namespace),
            ..
        }) = &self.login
        else {
            return;
        };
        if self.is_leased && is_in_use {
            step!("login kept", why = "the token dies with it");
            return;
        }
        step!("revoking the login");
        let limit = REVOCATION_TIMEOUT.min(self.context.deadline.remaining());
        let revocation = self.ask_again(
            &RevokeTokenSelfRequest {},
            Some(token),
            namespace.as_deref(),
            // Of a token that is revoked, Vault says that it does not know it.
            true,
        );
        // Nobody is left to tell: a token that outlives us ends with its TTL.
        let _ = tokio::time::timeout(limit, revocation).await;
    }

    /// Sends one request as whom we logged in.
    pub(crate) async fn send<E: Endpoint>(&self, request: &E) -> Result<Answer, Error> {
        let token = self.login.as_ref().and_then(|login| login.token.as_ref());
        self.ask(request, token, self.namespace.as_deref()).await
    }

    /// The same, of a request that only reads: it may be sent again when nobody knows what became of it.
    pub(crate) async fn send_again<E: Endpoint>(&self, request: &E) -> Result<Answer, Error> {
        let token = self.login.as_ref().and_then(|login| login.token.as_ref());
        self.ask_again(request, token, self.namespace.as_deref(), true)
            .await
    }

    /// A request of `vaultrs`, below our address.
    pub(crate) fn request<E: Endpoint>(&self, endpoint: &E) -> Result<Request<Vec<u8>>, Error> {
        let refused = |why| self.cannot_ask(why);
        let mut request = endpoint
            .request("http://vault")
            .map_err(|error| refused(error.to_string()))?;
        let path = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str())
            .trim_start_matches('/')
            // `vaultrs` leaves an empty query behind a read without a version.
            .trim_end_matches('?');
        let base = match self.address.scheme() {
            "unix" => "http://localhost",
            _ => self.address.as_str().trim_end_matches('/'),
        };
        *request.uri_mut() = Uri::try_from(format!("{base}/v1/{path}"))
            .map_err(|error| refused(error.to_string()))?;
        Ok(request)
    }

    fn cannot_ask(&self, why: String) -> Error {
        Error::new(Kind::Invalid, format!("can't ask {}", self.dialect)).because(why)
    }

    /// Sends one request of `vaultrs` with our headers, below our address.
    pub(crate) async fn ask<E: Endpoint>(
        &self,
        endpoint: &E,
        token: Option<&SecretString>,
        namespace: Option<&str>,
    ) -> Result<Answer, Error> {
        self.ask_again(endpoint, token, namespace, false).await
    }

    async fn ask_again<E: Endpoint>(
        &self,
        endpoint: &E,
        token: Option<&SecretString>,
        namespace: Option<&str>,
        is_repeatable: bool,
    ) -> Result<Answer, Error> {
        let refused = |why| self.cannot_ask(why);
        let mut request = self.request(endpoint)?;
        if is_repeatable {
            request.extensions_mut().insert(Repeatable);
        }
        let headers = request.headers_mut();
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose_secret()).map_err(|_| {
                refused(
                    "the token has characters in it that no token has, such as a line break"
                        .to_owned(),
                )
            })?;
            value.set_sensitive(true);
            headers.insert("x-vault-token", value);
        }
        if let Some(namespace) = namespace {
            let value = HeaderValue::from_str(namespace)
                .map_err(|_| refused(format!("`{namespace}` is not a namespace")))?;
            headers.insert(HeaderName::from_static("x-vault-namespace"), value);
        }
        if !request.body().is_empty() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }

        let described = format!(
            "{} {}",
            request.method(),
            request
                .uri()
                .to_string()
                .split('?')
                .next()
                .unwrap_or_default()
        );
        let response = self.http.send(request).await?;
        Ok(Answer {
            dialect: self.dialect,
            status: response.status(),
            request: described,
            origin: self.http.origin().to_owned(),
            body: response.into_body(),
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("dialect", &self.dialect)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}
