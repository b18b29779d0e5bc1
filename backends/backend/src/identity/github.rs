//! GitHub Actions: a job with `id-token: write` may ask for a token at a URL that the runner gives it.
//!
//! Source: GitHub's page "OpenID Connect reference", methods for requesting the OIDC token.

use http::{Method, Request as HttpRequest, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::{Identity, WorkloadToken};
use crate::http::{Client, Settings};
use crate::{Context, Environment, Error, Kind};

const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

pub(super) const PERMISSION: &str = "a GitHub job gets its identity by `permissions: { id-token: write }` in the workflow (a pull request from a fork never does)";

/// What the runner gives the job to ask with.
pub(super) struct Request {
    url: Url,
    token: SecretString,
}

#[derive(Deserialize)]
struct Minted {
    value: String,
}

impl Request {
    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let (Some(url), Some(token)) = (environment.var(URL)?, environment.var(TOKEN)?) else {
            return Err(Error::new(
                Kind::NotAvailable,
                format!("no GitHub identity here: `{URL}` and `{TOKEN}` are not set"),
            )
            .help(PERMISSION));
        };
        let url = Url::parse(&url).map_err(|error| {
            Error::new(Kind::Invalid, format!("`{URL}` is not a URL")).because(error.to_string())
        })?;
        Ok(Self {
            url,
            token: SecretString::from(token),
        })
    }

    /// Where it asks, without the query: what the runner puts there is its own business.
    pub(super) fn shown(&self) -> String {
        let origin = self.url.origin().ascii_serialization();
        format!("{origin}{}", self.url.path())
    }

    /// Asks for a token for `audience`; GitHub's default is the URL of the repository's owner.
    pub(super) async fn send(
        mut self,
        audience: Option<&str>,
        context: &Context,
    ) -> Result<WorkloadToken, Error> {
        if let Some(audience) = audience {
            self.url.query_pairs_mut().append_pair("audience", audience);
        }
        // Whatever the config says of a store, GitHub's own service is asked by what this machine trusts.
        let client = Client::new(&self.url, Settings::default(), context)?;
        client.conceal(&self.token);
        let request = HttpRequest::builder()
            .method(Method::GET)
            .uri(self.url.as_str())
            .header(
                header::AUTHORIZATION,
                format!("bearer {}", self.token.expose_secret()),
            )
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|_| Error::new(Kind::Invalid, format!("`{TOKEN}` is not a token")))?;
        let asked = format!("GET {}{}", client.origin(), self.url.path());
        let response = client.send(request).await?;
        let status = response.status();
        if status != StatusCode::OK {
            // What claims to be a token is not for a message.
            let said = match status.is_success() {
                true => String::new(),
                false => client.quote(&String::from_utf8_lossy(response.body())),
            };
            return Err(Error::new(
                kind(status),
                "GitHub did not mint an identity token for this job",
            )
            .because(format!("{asked} answered {status}"))
            .because(said)
            .help(match kind(status) {
                Kind::Unauthenticated | Kind::PermissionDenied => PERMISSION,
                _ => "GitHub's status page tells whether its service is down; run the job again",
            }));
        }
        let minted: Minted = serde_json::from_slice(response.body()).map_err(|_| {
            Error::new(
                Kind::Unavailable,
                "GitHub's answer to the request for an identity token holds none",
            )
            .because(format!("{asked} answered {status}"))
        })?;
        WorkloadToken::new(minted.value, &Identity::GitHubActions)
    }
}

/// The kind of an answer that is not a token.
fn kind(status: StatusCode) -> Kind {
    match status.as_u16() {
        401 => Kind::Unauthenticated,
        403 => Kind::PermissionDenied,
        408 | 412 | 429 | 500.. => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}
