//! External accounts: a file that says where somebody else's token is, and for what it is traded.
//!
//! Source: AIP-4117 "External account credentials".
//!
//! Of AWS it takes the identity that AWS's own programs have on this machine, in the order in which these look, by the
//! settings that AWS knows: variables, profiles, web identities, the metadata services of ECS and EC2. The addresses in the
//! file (`url`, `region_url` and `imdsv2_session_token_url` of its `credential_source`) are not asked. As gcloud writes them
//! they are those of EC2's metadata service, which that search asks at its end, at the address that AWS's settings give
//! it; any other would be one more place that decides who we are. And a job that has its AWS identity in another way,
//! in a container say, is found too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
#[cfg(feature = "aws")]
use cargo_credential_bridge_aws::{Recipient, sign_caller_identity};
use cargo_credential_bridge_backend::identity::WorkloadToken;
use cargo_credential_bridge_backend::{Error, ExposeSecret as _, SecretString};
#[cfg(feature = "aws")]
use serde_json::json;

use crate::credentials_file::{CredentialSource, CredentialsFile};
use crate::login::Login;
use crate::name::Provider;
use crate::session::Session;
use crate::sts::Exchange;
use crate::{executable, subject_token};

/// The access token for the subject token that the file leads to, or that of the service account which it names.
pub(crate) async fn login(file: &CredentialsFile, session: &Session) -> Result<Login, Error> {
    let content = &file.content;
    let audience = file.need("audience", content.audience.as_deref())?;
    let token_type = file.need("subject_token_type", content.subject_token_type.as_deref())?;
    let url = file.need("token_url", content.token_url.as_deref())?;
    let source = file.need("credential_source", content.credential_source.as_ref())?;
    let impersonation = file.impersonation()?;

    let shown = shown(source, audience, token_type, file, session).await?;
    session.transport.conceal(&shown);
    let id = content.client_id.as_deref().filter(|id| !id.is_empty());
    // There are clients without a secret; theirs is empty then.
    let secret = content.client_secret.as_ref();
    let secret = secret.map_or("", |secret| secret.expose_secret());
    let client = id.map(|id| SecretString::from(STANDARD.encode(format!("{id}:{secret}"))));
    if let Some(client) = &client {
        session.transport.conceal(client);
    }
    // A SAML answer, or a request signed for AWS, states nothing that could be told.
    let jwt = WorkloadToken::recognize(shown.clone());
    let exchange = Exchange {
        url,
        audience,
        subject_token: &shown,
        subject_token_type: token_type,
        // A client is accounted for by itself.
        user_project: match client {
            None => content.workforce_pool_user_project.as_deref(),
            Some(_) => None,
        },
        client: client.as_ref(),
        stated: jwt.as_ref().and_then(WorkloadToken::claims),
        requested: None,
    };
    let token = exchange.send(session).await?;
    let subject = jwt.and_then(|jwt| jwt.claim("sub").pop());
    let principal = subject.and_then(|subject| {
        let provider: Provider = audience.parse().ok()?;
        Some(provider.principal(&subject))
    });
    let Some(impersonation) = impersonation else {
        return Ok(Login::new(token, principal));
    };
    session.transport.conceal(&token);
    impersonation.send(&token, principal, session).await
}

/// The subject token.
async fn shown(
    source: &CredentialSource,
    audience: &str,
    token_type: &str,
    file: &CredentialsFile,
    session: &Session,
) -> Result<SecretString, Error> {
    if let Some(program) = &source.executable {
        return executable::subject_token(program, audience, token_type, file, session).await;
    }
    if source.environment_id.is_some() {
        return aws(source, audience, file, session).await;
    }
    if let Some(path) = &source.file {
        return subject_token::in_file(path, source.format.as_ref(), file, &session.context);
    }
    if let Some(url) = &source.url {
        return subject_token::at_url(url, source, file, session).await;
    }
    if source.certificate.is_some() {
        return Err(file
            .invalid("proves itself by a client certificate, which is not built in")
            .help("`credential_source` may be a file, a URL, an executable or AWS"));
    }
    Err(file.lacks("credential_source.file` (or `url`, `executable`, `environment_id"))
}

/// The signed request that says who this machine is to AWS, as Google's STS takes it.
#[cfg(feature = "aws")]
async fn aws(
    source: &CredentialSource,
    audience: &str,
    file: &CredentialsFile,
    session: &Session,
) -> Result<SecretString, Error> {
    if source.environment_id.as_deref() != Some("aws1") {
        return Err(file.invalid("has another `environment_id` than `aws1`"));
    }
    let recipient = Recipient::Google {
        audience,
        url: source.regional_cred_verification_url.as_deref(),
    };
    let signed = sign_caller_identity(&[], recipient, &session.context).await?;
    for secret in &signed.concealed {
        session.transport.conceal(secret);
    }
    let headers: Vec<_> = signed
        .headers
        .iter()
        .map(|(name, value)| json!({ "key": name, "value": value }))
        .collect();
    let request = json!({
        "url": signed.url,
        "method": signed.method,
        "headers": headers,
        "body": signed.body,
    });
    // It is a text in a form, and a second time encoded as one. A space is what every decoder takes for one.
    let encoded: String =
        url::form_urlencoded::byte_serialize(request.to_string().as_bytes()).collect();
    Ok(encoded.replace('+', "%20").into())
}

#[cfg(not(feature = "aws"))]
async fn aws(
    _: &CredentialSource,
    _: &str,
    file: &CredentialsFile,
    _: &Session,
) -> Result<SecretString, Error> {
    Err(file.invalid(
        "proves itself by an AWS identity, and this program was built without the feature `aws`",
    ))
}
