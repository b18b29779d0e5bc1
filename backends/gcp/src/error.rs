//! What Google's codes mean for the chain, and the words for them.
//!
//! Source: AIP-193, `google.rpc.Code`, the page "Troubleshoot Workload Identity Federation", and RFC 6749 section 5.2.

use cargo_credential_bridge_backend::{Error, Kind};
use http::StatusCode;

use crate::answer::{Refusal, Said, foreign};
use crate::config::SecretVersion;
use crate::login::SCOPE;
use crate::name::ServiceAccount;

/// What was asked for, as far as a message needs it.
pub(crate) enum Action<'a> {
    /// A trade of somebody else's token.
    Federate {
        /// The provider, as STS names it.
        audience: &'a str,
        /// The audience that we had the token made for.
        requested: Option<&'a str>,
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
    /// The read itself.
    Read {
        /// What messages call the secret.
        place: String,
        secret: &'a SecretVersion,
        principal: Option<&'a str>,
        state: State,
    },
}

/// What else is known of a version that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Unknown,
    Enabled,
    Disabled,
    Destroyed,
}

/// The kind of a refusal: by its code, and by HTTP's where the answer has none.
pub(crate) fn kind(action: &Action<'_>, refusal: &Refusal) -> Kind {
    let is_login = !matches!(action, Action::Read { .. });
    let Some(code) = refusal.code() else {
        return match refusal.status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Kind::Unavailable,
            status if status.is_server_error() => Kind::Unavailable,
            _ if matches!(action, Action::Machine) => Kind::Unauthenticated,
            _ => Kind::Invalid,
        };
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
            Action::Read {
                state: State::Enabled,
                ..
            } => Kind::Invalid,
            Action::Read { .. } => Kind::NotFound,
            _ => Kind::Unauthenticated,
        },
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

fn what(action: &Action<'_>, kind: Kind, refusal: &Refusal) -> String {
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
                State::Disabled => format!("{place} in Google Secret Manager is disabled"),
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
        Some(principal) => format!("`{principal}`"),
        None => "the identity of this machine".to_owned(),
    }
}

/// The API is switched off, in the project of the secret or in the one that is charged.
fn is_service_disabled(refusal: &Refusal) -> bool {
    refusal.reason() == Some("SERVICE_DISABLED")
}

/// The token is good for less than its owner is.
fn is_scope_missing(refusal: &Refusal) -> bool {
    refusal.reason() == Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT")
}

/// The project that is charged may not be, by whoever asks.
fn is_quota_denied(refusal: &Refusal) -> bool {
    refusal.reason() == Some("USER_PROJECT_DENIED")
}

fn help(action: &Action<'_>, kind: Kind, refusal: &Refusal) -> Option<String> {
    Some(match action {
        _ if kind == Kind::Unavailable => match refusal.code() {
            Some("RESOURCE_EXHAUSTED") => {
                "try again in a minute; `quota-project` names another project to charge, and its console page \"Quotas\" raises the limit"
            }
            _ => "try again; Google's status page tells whether the service is down",
        }
        .to_owned(),
        Action::Federate {
            audience,
            requested,
            stated,
            is_aws,
        } => federation_help(audience, *requested, *stated, *is_aws, refusal),
        Action::Impersonate {
            account,
            delegates,
            by,
            right,
        } => {
            let project = account
                .as_ref()
                .split_once('@')
                .and_then(|(_, domain)| domain.strip_suffix(".iam.gserviceaccount.com"));
            if is_service_disabled(refusal) {
                let project = refusal.consumer().map(AsRef::as_ref).or(project);
                return Some(enable("iamcredentials.googleapis.com", project.unwrap_or("PROJECT")));
            }
            let member = by.unwrap_or("MEMBER");
            // The first in the chain is the one that we ask.
            let target = delegates.first().unwrap_or(account);
            let mut text = format!(
                "a subject that the provider maps differently is named differently; the binding:\ngcloud iam service-accounts add-iam-policy-binding {} --role={right} --member={}",
                quoted(target.as_ref()),
                quoted(member),
            );
            if !delegates.is_empty() {
                text.push_str("\nand each delegate needs roles/iam.serviceAccountTokenCreator on the next");
            }
            text
        }
        Action::Refresh { .. } => {
            "it has ended, or an administrator wants it renewed: `gcloud auth application-default login`".to_owned()
        }
        Action::Subject { .. } => "`credential_source` in that file says where the token is".to_owned(),
        Action::Machine => "does this machine have a service account, with the scope `cloud-platform`?".to_owned(),
        Action::Read {
            secret,
            principal,
            state,
            ..
        } => match kind {
            Kind::PermissionDenied if is_service_disabled(refusal) => {
                let project = refusal.consumer().unwrap_or(&secret.project);
                enable("secretmanager.googleapis.com", project.as_ref())
            }
            Kind::PermissionDenied if is_quota_denied(refusal) => format!(
                "`quota-project`, GOOGLE_CLOUD_QUOTA_PROJECT or the credentials name it; the binding:\n\
                 gcloud projects add-iam-policy-binding {} --role=roles/serviceusage.serviceUsageConsumer --member={}",
                refusal.consumer().map_or("PROJECT", AsRef::as_ref),
                quoted(principal.unwrap_or("MEMBER")),
            ),
            Kind::PermissionDenied if is_scope_missing(refusal) => format!(
                "the access token lacks the scope `{SCOPE}`, whatever its owner may do: a machine of Google's has it after \
                 `gcloud compute instances set-service-account INSTANCE --scopes=cloud-platform`"
            ),
            Kind::PermissionDenied => format!(
                "is it the right project (a secret that does not exist is refused too)? The binding, for this secret alone:\n{}",
                binding(secret, *principal)
            ),
            Kind::NotFound => match state {
                State::Disabled => format!(
                    "`gcloud secrets versions enable {} {}` brings it back",
                    secret.version,
                    of_secret(secret)
                ),
                State::Destroyed => "what was destroyed can't come back: add a new version".to_owned(),
                State::Enabled | State::Unknown => format!(
                    "`gcloud secrets versions list {}` shows what there is; a regional secret is named with its `location`",
                    listed(secret)
                ),
            },
            Kind::Unauthenticated => match refusal.reason() {
                Some("ACCOUNT_STATE_INVALID") => "is the service account disabled, or deleted? `gcloud iam service-accounts list` tells",
                _ => {
                    "has it expired, is this machine's clock right, is a service account's key deleted, or is it a token of \
                     another universe?"
                }
            }
            .to_owned(),
            _ => return None,
        },
    })
}

