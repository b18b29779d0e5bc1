//! The login by Google identity: a signed statement that names Vault's role.
//!
//! Source: Vault's page "Google Cloud auth method (API)", "Login".

use cargo_credential_bridge_backend::{Error, Step, Value};
use cargo_credential_bridge_gcp::{Proof, SignedIdentity, explain_identity, sign_identity};

use crate::client::Session;
use crate::method::GcpStatement;

/// What the statement is made by.
struct Settings {
    is_machine: bool,
    account: Option<String>,
    endpoint: Option<String>,
}

impl Settings {
    fn of(statement: &GcpStatement, session: &Session) -> Result<Self, Error> {
        let environment = &session.context.environment;
        let optional = |value: &Option<Value>, key: &str| {
            Value::resolve_optional(value.as_ref(), key, environment)
        };
        Ok(match statement {
            GcpStatement::Gce => Self {
                is_machine: true,
                account: None,
                endpoint: None,
            },
            GcpStatement::Iam { account, endpoint } => Self {
                is_machine: false,
                account: optional(account, "service-account")?,
                endpoint: optional(endpoint, "iam-endpoint")?,
            },
        })
    }

    fn proof(&self) -> Proof<'_> {
        match self.is_machine {
            true => Proof::Gce,
            false => Proof::Iam {
                account: self.account.as_deref(),
                endpoint: self.endpoint.as_deref(),
            },
        }
    }
}

/// Adds what having it made would take.
pub(crate) async fn explain(
    statement: &GcpStatement,
    session: &Session,
    steps: &mut Vec<Step>,
) -> Result<(), Error> {
    let settings = Settings::of(statement, session)?;
    explain_identity(settings.proof(), &session.context, steps).await
}

/// Has the statement made. Nothing of it, Vault's answer included, may show it: for as long as it holds it is a login.
pub(crate) async fn sign(
    statement: &GcpStatement,
    role: &str,
    session: &Session,
) -> Result<SignedIdentity, Error> {
    let settings = Settings::of(statement, session)?;
    let signed = sign_identity(settings.proof(), role, &session.context).await?;
    session.http.conceal(&signed.jwt);
    for secret in &signed.concealed {
        session.http.conceal(secret);
    }
    Ok(signed)
}
