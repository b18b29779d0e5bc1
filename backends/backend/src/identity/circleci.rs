//! CircleCI: a token for the organization is in a variable; for anybody else the job's own `circleci` mints one.
//!
//! That program, which CircleCI puts into each job, is the only way that is documented: what it asks, and whom, is nowhere
//! written down. So it is run, and only where the token at hand is for somebody else. An audience is no secret, and is all
//! that it is told. Source: CircleCI's pages "Using OpenID Connect tokens in jobs" and "OIDC tokens with custom claims".

use secrecy::SecretString;
use serde_json::json;

use super::WorkloadToken;
use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

/// Its `sub` also has repository and branch, so it is better to bind.
const TOKEN: &str = "CIRCLE_OIDC_TOKEN_V2";

/// The only one on old servers.
const OLD_TOKEN: &str = "CIRCLE_OIDC_TOKEN";

pub(super) static SYSTEM: System = System {
    name: "circleci",
    vendor: "CircleCI",
    token: "the identity token of this CircleCI job",
    marker: Some("CIRCLECI"),
    audience: Chosen::Here,
    help: "each CircleCI job has its identity, except on a server before 4.4 and, unless `Pass secrets to builds from forked pull requests` is on, in a build of a fork; a container that is started in the job needs the variable passed on",
    way,
};

fn way(audience: Option<&str>, environment: &Environment) -> Result<Way, Error> {
    let (variable, token) = match environment.var(OLD_TOKEN)? {
        Some(token) if environment.var(TOKEN)?.is_none() => (OLD_TOKEN, token),
        _ => {
            let [token] = SYSTEM.variables([TOKEN], environment)?;
            (TOKEN, token)
        }
    };
    let token = SecretString::from(token);
    match audience {
        Some(audience) if !is_for(&token, audience) => {
            let claims = json!({ "aud": audience }).to_string();
            let arguments = ["run", "oidc", "get", "--claims", &claims];
            Ok(Way::Program(
                "circleci",
                arguments.map(str::to_owned).to_vec(),
            ))
        }
        _ => Ok(Way::Variable(variable, token)),
    }
}

fn is_for(token: &SecretString, audience: &str) -> bool {
    WorkloadToken::recognize(token.clone())
        .is_some_and(|token| token.claim("aud").iter().any(|stated| stated == audience))
}
