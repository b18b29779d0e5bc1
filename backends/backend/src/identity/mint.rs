//! Tokens that are minted on request: how they are asked for, and what the answers mean.

use http::{HeaderValue, Method, Request as HttpRequest, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::system::System;
use crate::http::{Client, Settings};
use crate::{Context, Error, Kind};

/// A request for a token.
pub(super) struct Request {
    /// Whom it is sent to.
    pub(super) system: &'static System,
    /// The HTTP method.
    pub(super) method: Method,
    /// The whole URL.
    pub(super) url: Url,
    /// The scheme of the `authorization` header.
    pub(super) scheme: &'static str,
    /// What the job may ask with.
    pub(super) secret: SecretString,
    /// The variable that it is in.
    pub(super) variable: &'static str,
    /// Headers besides those of every request.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// The JSON that is sent, if any.
    pub(super) body: Option<Value>,
    /// The field of the answer with the token.
    pub(super) field: &'static str,
}

/// The URL in a variable.
pub(super) fn url(variable: &str, text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| {
        Error::new(Kind::Invalid, format!("`{variable}` is not a URL")).because(error.to_string())
    })
}

impl Request {
    /// Where it asks, without the query: what the runner puts there is its own business.
    pub(super) fn shown(&self) -> String {
        let origin = self.url.origin().ascii_serialization();
        format!("{origin}{}", self.url.path())
    }

    /// Asks, and gives what should be a token.
    ///
    /// # Errors
    ///
    /// Those of sending; by its status what was refused or is down; [`Kind::Unavailable`] if the answer holds no token.
    pub(super) async fn send(self, context: &Context) -> Result<SecretString, Error> {
        let vendor = self.system.vendor;
        // Whatever the config says of a store, the CI system's own service is asked by what this machine trusts.
        let client = Client::new(&self.url, Settings::default(), context)?;
        client.conceal(&self.secret);
        let asked = format!("{} {}{}", self.method, client.origin(), self.url.path());
        let response = client.send(self.to_http()?).await?;
        let status = response.status();
        if !status.is_success() || status == StatusCode::NON_AUTHORITATIVE_INFORMATION {
            // What claims to be a token is not for a message.
            let said = match status.is_success() {
                true => String::new(),
                false => client.quote(&String::from_utf8_lossy(response.body())),
            };
            let kind = kind(status);
            let error = self
                .system
                .not_minted(kind)
                .because(format!("{asked} answered {status}"))
                .because(said);
            return Err(match kind {
                Kind::Unauthenticated | Kind::PermissionDenied => error.help(self.system.help),
                _ => error.help(again(vendor)),
            });
        }
        token(response.body(), self.field).ok_or_else(|| {
            Error::new(
                Kind::Unavailable,
                format!("{vendor}'s answer to the request for an identity token holds none"),
            )
            .because(format!("{asked} answered {status}"))
            .help(again(vendor))
        })
    }

    fn to_http(&self) -> Result<HttpRequest<Vec<u8>>, Error> {
        let no_token = || Error::new(Kind::Invalid, format!("`{}` is not a token", self.variable));
        let secret = format!("{} {}", self.scheme, self.secret.expose_secret());
        let mut secret = HeaderValue::try_from(secret).map_err(|_| no_token())?;
        secret.set_sensitive(true);
        let mut request = HttpRequest::builder()
            .method(&self.method)
            .uri(self.url.as_str())
            .header(header::AUTHORIZATION, secret)
            .header(header::ACCEPT, "application/json");
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let body = match &self.body {
            None => Vec::new(),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                body.to_string().into_bytes()
            }
        };
        request.body(body).map_err(|_| no_token())
    }
}

fn again(vendor: &str) -> String {
    format!("run the job again, unless {vendor} itself is down")
}

/// The token in an answer.
fn token(body: &[u8], field: &str) -> Option<SecretString> {
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    match answer.get_mut(field)?.take() {
        Value::String(token) => Some(token.into()),
        _ => None,
    }
}

/// The kind of an answer that is not a token.
fn kind(status: StatusCode) -> Kind {
    match status.as_u16() {
        // Azure DevOps shows who it does not know its page to sign in, with 203.
        203 | 401 => Kind::Unauthenticated,
        403 => Kind::PermissionDenied,
        408 | 412 | 429 | 500.. => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}
