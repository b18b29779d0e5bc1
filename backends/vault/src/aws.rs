//! The login by AWS identity: a signed `GetCallerIdentity`, which Vault sends on to STS.
//!
//! Source: Vault's page "AWS auth method (API)", "Login", type `iam`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cargo_credential_bridge_aws::{
    CallerIdentity, Method, Recipient, Region, sign_caller_identity,
};
use cargo_credential_bridge_backend::{Error, ExposeSecret as _, SecretString, Value};
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;

use crate::client::Session;
use crate::path::VaultPath;

/// The login, ready to be sent.
pub(crate) struct AwsLogin<'a> {
    mount: &'a str,
    body: SecretString,
}

impl<'a> AwsLogin<'a> {
    /// The login without what is shown, for whoever only wants to know where it goes.
    pub(crate) fn unsigned(mount: &'a VaultPath) -> Self {
        Self {
            mount: mount.as_str(),
            body: SecretString::default(),
        }
    }
}

/// Signs the request as the identity of this job. Nothing of it, Vault's answer included, may show the signature: for a
/// quarter of an hour it stands for the identity.
pub(crate) async fn sign<'a>(
    mount: &'a VaultPath,
    role: Option<&str>,
    server_id: Option<&Value>,
    region: Option<&Value<Region>>,
    identity: &[Method],
    session: &Session,
) -> Result<AwsLogin<'a>, Error> {
    let environment = &session.context.environment;
    let server_id = Value::resolve_optional(server_id, "server-id", environment)?;
    let region = Value::resolve_optional(region, "region", environment)?;
    let signed = sign_caller_identity(
        identity,
        Recipient::Vault {
            region: region.as_ref(),
            server_id: server_id.as_deref(),
        },
        &session.context,
    )
    .await?;
    let headers = STANDARD.encode(headers(&signed));
    session.http.conceal(&headers.as_str().into());
    for secret in signed.concealed {
        session.http.conceal(&secret);
    }
    let mut body = serde_json::json!({
        "iam_http_request_method": signed.method,
        "iam_request_url": STANDARD.encode(&signed.url),
        "iam_request_body": STANDARD.encode(signed.body),
        "iam_request_headers": headers,
    });
    if let Some(role) = role {
        body["role"] = role.into();
    }
    Ok(AwsLogin {
        mount: mount.as_str(),
        body: body.to_string().into(),
    })
}

/// The headers as Vault takes them: an object of arrays.
fn headers(signed: &CallerIdentity) -> String {
    let headers: BTreeMap<_, _> = signed
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), [value.as_str()]))
        .collect();
    serde_json::json!(headers).to_string()
}

impl Endpoint for AwsLogin<'_> {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("auth/{}/login", self.mount)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(Some(self.body.expose_secret().as_bytes().to_vec()))
    }
}
