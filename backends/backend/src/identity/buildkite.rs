//! Buildkite: the agent's API mints a token for the job that the agent runs.
//!
//! It is asked as `buildkite-agent oidc request-token` asks it (`api/oidc.go` of the agent, whose source is open), by the
//! variables that the agent gives each job for that program. So no program has to be in the job's container. Claims and
//! lifetime are the API's defaults. Source: Buildkite's page "buildkite-agent oidc", and the agent.

use http::Method;
use serde_json::json;

use super::mint::{self, Request};
use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

const ENDPOINT: &str = "BUILDKITE_AGENT_ENDPOINT";
const TOKEN: &str = "BUILDKITE_AGENT_ACCESS_TOKEN";
const JOB: &str = "BUILDKITE_JOB_ID";

/// What the agent takes where nothing else is set.
const DEFAULT_ENDPOINT: &str = "https://agent.buildkite.com/v3";

pub(super) static SYSTEM: System = System {
    name: "buildkite",
    vendor: "Buildkite",
    token: "the identity token of this Buildkite job",
    marker: Some("BUILDKITE"),
    audience: Chosen::Here,
    help: "each Buildkite job has its identity; a container gets what it takes by `mount-buildkite-agent: true` of the docker plugin",
    way,
};

fn way(audience: Option<&str>, environment: &Environment) -> Result<Way, Error> {
    let [secret, job] = SYSTEM.variables([TOKEN, JOB], environment)?;
    let endpoint = environment.var(ENDPOINT)?;
    let mut url = mint::url(ENDPOINT, endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["jobs", &job, "oidc", "tokens"]);
    }
    let body = match audience {
        Some(audience) => json!({ "audience": audience }),
        None => json!({}),
    };
    Ok(Way::Request(Request {
        system: &SYSTEM,
        method: Method::POST,
        url,
        scheme: "Token",
        secret: secret.into(),
        variable: TOKEN,
        headers: &[],
        body: Some(body),
        field: "token",
    }))
}