/// What to look at, by the code of a refused trade.
fn federation_help(
    audience: &str,
    requested: Option<&str>,
    stated: Option<&str>,
    is_aws: bool,
    refusal: &Refusal,
) -> String {
    let stated = stated.map_or_else(String::new, |stated| {
        format!("the job's token states {stated}; ")
    });
    let asked = requested.map_or_else(String::new, |requested| {
        format!(" (we asked for a token for `{requested}`)")
    });
    let provider = audience.trim_start_matches("//iam.googleapis.com/");
    let describe =
        format!("`gcloud iam workload-identity-pools providers describe {provider}` shows them");
    match refusal.code() {
        Some("unauthorized_client") => format!(
            "{stated}the provider's attribute condition must hold for them, and what it maps must be there; {describe}"
        ),
        Some("invalid_target") => format!(
            "is `{provider}` the provider, with the number of its project, and is it enabled? `gcloud iam workload-identity-pools providers list` tells"
        ),
        Some("invalid_grant") if is_aws => format!(
            "AWS must accept the keys (`aws sts get-caller-identity` tells whose they are), and their account must be the \
             provider's; `gcloud iam workload-identity-pools providers describe {provider}` shows it"
        ),
        Some("invalid_grant") => format!(
            "{stated}its issuer must be the provider's, its audience one of the allowed{asked}, and it must not have expired; {describe}"
        ),
        _ => format!("{stated}compare with the provider{asked}; {describe}"),
    }
}

fn enable(service: &str, project: &str) -> String {
    format!("`gcloud services enable {service} --project={project}`, and a few minutes")
}

/// The command that lets `principal` read this secret and nothing else.
fn binding(secret: &SecretVersion, principal: Option<&str>) -> String {
    format!(
        "gcloud secrets add-iam-policy-binding {} --role=roles/secretmanager.secretAccessor --member={}",
        listed(secret),
        quoted(principal.unwrap_or("MEMBER")),
    )
}

/// The secret as an argument of its own.
fn listed(secret: &SecretVersion) -> String {
    format!("{} {}", secret.secret, place(secret))
}

/// The secret as what a version is of.
fn of_secret(secret: &SecretVersion) -> String {
    format!("--secret={} {}", secret.secret, place(secret))
}

fn place(secret: &SecretVersion) -> String {
    match &secret.location {
        None => format!("--project={}", secret.project),
        Some(location) => format!("--project={} --location={location}", secret.project),
    }
}

