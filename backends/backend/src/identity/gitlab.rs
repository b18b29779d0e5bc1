//! GitLab: the token is in a variable that the job's author names.
//!
//! Source: GitLab's page "OpenID Connect (OIDC) Authentication Using ID Tokens".

use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

/// The name in our guide; another one is `identity = { env = "NAME" }`.
const TOKEN: &str = "CARGO_ID_TOKEN";

pub(super) static SYSTEM: System = System {
    name: "gitlab",
    vendor: "GitLab",
    token: "the identity token of this GitLab job",
    marker: Some("GITLAB_CI"),
    audience: Chosen::There("`aud` below `id_tokens` in the job says whom the token is for"),
    help: "give the job `id_tokens: { CARGO_ID_TOKEN: { aud: … } }`, or name the job's own variable by `identity = { env = \"NAME\" }`",
    way,
};

fn way(_: Option<&str>, environment: &Environment) -> Result<Way, Error> {
    let [token] = SYSTEM.variables([TOKEN], environment)?;
    Ok(Way::Variable(TOKEN, token.into()))
}
