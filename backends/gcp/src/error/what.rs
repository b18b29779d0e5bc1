//! What failed, in the user's terms.

use cargo_credential_bridge_backend::Kind;

use super::{Action, Call, PRINCIPAL, State, is_quota_denied, is_service_disabled, printable};
use crate::answer::Refusal;

pub(super) fn what(action: &Action<'_>, kind: Kind, refusal: &Refusal) -> String {
    if kind == Kind::Unavailable {
        return match refusal.code() {
            Some("RESOURCE_EXHAUSTED") => "Google's quota for this project is used up for now",
            _ => "Google can't answer now",
        }
        .to_owned();
    }
    if let Some(what) = by_reason(action, refusal) {
        return what;
    }
    match action {
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
        Action::Secret {
            access,
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
            Kind::PermissionDenied => {
                format!(
                    "Google does not let {} {} {place}",
                    who(*principal),
                    access.verb()
                )
            }
            Kind::Unauthenticated => format!(
                "Google does not accept the access token of {}",
                who(*principal)
            ),
            _ => format!("Google Secret Manager could not {} {place}", access.verb()),
        },
    }
}

/// What is the same whatever was asked for.
fn by_reason(action: &Action<'_>, refusal: &Refusal) -> Option<String> {
    let call = Call::of(action)?;
    let consumer = refusal.consumer().map(AsRef::as_ref);
    if is_service_disabled(refusal) {
        let project = consumer.or(call.project).unwrap_or("PROJECT");
        return Some(format!(
            "{} is not enabled in the project `{project}`",
            call.title
        ));
    }
    // Nobody has a name yet while the token is traded.
    let is_known = !matches!(action, Action::Federate { .. });
    (is_known && is_quota_denied(refusal)).then(|| {
        let project = match consumer {
            Some(project) => format!("the project `{project}`"),
            None => "the quota project".to_owned(),
        };
        format!(
            "Google does not let {} charge {project}",
            who(call.principal)
        )
    })
}

/// Whom Google refuses, as a policy names it.
fn who(principal: Option<&str>) -> String {
    match principal {
        Some(principal) => format!("`{}`", printable(principal, PRINCIPAL)),
        None => "the identity of this machine".to_owned(),
    }
}
