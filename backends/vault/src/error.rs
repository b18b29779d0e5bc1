//! What an answer other than a secret means: the one place where Vault's statuses become kinds.

use cargo_credential_bridge_backend::http::Client;
use cargo_credential_bridge_backend::{Error, Kind};
use http::StatusCode;

use crate::answer::Answer;
use crate::dialect::Dialect;

/// What Vault was asked to do.
pub(crate) enum Action<'a> {
    /// A login by an auth method.
    Login {
        /// The auth method and its mount.
        method: &'static str,
        mount: &'a str,
        role: Option<&'a str>,
        /// What the token of the job states, where one was shown.
        claims: Option<String>,
    },
    /// Taking the secret id out of its wrapping.
    Unwrap,
    /// Something with a secret.
    Secret {
        access: Access,
        /// The secret, as the user wrote it.
        place: String,
        /// The path as policies see it: without `/v1`.
        path: &'a str,
        /// The mount that the path begins with.
        mount: &'a str,
        identity: &'a str,
    },
}

/// What is done with a secret, each of which takes more than one right in a policy, but for reading.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    Read,
    /// Reading it and writing a version that is made of what was read.
    Write,
    /// Reading it and deleting the version that was read.
    Delete,
}

impl Access {
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }

    /// As a policy lists them.
    fn capabilities(self) -> &'static str {
        match self {
            Self::Read => r#""read""#,
            Self::Write => r#""create", "read", "update""#,
            Self::Delete => r#""delete", "read""#,
        }
    }
}

/// The kind of a failure, by what was asked and the status of the answer.
///
/// Source: Vault's page "HTTP API", status codes. A refused login is 400 as often as 403.
fn kind(action: &Action<'_>, answer: &Answer) -> Kind {
    match (answer.status.as_u16(), action) {
        (400 | 401 | 403, Action::Login { .. } | Action::Unwrap) => Kind::Unauthenticated,
        (401, _) => Kind::Unauthenticated,
        (403, _) => Kind::PermissionDenied,
        // A missing secret is a 404 without an error; a path that nothing is mounted at comes with one.
        (404, Action::Secret { .. }) if answer.has_no_errors() => Kind::NotFound,
        (408 | 412 | 429 | 472 | 473 | 500.., _) => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}

/// The error for an answer that is not what was asked for.
pub(crate) fn classify(
    action: &Action<'_>,
    answer: &Answer,
    dialect: Dialect,
    http: &Client,
) -> Error {
    let kind = kind(action, answer);
    let words: Vec<_> = answer
        .words()
        .iter()
        .map(|words| http.quote(words))
        .collect();
    let said = words.join("; ");
    // Whoever stands in front of a server that is down answers for it; nobody refuses us in its name.
    if kind != Kind::Unavailable && !answer.is_vaults() {
        return answer.foreign(kind).because(said);
    }
    let error = Error::new(kind, what(action, kind, dialect))
        .because(answer.described())
        .because(said);
    match help(action, kind, answer, dialect) {
        Some(help) => error.help(help),
        None => error,
    }
}

fn what(action: &Action<'_>, kind: Kind, dialect: Dialect) -> String {
    match (action, kind) {
        (_, Kind::Unavailable) => format!("{dialect} can't answer now"),
        (
            Action::Login {
                method,
                role: Some(role),
                ..
            },
            _,
        ) => {
            format!("{dialect} refused the {method} login as role `{role}`")
        }
        (Action::Login { method, .. }, _) => format!("{dialect} refused the {method} login"),
        (Action::Unwrap, _) => format!("{dialect} did not unwrap the AppRole secret id"),
        (Action::Secret { place, .. }, Kind::NotFound) => {
            format!("{dialect} has no secret at {place}")
        }
        (
            Action::Secret {
                access,
                place,
                identity,
                ..
            },
            Kind::PermissionDenied,
        ) => {
            format!(
                "{dialect} does not let {identity} {} {place}",
                access.verb()
            )
        }
        (Action::Secret { identity, .. }, Kind::Unauthenticated) => {
            format!("{dialect} does not accept {identity}")
        }
        (Action::Secret { access, place, .. }, _) => {
            format!("{dialect} could not {} {place}", access.verb())
        }
    }
}

fn help(action: &Action<'_>, kind: Kind, answer: &Answer, dialect: Dialect) -> Option<String> {
    let cli = dialect.cli();
    Some(match (action, kind) {
        (_, Kind::Unavailable) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
            format!("`{cli} status` tells whether it is sealed, a standby, or overloaded")
        }
        (_, Kind::Unavailable) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
            "a rate limit quota of the server holds this job back".to_owned()
        }
        (_, Kind::Unavailable) if answer.status == StatusCode::PRECONDITION_FAILED => {
            "the node that was asked lags behind its cluster: try again, or set the address to the active node".to_owned()
        }
        (_, Kind::Unavailable) => format!("`{cli} status` tells how the server is"),
        (Action::Login { method, mount, role, claims }, Kind::Unauthenticated) => {
            // The cert auth method calls its roles certs.
            let folder = if *method == "cert" { "certs" } else { "role" };
            // Whether it is the role that is not there, Vault says in words alone.
            let (shown, list) = match role {
                Some(role) => (
                    format!("`{cli} read auth/{mount}/{folder}/{role}`"),
                    format!("; `{cli} list auth/{mount}/{folder}` names the roles that there are"),
                ),
                None => ("the role".to_owned(), String::new()),
            };
            match claims {
                Some(claims) => format!(
                    "the job's token states {claims}; compare with the bound audiences and claims that {shown} shows{list}"
                ),
                None => format!("{shown} shows what the login must match{list}"),
            }
        }
        (Action::Login { mount, .. }, _) => {
            format!("is an auth method mounted at `{mount}`? `{cli} auth list` tells; set `mount` in `auth`")
        }
        (Action::Unwrap, _) => {
            "a wrapping token works once and not for long; if nobody of yours has used it (an answer that got lost on \
             the way, behind a load balancer, uses it up too), someone else has: revoke the secret id"
                .to_owned()
        }
        (Action::Secret { access, path, .. }, Kind::PermissionDenied) => format!(
            "its policies must have this, unless the mount in it is mistyped or the token has expired:\n\
             path \"{}\" {{\n  capabilities = [{}]\n}}",
            path.replace('\\', "\\\\").replace('"', "\\\""),
            access.capabilities(),
        ),
        (Action::Secret { mount, .. }, Kind::Invalid) if answer.status == StatusCode::NOT_FOUND => {
            format!("is `{mount}` the mount? `{cli} secrets list` tells; set `mount` on the backend")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
