//! Bitbucket Pipelines: the token of a step is in a variable.
//!
//! Source: Atlassian's pages "Integrate Pipelines with resource servers using OIDC" and, for audiences of one's own,
//! "Bitbucket Pipelines OIDC now supports multiple audiences".

use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

const TOKEN: &str = "BITBUCKET_STEP_OIDC_TOKEN";

pub(super) static SYSTEM: System = System {
    name: "bitbucket",
    vendor: "Bitbucket",
    token: "the identity token of this Bitbucket step",
    marker: Some("BITBUCKET_BUILD_NUMBER"),
    audience: Chosen::There(
        "`oidc: { audiences: [ … ] }` in the step says whom the token is for; with `oidc: true` it is the workspace",
    ),
    help: "a Bitbucket step gets its identity by `oidc: true` in `bitbucket-pipelines.yml`",
    way,
};

fn way(_: Option<&str>, environment: &Environment) -> Result<Way, Error> {
    let [token] = SYSTEM.variables([TOKEN], environment)?;
    Ok(Way::Variable(TOKEN, token.into()))
}
