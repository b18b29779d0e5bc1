//! The exchange of somebody else's token for one of Google's (RFC 8693).
//!
//! Source: the API page "Method: token" of Google's Security Token Service.

use cargo_credential_bridge_backend::{Error, ExposeSecret as _, Kind, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::error::{Action, Requested};
use crate::login::SCOPE;
use crate::session::{Ask, Session};

/// The type of an OIDC token of a job.
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The type of a request that is signed for AWS.
const AWS: &str = "urn:ietf:params:aws:token-type:aws4_request";

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What is traded, and where.
pub(crate) struct Exchange<'a> {
    pub(crate) url: &'a str,
    /// The provider, as STS names it.
    pub(crate) audience: &'a str,
    pub(crate) subject_token: &'a SecretString,
    pub(crate) subject_token_type: &'a str,
    /// What a client of a workforce pool authenticates with: `id:secret` in base64.
    pub(crate) client: Option<&'a SecretString>,
    /// The project that a workforce pool's user is accounted to.
    pub(crate) user_project: Option<&'a str>,
    /// What the token states, for messages.
    pub(crate) stated: Option<String>,
    /// The audience that the token is to be for, where we know it.
    pub(crate) requested: Option<Requested<'a>>,
}

/// What both token endpoints answer.
#[derive(Deserialize)]
pub(crate) struct Granted {
    #[serde(default)]
    access_token: Option<SecretString>,
}

impl Exchange<'_> {
    /// The access token.
    pub(crate) async fn send(&self, session: &Session) -> Result<SecretString, Error> {
        session.transport.conceal(self.subject_token);
        let options = self
            .user_project
            .map(|project| json!({ "userProject": project }).to_string());
        let mut fields = vec![
            ("audience", self.audience),
            ("grant_type", GRANT),
            ("requested_token_type", ACCESS_TOKEN),
            ("scope", SCOPE),
            ("subject_token", self.subject_token.expose_secret()),
            ("subject_token_type", self.subject_token_type),
        ];
        if let Some(options) = &options {
            fields.push(("options", options));
        }
        let mut ask = Ask::form(self.url, &fields);
        if let Some(client) = self.client {
            ask = ask.authorized("Basic", client);
        }
        let action = Action::Federate {
            audience: self.audience,
            requested: self.requested,
            stated: self.stated.as_deref(),
            is_aws: self.subject_token_type == AWS,
        };
        let answer = session.granted(ask, &action).await?;
        answer.read::<Granted>()?.token(&answer.asked)
    }
}

impl Granted {
    /// The access token.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthenticated`] if there is none in the answer to `asked`.
    pub(crate) fn token(self, asked: &str) -> Result<SecretString, Error> {
        token(self.access_token, asked)
    }
}

/// The token in the answer to `asked`.
///
/// # Errors
///
/// [`Kind::Unauthenticated`] if it ended well and gave nothing.
pub(crate) fn token(given: Option<SecretString>, asked: &str) -> Result<SecretString, Error> {
    given
        .filter(|token| !token.expose_secret().is_empty())
        .ok_or_else(|| {
            Error::new(Kind::Unauthenticated, "Google gave no access token")
                .because(format!("{asked} answered without one"))
                .help("check the endpoint: what answers there is hardly Google")
        })
}
