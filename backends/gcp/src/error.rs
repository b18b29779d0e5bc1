//! What Google's codes mean for the chain, and the words for them.
//!
//! Source: AIP-193, `google.rpc.Code`, the page "Troubleshoot Workload Identity Federation", and RFC 6749 section 5.2.

mod help;
mod what;

use cargo_credential_bridge_backend::http::Retry;
use cargo_credential_bridge_backend::{Error, Kind};
use http::StatusCode;

use self::help::help;
pub(crate) use self::help::place;
use self::what::what;
use crate::answer::{Refusal, Said, foreign};
use crate::config::SecretVersion;
use crate::name::{ServiceAccount, Version};

/// What was asked for, as far as a message needs it.
pub(crate) enum Action<'a> {
    /// A trade of somebody else's token.
    Federate {
        /// The provider, as STS names it.
        audience: &'a str,
        /// The audience that the token is to be for, where we know it.
        requested: Option<Requested<'a>>,
        /// What the token states.
        stated: Option<&'a str>,
        /// Whether it is a request signed for AWS, which states nothing itself.
        is_aws: bool,
    },
    /// Becoming a service account, or signing in its name.
    Impersonate {
        account: &'a ServiceAccount,
        delegates: &'a [ServiceAccount],
        by: Option<&'a str>,
        /// The role that it takes, on the first of the delegates if there are some.
        right: &'static str,
    },
    /// The renewal of a user's sign-in, which is kept in `origin`.
    Refresh { origin: &'a str },
    /// The token of an external account that `origin` leads to.
    Subject { origin: &'a str },
    /// The identity of this machine.
    Machine,
    /// Something with a secret.
    Secret {
        access: Access,
        /// What messages call the secret.
        place: String,
        secret: &'a SecretVersion,
        principal: Option<&'a str>,
        state: State,
    },
}

/// What is done with a secret, each of which takes rights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// Reading what is known of it.
    Describe,
    /// Reading it and adding a version.
    Add,
    /// Reading it and disabling the version that was read.
    Disable,
}

impl Access {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Describe => "read the annotations of",
            Self::Add => "write",
            Self::Disable => "disable",
        }
    }

    /// The roles that have these rights and as little else as there is.
    ///
    /// Source: the page "Access control with IAM" of Secret Manager.
    pub(super) fn roles(self) -> &'static [&'static str] {
        const READ: &str = "roles/secretmanager.secretAccessor";
        match self {
            Self::Read => &[READ],
            Self::Describe => &["roles/secretmanager.viewer"],
            Self::Add => &[READ, "roles/secretmanager.secretVersionAdder"],
            Self::Disable => &[READ, "roles/secretmanager.secretVersionManager"],
        }
    }
}

/// The audience of a job's token, and who sees to it.
#[derive(Clone, Copy)]
pub(crate) enum Requested<'a> {
    /// The token was made for it when we asked.
    Minted(&'a str),
    /// The token carries what the job's author wrote down, and this is what it should be.
    Carried(&'a str),
}

/// What else is known of a version that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Unknown,
    Enabled,
    /// With its number, where it was asked for by another name.
    Disabled(Option<Version>),
    Destroyed,
}

/// The kind of a refusal: by its code, and by HTTP's where the answer has none.
pub(crate) fn kind(action: &Action<'_>, refusal: &Refusal) -> Kind {
    let is_login = !matches!(action, Action::Secret { .. });
    let Some(code) = refusal.code() else {
        return by_status(action, refusal.status);
    };
    match code {
        "ABORTED"
        | "CANCELLED"
        | "DEADLINE_EXCEEDED"
        | "INTERNAL"
        | "RESOURCE_EXHAUSTED"
        | "UNAVAILABLE"
        | "UNKNOWN"
        | "internal_failure"
        | "server_error"
        | "slow_down"
        | "temporarily_unavailable" => Kind::Unavailable,
        "UNAUTHENTICATED"
        | "access_denied"
        | "invalid_client"
        | "invalid_grant"
        | "invalid_target"
        | "unauthorized_client" => Kind::Unauthenticated,
        "NOT_FOUND" | "PERMISSION_DENIED" if is_login => Kind::Unauthenticated,
        "NOT_FOUND" => Kind::NotFound,
        "PERMISSION_DENIED" => Kind::PermissionDenied,
        "FAILED_PRECONDITION" => match action {
            // A disabled version, a destroyed one, or something that is not the version's fault: its key, say.
            Action::Secret {
                state: State::Enabled,
                ..
            } => Kind::Invalid,
            Action::Secret { .. } => Kind::NotFound,
            _ => Kind::Unauthenticated,
        },
        // What is newer than we are is known by the status that comes with it.
        _ => by_status(action, refusal.status),
    }
}

