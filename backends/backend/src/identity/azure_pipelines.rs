//! Azure Pipelines: a job may ask Azure DevOps for a token with its `System.AccessToken`.
//!
//! That is no variable of the job's until its author maps it. The token is always for `api://AzureADTokenExchange`. It speaks for the
//! pipeline, or for the service connection that the job's author names in [`CONNECTION`]: never for the one that a task
//! happens to export, as that would be another identity than the next step has. Source: Microsoft's page "Oidctoken - Create"
//! of the REST API, and `AzurePipelinesCredential` of its SDKs.

use http::Method;

use super::mint::{self, Request};
use super::system::{Chosen, System, Way};
use crate::{Environment, Error};

const URL: &str = "SYSTEM_OIDCREQUESTURI";
const TOKEN: &str = "SYSTEM_ACCESSTOKEN";

/// The name in our guide: the id of a service connection, in the same `env:` as the token.
const CONNECTION: &str = "CARGO_SERVICE_CONNECTION_ID";

/// The version of Microsoft's SDKs.
const VERSION: &str = "7.1";

pub(super) static SYSTEM: System = System {
    name: "azure-pipelines",
    vendor: "Azure Pipelines",
    token: "the identity token of this Azure Pipelines job",
    marker: Some("TF_BUILD"),
    audience: Chosen::There(
        "Azure mints for no one else: let the store expect `api://AzureADTokenExchange`, and name that or nothing as `audience`",
    ),
    help: "give the step `env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }`: Azure Pipelines passes the job's token to no step by itself",
    way,
};

fn way(_: Option<&str>, environment: &Environment) -> Result<Way, Error> {
    let [url, secret] = SYSTEM.variables([URL, TOKEN], environment)?;
    let mut url = mint::url(URL, &url)?;
    url.query_pairs_mut().append_pair("api-version", VERSION);
    if let Some(connection) = environment.var(CONNECTION)? {
        url.query_pairs_mut()
            .append_pair("serviceConnectionId", &connection);
    }
    Ok(Way::Request(Request {
        system: &SYSTEM,
        method: Method::POST,
        url,
        scheme: "Bearer",
        secret: secret.into(),
        variable: TOKEN,
        // As Microsoft's SDKs do: without the one a token that is not known leads to a page to sign in, and without the other
        // Microsoft's web server takes no POST.
        headers: &[
            ("x-tfs-fedauthredirect", "Suppress"),
            ("content-length", "0"),
        ],
        body: None,
        field: "oidcToken",
    }))
}
