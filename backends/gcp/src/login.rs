//! Proving who this job is: an access token, by whatever this job has to show.

use std::borrow::Cow;

use cargo_credential_bridge_backend::identity::{Audience, Identity};
use cargo_credential_bridge_backend::{Error, Kind, SecretString, Value, step};

use crate::adc;
use crate::credentials_file::CredentialsFile;
use crate::error::Requested;
use crate::impersonation::{self, Impersonation};
use crate::metadata;
use crate::method::{Method, WorkloadIdentity};
use crate::name::{Endpoint, Project, Provider, UniverseDomain};
use crate::session::Session;
use crate::sts::{self, Exchange};

/// What every access token is asked for: Secret Manager has no narrower scope.
///
/// Source: the page "OAuth 2.0 scopes for Google APIs", Secret Manager API.
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long an access token is to live, in seconds, where we may say: one read is all that it is for.
pub(crate) const LIFETIME: u64 = 900;

/// Who we are to Google.
pub(crate) struct Login {
    pub(crate) token: SecretString,
    /// As a policy names it: `serviceAccount:…`, `principal://…`; `None` where nobody has said so.
    pub(crate) principal: Option<String>,
    /// What the credentials name besides.
    pub(crate) project: Option<Project>,
    pub(crate) quota_project: Option<Project>,
    pub(crate) universe: Option<UniverseDomain>,
    /// Whether it is the machine's own: then the metadata server knows its account, its project and its universe.
    pub(crate) is_machine: bool,
}

impl Login {
    pub(crate) fn new(token: SecretString, principal: Option<String>) -> Self {
        Self {
            token,
            principal,
            project: None,
            quota_project: None,
            universe: None,
            is_machine: false,
        }
    }

    /// The same by this file: what it says goes before what the credentials inside of it say.
    pub(crate) fn by(self, file: &CredentialsFile) -> Result<Self, Error> {
        Ok(Self {
            project: file.project()?.or(self.project),
            quota_project: file.quota_project()?,
            universe: file.universe()?.or(self.universe),
            ..self
        })
    }

    /// The domain of Google's services, unless only the machine knows it: what the config or a variable says, else the
    /// credentials.
    pub(crate) fn known_universe(&self, session: &Session) -> Option<UniverseDomain> {
        let known = session.universe.as_ref().or(self.universe.as_ref());
        match known {
            None if !self.is_machine => Some(UniverseDomain::default()),
            known => known.cloned(),
        }
    }

    /// The domain of Google's services, which the machine is asked for if nothing else says it.
    pub(crate) async fn universe(&self, session: &Session) -> Result<UniverseDomain, Error> {
        if let Some(known) = self.known_universe(session) {
            return Ok(known);
        }
        let said = metadata::value("universe/universe-domain", session).await?;
        Ok(said.and_then(|said| said.parse().ok()).unwrap_or_default())
    }
}

/// The access token by the first of `methods` whose inputs exist here.
pub(crate) async fn first(methods: &[Method], session: &Session) -> Result<Login, Error> {
    let mut missing = Vec::new();
    for method in &*or_default(methods) {
        let outcome = match method {
            Method::Adc { credentials_file } => {
                adc::login(credentials_file.as_ref(), session).await
            }
            Method::WorkloadIdentity(method) => workload_identity(method, session).await,
        };
        match outcome {
            Err(error) if error.kind() == Kind::NotAvailable => missing.push(error),
            Ok(login) => {
                session.transport.conceal(&login.token);
                step!("login", to = "Google", method = method.name());
                return Ok(login);
            }
            refused => return refused,
        }
    }
    Err(nobody(missing))
}

/// The methods, or what counts without any.
pub(crate) fn or_default(methods: &[Method]) -> Cow<'_, [Method]> {
    let adc = Method::Adc {
        credentials_file: None,
    };
    match methods.is_empty() {
        true => vec![adc].into(),
        false => methods.into(),
    }
}

/// The error if no method can be used here.
pub(crate) fn nobody(missing: Vec<Error>) -> Error {
    Error::joined(Kind::NotAvailable, "no Google identity here", missing)
}

/// How the token of this job is traded, with all settings.
pub(crate) struct Route {
    pub(crate) identity: Identity,
    pub(crate) provider: Provider,
    pub(crate) audience: String,
    pub(crate) sts_url: String,
    /// Whom to become then.
    pub(crate) impersonation: Option<Impersonation>,
}

impl Route {
    pub(crate) fn resolve(method: &WorkloadIdentity, session: &Session) -> Result<Self, Error> {
        let environment = &session.context.environment;
        let identity = Identity::chosen(method.identity.as_ref(), environment)?;
        let provider = method.provider.resolve("provider", environment)?;
        let audience = match &method.audience {
            Some(audience) => audience.resolve("audience", environment)?,
            None => provider.default_audience(),
        };
        let account = Value::resolve_optional(
            method.service_account.as_ref(),
            "service-account",
            environment,
        )?;
        let delegates = method
            .delegates
            .iter()
            .map(|delegate| delegate.resolve("delegates", environment))
            .collect::<Result<Vec<_>, _>>()?;
        let endpoint = |given: &Option<Value<Endpoint>>, key: &str, service: &str| {
            let given = Value::resolve_optional(given.as_ref(), key, environment)?;
            Ok(given.unwrap_or_else(|| Endpoint::of(service, &session.universe())))
        };
        let sts = endpoint(&method.sts_endpoint, "sts-endpoint", "sts")?;
        let iam = endpoint(&method.iam_endpoint, "iam-endpoint", "iamcredentials")?;
        Ok(Self {
            identity,
            provider,
            audience,
            sts_url: sts.at("/v1/token"),
            impersonation: account.map(|account| Impersonation {
                url: iam.at(&impersonation::path(&account)),
                account,
                delegates,
            }),
        })
    }
}

/// The token of this job for an access token, and for that of a service account if one is named.
///
/// Source: Google's page "Workload Identity Federation", and the two API pages of STS and IAM credentials.
async fn workload_identity(method: &WorkloadIdentity, session: &Session) -> Result<Login, Error> {
    let Route {
        identity,
        provider,
        audience,
        sts_url,
        impersonation,
    } = Route::resolve(method, session)?;
    let asked = Audience::new(&audience, method.audience.is_some());
    let shown = identity.token(Some(asked), &session.context).await?;
    let exchange = Exchange {
        url: &sts_url,
        audience: &provider.resource(),
        subject_token: shown.secret(),
        subject_token_type: sts::JWT,
        client: None,
        user_project: None,
        stated: shown.claims(),
        requested: Some(match identity.is_minted() {
            true => Requested::Minted(&audience),
            false => Requested::Carried(&audience),
        }),
    };
    let token = exchange.send(session).await?;
    let subject = shown.claim("sub");
    let principal = subject.first().map(|subject| provider.principal(subject));
    let Some(impersonation) = impersonation else {
        return Ok(Login::new(token, principal));
    };
    session.transport.conceal(&token);
    impersonation.send(&token, principal, session).await
}