/// A word that a shell takes as it is: a subject may have anything in it.
fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "MEMBER".to_owned(), |word| word.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, code: &str, reason: Option<&str>) -> Refusal {
        Refusal {
            asked: "GET https://secretmanager.googleapis.com/v1/x".to_owned(),
            status: StatusCode::from_u16(status).unwrap(),
            said: Said::Status {
                code: code.to_owned(),
                reason: reason.map(str::to_owned),
                consumer: None,
                message: "words".to_owned(),
            },
        }
    }

    /// A refusal on account of the project that the request counts for.
    fn counted(reason: &str, project: &str) -> Refusal {
        Refusal {
            said: Said::Status {
                code: "PERMISSION_DENIED".to_owned(),
                reason: Some(reason.to_owned()),
                consumer: project.parse().ok(),
                message: "words".to_owned(),
            },
            ..status(403, "", None)
        }
    }

    fn oauth(code: &str) -> Refusal {
        Refusal {
            said: Said::OAuth {
                code: code.to_owned(),
                message: "words".to_owned(),
            },
            ..status(400, "", None)
        }
    }

    fn secret(location: Option<&str>) -> SecretVersion {
        SecretVersion {
            project: "acme".parse().unwrap(),
            location: location.map(|location| location.parse().unwrap()),
            secret: "cargo".parse().unwrap(),
            version: "3".parse().unwrap(),
        }
    }

    fn read(secret: &SecretVersion, state: State) -> Action<'_> {
        Action::Read {
            place: "the secret `cargo`, version `3`".to_owned(),
            secret,
            principal: Some("principal://iam.googleapis.com/p/subject/repo:acme/app:it's"),
            state,
        }
    }

    #[test]
    fn a_missing_right_comes_with_its_command() {
        let secret = secret(Some("europe-west3"));
        let error = classify(
            &read(&secret, State::Unknown),
            &status(403, "PERMISSION_DENIED", Some("IAM_PERMISSION_DENIED")),
        );
        assert_eq!(error.kind(), Kind::PermissionDenied);
        let command = "gcloud secrets add-iam-policy-binding cargo --project=acme --location=europe-west3 \
                       --role=roles/secretmanager.secretAccessor \
                       --member=\"principal://iam.googleapis.com/p/subject/repo:acme/app:it's\"";
        let help = error.help_text().unwrap();
        assert!(help.ends_with(command), "{help}");
    }

    #[test]
    fn a_subject_token_is_somebody_elses_to_refuse() {
        let refusal = Refusal {
            said: Said::Foreign("who are you?".to_owned()),
            ..status(401, "", None)
        };
        let origin = "`job.json`";
        let error = classify(&Action::Subject { origin }, &refusal);
        assert_eq!(
            error.what(),
            "the place that the Google credentials `job.json` lead to gave no token"
        );
        let error = classify(&Action::Refresh { origin }, &refusal);
        assert!(
            error.what().contains("does not answer as Google does"),
            "{error}"
        );
    }

    #[test]
    fn one_code_with_two_reasons() {
        let secret = secret(None);
        let error = classify(
            &read(&secret, State::Unknown),
            &status(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED")),
        );
        assert_eq!(
            error.what(),
            "Secret Manager is not enabled in the project `acme`"
        );
        assert!(
            error
                .help_text()
                .unwrap()
                .contains("gcloud services enable secretmanager.googleapis.com --project=acme")
        );
    }

    #[test]
    fn the_project_that_counts_is_not_always_the_secrets() {
        let secret = secret(None);
        let read = read(&secret, State::Unknown);
        let error = classify(&read, &counted("SERVICE_DISABLED", "555555555"));
        assert_eq!(
            error.what(),
            "Secret Manager is not enabled in the project `555555555`"
        );
        let help = error.help_text().unwrap();
        assert!(help.contains("--project=555555555`"), "{help}");
        let error = classify(&read, &counted("USER_PROJECT_DENIED", "billing"));
        assert_eq!(error.kind(), Kind::PermissionDenied);
        assert!(
            error.what().ends_with(" charge the project `billing`"),
            "{error}"
        );
        let help = error.help_text().unwrap();
        assert!(
            help.contains("gcloud projects add-iam-policy-binding billing --role=roles/serviceusage.serviceUsageConsumer --member="),
            "{help}"
        );
    }

    #[test]
    fn no_binding_helps_a_token_that_lacks_its_scope() {
        let secret = secret(None);
        let reason = Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT");
        let refusal = status(403, "PERMISSION_DENIED", reason);
        let error = classify(&read(&secret, State::Unknown), &refusal);
        assert_eq!(error.kind(), Kind::PermissionDenied);
        let help = error.help_text().unwrap();
        assert!(
            help.contains("--scopes=cloud-platform") && !help.contains("add-iam-policy-binding"),
            "{help}"
        );
    }

    #[test]
    fn why_a_token_is_not_accepted() {
        let secret = secret(None);
        for (reason, help) in [
            (
                "ACCOUNT_STATE_INVALID",
                "`gcloud iam service-accounts list`",
            ),
            ("ACCESS_TOKEN_TYPE_UNSUPPORTED", "key deleted"),
            ("ACCESS_TOKEN_EXPIRED", "clock right"),
        ] {
            let refusal = status(401, "UNAUTHENTICATED", Some(reason));
            let error = classify(&read(&secret, State::Unknown), &refusal);
            assert_eq!(error.kind(), Kind::Unauthenticated);
            let text = error.help_text().unwrap();
            assert!(text.contains(help), "{text}");
        }
    }

    #[test]
    fn three_ways_of_not_being_there() {
        let secret = secret(None);
        for (code, state, kind, what, help) in [
            (
                "NOT_FOUND",
                State::Unknown,
                Kind::NotFound,
                "does not have",
                "versions list cargo --project=acme",
            ),
            (
                "FAILED_PRECONDITION",
                State::Disabled,
                Kind::NotFound,
                "is disabled",
                "versions enable 3 --secret=cargo",
            ),
            (
                "FAILED_PRECONDITION",
                State::Destroyed,
                Kind::NotFound,
                "is destroyed",
                "new version",
            ),
            (
                "FAILED_PRECONDITION",
                State::Unknown,
                Kind::NotFound,
                "is not enabled",
                "versions list",
            ),
        ] {
            let error = classify(&read(&secret, state), &status(400, code, None));
            assert_eq!(error.kind(), kind);
            assert!(error.what().contains(what), "{error}");
            assert!(
                error.help_text().unwrap().contains(help),
                "{:?}",
                error.help_text()
            );
        }
        let other = classify(
            &read(&secret, State::Enabled),
            &status(400, "FAILED_PRECONDITION", None),
        );
        assert_eq!(other.kind(), Kind::Invalid);
    }

    #[test]
    fn codes_become_kinds() {
        let secret = secret(None);
        let federate = Action::Federate {
            audience: "//iam.googleapis.com/x",
            requested: None,
            stated: None,
            is_aws: false,
        };
        for (action, refusal, expected) in [
            (
                &read(&secret, State::Unknown),
                status(401, "UNAUTHENTICATED", None),
                Kind::Unauthenticated,
            ),
            (
                &read(&secret, State::Unknown),
                status(429, "RESOURCE_EXHAUSTED", None),
                Kind::Unavailable,
            ),
            (
                &read(&secret, State::Unknown),
                status(503, "UNAVAILABLE", None),
                Kind::Unavailable,
            ),
            (
                &read(&secret, State::Unknown),
                status(400, "INVALID_ARGUMENT", None),
                Kind::Invalid,
            ),
            (
                &read(&secret, State::Unknown),
                status(400, "SOMETHING_NEW", None),
                Kind::Invalid,
            ),
            (
                &federate,
                oauth("unauthorized_client"),
                Kind::Unauthenticated,
            ),
            (&federate, oauth("invalid_target"), Kind::Unauthenticated),
            (&federate, oauth("invalid_request"), Kind::Invalid),
            (
                &federate,
                oauth("temporarily_unavailable"),
                Kind::Unavailable,
            ),
            (
                &federate,
                status(403, "PERMISSION_DENIED", None),
                Kind::Unauthenticated,
            ),
        ] {
            assert_eq!(kind(action, &refusal), expected, "{}", refusal.described());
        }
    }

    #[test]
    fn a_refused_trade_says_what_to_compare() {
        let action = Action::Federate {
            audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/x",
            requested: Some("https://wanted.example.com"),
            stated: Some("iss \"https://gitlab.com\", aud \"other\", sub \"me\""),
            is_aws: false,
        };
        for (code, parts) in [
            ("unauthorized_client", ["attribute condition", "sub \"me\""]),
            (
                "invalid_grant",
                ["`https://wanted.example.com`", "aud \"other\""],
            ),
            ("invalid_target", ["number of its project", "providers/x"]),
        ] {
            let error = classify(&action, &oauth(code));
            for part in parts {
                assert!(
                    error.help_text().unwrap().contains(part),
                    "{:?}",
                    error.help_text()
                );
            }
        }
    }

    #[test]
    fn a_refused_trade_by_keys_of_aws_is_about_the_keys() {
        let action = Action::Federate {
            audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/x",
            requested: None,
            stated: None,
            is_aws: true,
        };
        let error = classify(&action, &oauth("invalid_grant"));
        let help = error.help_text().unwrap();
        assert!(
            help.contains("`aws sts get-caller-identity`") && !help.contains("issuer"),
            "{help}"
        );
    }
}
