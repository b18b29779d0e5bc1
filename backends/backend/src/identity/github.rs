//! GitHub Actions: a job with `id-token: write` may ask for a token at a URL that the runner gives it.
//!
//! Source: GitHub's page "OpenID Connect reference", methods for requesting the OIDC token. A Forgejo job has the same
//! variables, [and others](super::forgejo): what it is given there is not GitHub's.

use http::Method;

use super::forgejo;
use super::mint::{self, Request};
use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

pub(super) static SYSTEM: System = System {
    name: "github-actions",
    vendor: "GitHub",
    token: "the identity token of this GitHub job",
    marker: Some("GITHUB_ACTIONS"),
    audience: Chosen::Here,
    help: "a GitHub job gets its identity by `permissions: { id-token: write }` in the workflow (a pull request from a fork never does)",
    way,
};

fn way(audience: Option<&str>, environment: &Environment) -> Result<Way, Error> {
    if environment.var(forgejo::MARKER)?.is_some() {
        return Err(SYSTEM
            .absent("this is a Forgejo job")
            .help("name it `identity = \"forgejo-actions\"`, or leave `identity` out: its issuer is the Forgejo instance, and not GitHub"));
    }
    request(&SYSTEM, audience, environment).map(Way::Request)
}

/// The request as GitHub's runner and those of its kind make it: the default audience is the URL of the repository's owner.
pub(super) fn request(
    system: &'static System,
    audience: Option<&str>,
    environment: &Environment,
) -> Result<Request, Error> {
    let [url, secret] = system.variables([URL, TOKEN], environment)?;
    let mut url = mint::url(URL, &url)?;
    if let Some(audience) = audience {
        url.query_pairs_mut().append_pair("audience", audience);
    }
    Ok(Request {
        system,
        method: Method::GET,
        url,
        scheme: "bearer",
        secret: secret.into(),
        variable: TOKEN,
        headers: &[],
        body: None,
        field: "value",
    })
}