fn by_status(action: &Action<'_>, status: StatusCode) -> Kind {
    match status {
        status if Retry::is_transient(status) || status.is_server_error() => Kind::Unavailable,
        _ if matches!(action, Action::Machine) => Kind::Unauthenticated,
        _ => Kind::Invalid,
    }
}

/// The error for an answer that is not what was asked for.
pub(crate) fn classify(action: &Action<'_>, refusal: &Refusal) -> Error {
    let kind = kind(action, refusal);
    // Whoever stands in front of a service that is down answers for it; nobody refuses us in its name. A subject token is
    // not Google's to give, and the metadata server refuses in words of no form.
    if let Said::Foreign(text) = &refusal.said
        && kind != Kind::Unavailable
        && !matches!(action, Action::Subject { .. } | Action::Machine)
    {
        return foreign(kind, &refusal.asked)
            .because(refusal.described())
            .because(text.as_str());
    }
    let error = Error::new(kind, what(action, kind, refusal))
        .because(refusal.described())
        .because(refusal.words());
    match help(action, kind, refusal) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The API that was called, in whose project, and by whom.
struct Call<'a> {
    /// As people name it.
    title: &'static str,
    /// As it is enabled.
    service: &'static str,
    project: Option<&'a str>,
    principal: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// `None` for what no API of Google's answers.
    fn of(action: &'a Action<'_>) -> Option<Self> {
        Some(match action {
            Action::Federate { audience, .. } => Self {
                title: "the Security Token Service",
                service: "sts.googleapis.com",
                project: number_in(audience),
                principal: None,
            },
            Action::Impersonate { account, by, .. } => Self {
                title: "the IAM Service Account Credentials API",
                service: "iamcredentials.googleapis.com",
                project: project_of(account),
                principal: *by,
            },
            Action::Secret {
                secret, principal, ..
            } => Self {
                title: "Secret Manager",
                service: "secretmanager.googleapis.com",
                project: Some(secret.project.as_ref()),
                principal: *principal,
            },
            Action::Refresh { .. } | Action::Subject { .. } | Action::Machine => return None,
        })
    }
}

/// The project in the email address of a service account.
fn project_of(account: &ServiceAccount) -> Option<&str> {
    let (_, domain) = account.as_ref().split_once('@')?;
    domain.strip_suffix(".iam.gserviceaccount.com")
}

/// The number of the project in the name of a provider.
fn number_in(audience: &str) -> Option<&str> {
    audience.split("/projects/").nth(1)?.split('/').next()
}

/// The API is switched off, in the project of the secret or in the one that is charged.
fn is_service_disabled(refusal: &Refusal) -> bool {
    refusal.reason() == Some("SERVICE_DISABLED")
}

/// The project that is charged may not be, by whoever asks.
fn is_quota_denied(refusal: &Refusal) -> bool {
    refusal.reason() == Some("USER_PROJECT_DENIED")
}

/// The characters that a principal may have: a subject has 127 at most, and the name of its pool comes before it.
const PRINCIPAL: usize = 300;

/// Words of somebody else's, as messages and commands may have them: nobody has verified a subject. No terminal acts on
/// them, and none shows them in another order.
fn printable(words: &str, longest: usize) -> String {
    let is_invisible = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let printable = words
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c));
    printable.take(longest).collect()
}

#[cfg(test)]
mod tests;
