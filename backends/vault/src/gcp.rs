//! The login by Google identity: a signed statement that names Vault's role.
//!
//! Source: Vault's page "Google Cloud auth method (API)", "Login".

use cargo_credential_bridge_backend::{Error, Value};
use cargo_credential_bridge_gcp::{Proof, SignedIdentity, sign_identity};

use crate::client::Session;
use crate::method::GcpStatement;

/// Has the statement made. Nothing of it, Vault's answer included, may show it: for as long as it holds it is a login.
pub(crate) async fn sign(
    statement: &GcpStatement,
    role: &str,
    session: &Session,
) -> Result<SignedIdentity, Error> {
    let environment = &session.context.environment;
    let signed = match statement {
        GcpStatement::Gce => sign_identity(Proof::Gce, role, &session.context).await?,
        GcpStatement::Iam { account, endpoint } => {
            let account =
                Value::resolve_optional(account.as_ref(), "service-account", environment)?;
            let endpoint = Value::resolve_optional(endpoint.as_ref(), "iam-endpoint", environment)?;
            let proof = Proof::Iam {
                account: account.as_deref(),
                endpoint: endpoint.as_deref(),
            };
            sign_identity(proof, role, &session.context).await?
        }
    };
    session.http.conceal(&signed.jwt);
    for secret in &signed.concealed {
        session.http.conceal(secret);
    }
    Ok(signed)
}
