//! The signed statement by which Vault learns who we are to Google.
//!
//! Source: Vault's page "Google Cloud auth method", types `iam` and `gce`.

use cargo_credential_bridge_backend::http::{Settings, Transport};
use cargo_credential_bridge_backend::{Context, Error, Kind, Running, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::config::given_or_variable;
use crate::credentials_file::CredentialsFile;
use crate::error::Action;
use crate::login::Login;
use crate::name::{Endpoint, ServiceAccount, UniverseDomain};
use crate::session::{Ask, Session};
use crate::{adc, credentials_file, jwt, metadata, service_account, sts};

/// How long the statement holds, in seconds. Vault refuses what holds for longer than 15 minutes, or than its role says,
/// by its own clock and to the second; so this stays well below for the sake of clocks that differ.
const LIFETIME: u64 = 300;

/// What Vault is shown.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// A statement that a service account has signed: Vault's type `iam`.
    Iam {
        /// The account's email address; that of this machine's credentials if there is none.
        account: Option<&'a str>,
        /// Where IAM Service Account Credentials is reached; Google's own address if there is none.
        endpoint: Option<&'a str>,
    },
    /// The metadata server's statement about this machine: Vault's type `gce`.
    Gce,
}

/// A statement that Vault takes for a login. It is a credential until it expires.
#[derive(Debug)]
pub struct SignedIdentity {
    /// The JWT.
    pub jwt: SecretString,
    /// What else nobody may get to say: the access token that it was signed with.
    pub concealed: Vec<SecretString>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    #[serde(default)]
    signed_jwt: Option<SecretString>,
}

/// Signs a login as Vault's `role`, by the Application Default Credentials of this machine.
///
/// # Errors
///
/// [`Kind::NotAvailable`] if there is no identity here, and those of getting one and of having it sign.
pub fn sign_identity<'a>(
    proof: Proof<'a>,
    role: &'a str,
    context: &'a Context,
) -> Running<'a, Result<SignedIdentity, Error>> {
    Box::pin(async move {
        let session = session(context)?;
        match proof {
            Proof::Gce => {
                let audience = format!("http://vault/{role}");
                Ok(SignedIdentity {
                    jwt: metadata::identity_token(&audience, &session).await?,
                    concealed: Vec::new(),
                })
            }
            Proof::Iam { account, endpoint } => {
                let (account, endpoint) = parse(account, endpoint)?;
                by_account(account, endpoint, role, &session).await
            }
        }
    })
}

pub(crate) fn session(context: &Context) -> Result<Session, Error> {
    Ok(Session {
        transport: Transport::new(
            Settings {
                metadata_host: context.environment.var(metadata::VARIABLE)?,
                ..Settings::default()
            },
            context,
        ),
        context: context.clone(),
        universe: given_or_variable(
            None,
            "universe-domain",
            "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
            &context.environment,
        )?,
    })
}

/// The two settings of [`Proof::Iam`], checked.
pub(crate) fn parse(
    account: Option<&str>,
    endpoint: Option<&str>,
) -> Result<(Option<ServiceAccount>, Option<Endpoint>), Error> {
    let checked = |key: &str, why: String| {
        Error::new(Kind::Invalid, format!("`{key}` is no use")).because(why)
    };
    let account = account
        .map(str::parse)
        .transpose()
        .map_err(|why| checked("service-account", why))?;
    let endpoint = endpoint
        .map(str::parse)
        .transpose()
        .map_err(|why| checked("iam-endpoint", why))?;
    Ok((account, endpoint))
}

/// The account that signs with the key in `file`, if that is the one that is to sign.
pub(crate) fn signs_itself<'a>(
    file: &'a CredentialsFile,
    account: Option<&ServiceAccount>,
) -> Result<Option<&'a str>, Error> {
    if file.kind()? != credentials_file::Kind::ServiceAccount {
        return Ok(None);
    }
    let own = file.content.client_email.as_deref();
    Ok(own.filter(|own| account.is_none_or(|account| account.as_ref() == *own)))
}

/// Where IAM signs for an account.
pub(crate) fn url(endpoint: Option<Endpoint>, universe: &UniverseDomain, account: &str) -> String {
    let endpoint = endpoint.unwrap_or_else(|| Endpoint::of("iamcredentials", universe));
    endpoint.at(&format!("/v1/projects/-/serviceAccounts/{account}:signJwt"))
}

async fn by_account(
    account: Option<ServiceAccount>,
    endpoint: Option<Endpoint>,
    role: &str,
    session: &Session,
) -> Result<SignedIdentity, Error> {
    let claims = |account: &str| {
        json!({
            "sub": account,
            "aud": format!("vault/{role}"),
            "exp": service_account::now() + LIFETIME,
        })
    };
    let file = adc::find(None, &session.context.environment)?;
    // Whoever has the key signs without asking anybody.
    if let Some(file) = &file
        && let Some(own) = signs_itself(file, account.as_ref())?
    {
        return Ok(SignedIdentity {
            jwt: jwt::sign(&claims(own), file)?,
            concealed: Vec::new(),
        });
    }
    let login = adc::login(None, session).await?;
    session.transport.conceal(&login.token);
    let mut principal = login.principal.clone();
    let account = match account {
        Some(account) => account,
        None => {
            let own = own_account(&login, session).await?;
            principal = principal.or_else(|| Some(format!("serviceAccount:{own}")));
            own
        }
    };
    let universe = match &endpoint {
        Some(_) => UniverseDomain::default(),
        None => login.universe(session).await?,
    };
    let url = url(endpoint, &universe, account.as_ref());
    let body = json!({ "payload": claims(account.as_ref()).to_string() });
    let action = Action::Impersonate {
        account: &account,
        delegates: &[],
        by: principal.as_deref(),
        right: "roles/iam.serviceAccountTokenCreator",
    };
    let ask = Ask::json(&url, &body).bearer(&login.token);
    let answer = session.granted(ask, &action).await?;
    let signed: Signed = answer.read()?;
    Ok(SignedIdentity {
        jwt: sts::token(signed.signed_jwt, &answer.asked)?,
        concealed: vec![login.token],
    })
}

/// The service account that the credentials of this machine are of.
async fn own_account(login: &Login, session: &Session) -> Result<ServiceAccount, Error> {
    let known = login.principal.as_deref();
    let email = match known.and_then(|principal| principal.strip_prefix("serviceAccount:")) {
        Some(email) => Some(email.to_owned()),
        None if login.is_machine => metadata::email(session).await?,
        None => None,
    };
    email.and_then(|email| email.parse().ok()).ok_or_else(|| {
        Error::new(
            Kind::Invalid,
            "the Google credentials of this machine are not those of a service account",
        )
        .help("name the service account that is to log in by `service-account`")
    })
}
