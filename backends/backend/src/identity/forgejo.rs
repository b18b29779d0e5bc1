//! Forgejo Actions: asked as [GitHub](super::github) is, and by the same variables, but each instance is an issuer of its own.
//!
//! A job has them with `enable-openid-connect: true`, from Forgejo 15 with runner 12.5 on; `permissions:` means nothing to
//! Forgejo. A job that is not Forgejo's by [`MARKER`] has no identity of this name, so that one list of methods may have an
//! instance and GitHub in it. Source: Forgejo's page "Security OpenID Connect" and its runner.

use super::github;
use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

/// Set to `true` by Forgejo's runner, beside `GITHUB_ACTIONS` and `GITEA_ACTIONS`.
pub(super) const MARKER: &str = "FORGEJO_ACTIONS";

pub(super) static SYSTEM: System = System {
    name: "forgejo-actions",
    vendor: "Forgejo",
    token: "the identity token of this Forgejo job",
    marker: Some(MARKER),
    audience: Chosen::Here,
    help: "a Forgejo job gets its identity by `enable-openid-connect: true` in the job or the workflow (Forgejo 15 and its runner 12.5 or later; a pull request from a fork never does)",
    way,
};

fn way(audience: Option<&str>, environment: &Environment) -> Result<Way, Error> {
    SYSTEM.variables([MARKER], environment)?;
    github::request(&SYSTEM, audience, environment).map(Way::Request)
}
