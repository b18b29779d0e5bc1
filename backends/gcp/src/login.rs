//! Proving who this job is: an access token, by whatever this job has to show.

use cargo_credential_bridge_backend::identity::Identity;
use cargo_credential_bridge_backend::{Error, Kind, SecretString, Value};

use crate::adc;
use crate::error::Requested;
use crate::impersonation::{self, Impersonation};
use crate::metadata;
use crate::method::{Method, WorkloadIdentity};
use crate::name::{Endpoint, Project, UniverseDomain};
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

    /// The domain of Google's services: what the config or a variable says, else the credentials, else the machine.
    pub(crate) async fn universe(&self, session: &Session) -> Result<UniverseDomain, Error> {
        if let Some(known) = session.universe.as_ref().or(self.universe.as_ref()) {
            return Ok(known.clone());
        }
        if !self.is_machine {
            return Ok(UniverseDomain::default());
        }
        let said = metadata::value("universe/universe-domain", session).await?;
        Ok(said.and_then(|said| said.parse().ok()).unwrap_or_default())
    }
}

/// The access token by the first of `methods` whose inputs exist here.
pub(crate) async fn first(methods: &[Method], session: &Session) -> Result<Login, Error> {
    let mut missing = Vec::new();
    let default = [Method::Adc {
        credentials_file: None,
    }];
    let methods = if methods.is_empty() {
        &default
    } else {
        methods
    };
    for method in methods {
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
                return Ok(login);
            }
            refused => return refused,
        }
    }
    Err(Error::joined(
        Kind::NotAvailable,
        "no Google identity here",
        missing,
    ))
}

/// The token of this job for an access token, and for that of a service account if one is named.
///
/// Source: Google's page "Workload Identity Federation", and the two API pages of STS and IAM credentials.
async fn workload_identity(method: &WorkloadIdentity, session: &Session) -> Result<Login, Error> {
    let environment = &session.context.environment;
    let identity = match &method.identity {
        Some(identity) => identity.clone(),
        None => Identity::detect(environment)?,
    };
    identity.check(environment)?;
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

    let shown = identity.token(Some(&audience), &session.context).await?;
    let exchange = Exchange {
        url: &sts.at("/v1/token"),
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
    let Some(account) = account else {
        return Ok(Login::new(token, principal));
    };
    session.transport.conceal(&token);
    let impersonation = Impersonation {
        url: iam.at(&impersonation::path(&account)),
        account,
        delegates,
    };
    impersonation.send(&token, principal, session).await
}
