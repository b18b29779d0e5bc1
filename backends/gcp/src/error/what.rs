//! What failed, in the user's terms.

use cargo_credential_bridge_backend::Kind;

use super::{Action, State, is_quota_denied, is_service_disabled, printable};
use crate::answer::Refusal;

pub(super) fn what(action: &Action<'_>, kind: Kind, refusal: &Refusal) -> String {
    match action {
        _ if kind == Kind::Unavailable => match refusal.code() {
            Some("RESOURCE_EXHAUSTED") => {
                "Google's quota for this project is used up for now".to_owned()
            }
            _ => "Google can't answer now".to_owned(),
        },
        Action::Federate { audience, .. } => {
            format!("Google refused the job's token at `{audience}`")
        }
        Action::Impersonate { account, by, .. } => {
            format!("Google does not let {} act as `{account}`", who(*by))
        }
        Action::Refresh { origin } => format!("Google refused the sign-in in {origin}"),
        Action::Subject { origin } => {
            format!("the place that the Google credentials {origin} lead to gave no token")
        }
        Action::Machine => "the metadata server gave no identity of this machine".to_owned(),
        Action::Read {
            place,
            secret,
            principal,
            state,
        } => match kind {
            Kind::NotFound => match state {
                State::Disabled(_) => format!("{place} in Google Secret Manager is disabled"),
                State::Destroyed => format!("{place} in Google Secret Manager is destroyed"),
                _ if refusal.code() == Some("FAILED_PRECONDITION") => {
                    format!("{place} in Google Secret Manager is not enabled")
                }
                _ => format!(
                    "Google Secret Manager does not have {place} in the project `{}`",
                    secret.project
                ),
            },
            Kind::PermissionDenied if is_service_disabled(refusal) => {
                format!(
                    "Secret Manager is not enabled in the project `{}`",
                    refusal.consumer().unwrap_or(&secret.project)
                )
            }
            Kind::PermissionDenied if is_quota_denied(refusal) => format!(
                "Google does not let {} charge {}",
                who(*principal),
                match refusal.consumer() {
                    Some(project) => format!("the project `{project}`"),
                    None => "the quota project".to_owned(),
                }
            ),
            Kind::PermissionDenied => {
                format!("Google does not let {} read {place}", who(*principal))
            }
            Kind::Unauthenticated => format!(
                "Google does not accept the access token of {}",
                who(*principal)
            ),
            _ => format!("Google Secret Manager could not read {place}"),
        },
    }
}

/// Whom Google refuses, as a policy names it.
fn who(principal: Option<&str>) -> String {
    match principal {
        Some(principal) => format!("`{}`", printable(principal)),
        None => "the identity of this machine".to_owned(),
    }
}
