//! Becoming a service account.
//!
//! Source: the API page "Method: projects.serviceAccounts.generateAccessToken" of IAM Service Account Credentials.

use cargo_credential_bridge_backend::{Error, Running, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::error::Action;
use crate::login::{LIFETIME, Login, SCOPE};
use crate::name::ServiceAccount;
use crate::session::{Ask, Session};
use crate::sts;

/// Whom to become, and on what way.
pub(crate) struct Impersonation {
    pub(crate) url: String,
    pub(crate) account: ServiceAccount,
    /// Each may become the next, the last one the account.
    pub(crate) delegates: Vec<ServiceAccount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    #[serde(default)]
    access_token: Option<SecretString>,
}

/// The path of the method for `account`.
pub(crate) fn path(account: &ServiceAccount) -> String {
    format!("/v1/projects/-/serviceAccounts/{account}:generateAccessToken")
}

/// Service accounts as a chain of delegates has them.
fn resources(delegates: &[ServiceAccount]) -> Vec<String> {
    delegates
        .iter()
        .map(|delegate| format!("projects/-/serviceAccounts/{delegate}"))
        .collect()
}

impl Impersonation {
    /// The account's access token, for the one of `principal`.
    pub(crate) fn send<'a>(
        &'a self,
        token: &'a SecretString,
        principal: Option<String>,
        session: &'a Session,
    ) -> Running<'a, Result<Login, Error>> {
        Box::pin(async move {
            let body = json!({
                "scope": [SCOPE],
                "delegates": resources(&self.delegates),
                "lifetime": format!("{LIFETIME}s"),
            });
            let action = Action::Impersonate {
                account: &self.account,
                delegates: &self.delegates,
                by: principal.as_deref(),
                right: self.right(principal.as_deref()),
            };
            let ask = Ask::json(&self.url, &body).bearer(token);
            let answer = session.granted(ask, &action).await?;
            let generated: Generated = answer.read()?;
            Ok(Login::new(
                sts::token(generated.access_token, &answer.asked)?,
                Some(format!("serviceAccount:{}", self.account)),
            ))
        })
    }

    /// The role that `principal` needs. Somebody else's workload has one of its own, which does not make it a delegator.
    ///
    /// Source: IAM's page "Roles for service account authentication".
    fn right(&self, principal: Option<&str>) -> &'static str {
        let is_workload = principal.is_some_and(|principal| principal.starts_with("principal"));
        match is_workload && self.delegates.is_empty() {
            true => "roles/iam.workloadIdentityUser",
            false => "roles/iam.serviceAccountTokenCreator",
        }
    }
}
