//! What an answer other than a secret means: the one place where AWS's codes become kinds.

use cargo_credential_bridge_backend::identity::WorkloadToken;
use cargo_credential_bridge_backend::{Error, Kind, shell_word};
use serde_json::Value;

use crate::name::{Region, RoleArn, SecretId};
use crate::policy::{self, Access};
use crate::refusal::Refusal;

/// What AWS was asked to do.
pub(crate) enum Action<'a> {
    /// The keys of a role for the token of a job.
    WebIdentity {
        role: &'a RoleArn,
        token: &'a WorkloadToken,
    },
    /// The keys of a role on top of others.
    AssumeRole {
        role: &'a RoleArn,
        external_id: Option<&'a str>,
        /// Who asked, where that is known.
        by: Option<&'a str>,
    },
    /// The keys of a role, as the SDK found it in a profile or in the environment.
    Ambient,
    /// Something with a secret.
    Secret {
        access: Access,
        /// The secret, as the user wrote it.
        place: String,
        secret: &'a SecretId,
        region: &'a Region,
        /// Who asked, where that is known.
        principal: Option<&'a str>,
        /// What else is known of the secret.
        state: State,
    },
}

/// What `DescribeSecret` says of a secret that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody was asked, or may know.
    #[default]
    Unknown,
    /// It will be gone at the end of its recovery window.
    Deleted { on: Option<String> },
    /// It is there, and has versions with these labels.
    There { stages: Vec<String> },
}

/// The kind of a failure, by what was asked and AWS's code, and nothing else: neither the words nor the HTTP status
/// are fixed.
///
/// Source: the pages "GetSecretValue", "AssumeRole", "AssumeRoleWithWebIdentity" and "Common error types" of the API
/// references of Secrets Manager and STS, and the codes that the SDK takes for throttling.
pub(crate) fn kind(action: &Action<'_>, code: &str) -> Kind {
    let is_login = !matches!(action, Action::Secret { .. });
    match code {
        "ResourceNotFoundException" => Kind::NotFound,
        // The secret's state forbids to read it: it is scheduled for deletion, unless AWS says that it is there.
        "InvalidRequestException" => match action {
            Action::Secret {
                state: State::There { .. },
                ..
            } => Kind::Invalid,
            _ => Kind::NotFound,
        },
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" if is_login => {
            Kind::Unauthenticated
        }
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "DecryptionFailure"
        | "EncryptionFailure" => Kind::PermissionDenied,
        "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IDPRejectedClaim"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidIdentityToken"
        | "InvalidSignatureException"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "RequestExpired"
        | "RequestInTheFuture"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Kind::Unauthenticated,
        "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "IDPCommunicationError"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceError"
        | "InternalServiceErrorException"
        | "LimitExceededException"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "SlowDown"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TransactionInProgressException" => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}

/// The error for an answer that is not what was asked for.
pub(crate) fn classify(action: &Action<'_>, refusal: &Refusal) -> Error {
    let kind = kind(action, &refusal.code);
    let denied = Denied::of(&refusal.message);
    let error = Error::new(kind, what(action, kind, refusal, &denied))
        .because(refusal.described())
        .because(refusal.message.as_str());
    match help(action, kind, refusal, &denied) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The parts of AWS's sentence about a missing right. They go into messages and decide nothing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Denied<'a> {
    principal: Option<&'a str>,
    action: Option<&'a str>,
    resource: Option<&'a str>,
}

impl<'a> Denied<'a> {
    fn of(message: &'a str) -> Self {
        let after = |words: &str| {
            let (_, rest) = message.split_once(words)?;
            rest.split_whitespace().next()
        };
        Self {
            principal: after("User: ").filter(|principal| principal.starts_with("arn:")),
            action: after("is not authorized to perform: ").filter(|action| action.contains(':')),
            resource: after(" on resource: ").filter(|resource| resource.starts_with("arn:")),
        }
    }

    /// Whether it is about the key that a secret is encrypted by. Secrets Manager says so in words only.
    fn is_about_key(&self, refusal: &Refusal) -> bool {
        matches!(
            refusal.code.as_str(),
            "DecryptionFailure" | "EncryptionFailure"
        ) || self.action.is_some_and(|action| action.starts_with("kms:"))
            || (self.action.is_none() && refusal.message.contains("KMS"))
    }
}

fn what(action: &Action<'_>, kind: Kind, refusal: &Refusal, denied: &Denied<'_>) -> String {
    match (action, kind) {
        (_, Kind::Unavailable) => "AWS can't answer now".to_owned(),
        (Action::WebIdentity { role, .. }, _) => {
            format!("AWS refused the web identity login as role `{role}`")
        }
        (Action::AssumeRole { role, by, .. }, _) => {
            format!(
                "AWS does not let {} assume the role `{role}`",
                who(denied, *by)
            )
        }
        (Action::Ambient, _) => "AWS refused the identity of this machine".to_owned(),
        (Action::Secret { place, state, .. }, Kind::NotFound) => match state {
            State::There { .. } => format!("{place} in AWS has no such version"),
            State::Deleted { on: Some(on) } => {
                format!("{place} in AWS is scheduled for deletion ({on})")
            }
            State::Deleted { on: None } => format!("{place} in AWS is scheduled for deletion"),
            State::Unknown if refusal.code == "InvalidRequestException" => {
                format!("{place} in AWS is scheduled for deletion")
            }
            State::Unknown => format!("AWS does not have {place}"),
        },
        (
            Action::Secret {
                access,
                place,
                principal,
                ..
            },
            Kind::PermissionDenied,
        ) => {
            let who = who(denied, *principal);
            if denied.is_about_key(refusal) {
                format!("AWS does not let {who} use the KMS key of {place}")
            } else {
                format!("AWS does not let {who} {} {place}", access.verb())
            }
        }
        (Action::Secret { principal, .. }, Kind::Unauthenticated) => {
            format!("AWS does not accept {}", who(denied, *principal))
        }
        (Action::Secret { access, place, .. }, _) => {
            format!("AWS could not {} {place}", access.verb())
        }
    }
}

/// Whom AWS refuses, as AWS calls it.
fn who(denied: &Denied<'_>, known: Option<&str>) -> String {
    match denied.principal.or(known) {
        Some(principal) => format!("`{principal}`"),
        None => "the identity of this machine".to_owned(),
    }
}

fn help(action: &Action<'_>, kind: Kind, refusal: &Refusal, denied: &Denied<'_>) -> Option<String> {
    Some(match (action, kind) {
        (_, Kind::Unavailable) => {
            "try again; `regions` on the backend names regions with a replica, for when one is away".to_owned()
        }
        (Action::WebIdentity { role, token }, Kind::Unauthenticated) => {
            let claims = token.claims().unwrap_or_default();
            match policy::web_identity_trust(role, token) {
                Some(statement) => format!(
                    "the job's token states {claims}; the account needs the OIDC provider of that issuer, with that audience, \
                     and the trust policy of `{role}` must match (a pattern of subjects goes under StringLike):\n{statement}"
                ),
                None => "the trust policy of the role must name the issuer, the audience and the subject of the job's token".to_owned(),
            }
        }
        (Action::AssumeRole { role, external_id, by }, Kind::Unauthenticated) => {
            let principal = denied.principal.or(*by);
            let allow = policy::statement("sts:AssumeRole", role.as_str());
            let trust = principal.map_or_else(
                || "the one who asks".to_owned(),
                |principal| policy::role_trust(principal, *external_id).to_string(),
            );
            format!(
                "both sides must allow it; a policy of who asks:\n{allow}\nand the trust policy of `{role}`, which may want an `external-id`:\n{trust}"
            )
        }
        (_, Kind::Unauthenticated) => match refusal.code.as_str() {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                "the session has ended: get new keys (`aws sso login`, the step of the job that makes them), or let the job log in \
                 by itself with `auth = { method = \"web-identity\", … }`"
            }
            "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => {
                "no such access key: is it deleted, of another partition, or is AWS_SESSION_TOKEN missing beside it?"
            }
            "SignatureDoesNotMatch" | "InvalidSignatureException" | "RequestTimeTooSkewed" | "RequestInTheFuture" => {
                "the secret key does not belong to the access key, or this machine's clock is wrong"
            }
            _ => "`aws sts get-caller-identity` shows who this machine is to AWS",
        }
        .to_owned(),
        (Action::Secret { access, secret, region, principal, .. }, Kind::PermissionDenied) => {
            let principal = denied.principal.or(*principal);
            if denied.is_about_key(refusal) {
                let key = denied.resource.unwrap_or("THE-ARN-OF-THE-KEY");
                let statement = policy::statement(access.key_actions(), key);
                return Some(format!(
                    "the key must be enabled, its key policy must let the identity in, and its policies must have:\n{statement}"
                ));
            }
            let resource = policy::secret_resource(secret, region, principal);
            let statement = policy::statement(access.actions(), &resource);
            if *access == Access::Describe {
                return Some(format!("`index-url-tag` on the backend takes this, besides the right to read:\n{statement}"));
            }
            let key = match access.key_actions() {
                Value::String(action) => format!("`{action}`"),
                _ => "`kms:Decrypt` and `kms:GenerateDataKey`".to_owned(),
            };
            format!(
                "its policies must have this, unless the name is mistyped or a resource policy denies it; for a key of your own also \
                 {key} on the key:\n{statement}"
            )
        }
        (Action::Secret { access: Access::Write | Access::WriteField, secret, region, state: State::Unknown, .. }, Kind::NotFound)
            if refusal.code == "ResourceNotFoundException" =>
        {
            let name = shell_word(secret.as_str());
            format!(
                "`aws secretsmanager create-secret --region {region} --name {name}` makes it, with no value yet; another account's \
                 secret is named by its whole ARN"
            )
        }
        (Action::Secret { access: Access::Write | Access::WriteField | Access::Delete, region, .. }, Kind::Invalid)
            if matches!(refusal.code.as_str(), "InvalidParameterException" | "InvalidRequestException") =>
        {
            format!("a replica can't be changed: is `{region}`, the first region of the backend, the region of the primary?")
        }
        (Action::Secret { secret, region, state, .. }, Kind::NotFound) => match state {
            State::There { stages } => {
                let stages: Vec<_> = stages.iter().map(|stage| format!("`{stage}`")).collect();
                let stages = if stages.is_empty() { "none".to_owned() } else { stages.join(", ") };
                format!("stages that it has: {stages}; `stage` or `version-id` in the source names one, and a secret without a value must be given one first")
            }
            State::Unknown if refusal.code == "ResourceNotFoundException" => {
                format!("it was looked for in the region `{region}`, in the account of the identity; another account's secret is named by its whole ARN")
            }
            State::Deleted { .. } | State::Unknown => format!(
                "`aws secretsmanager restore-secret --region {region} --secret-id {secret}` brings it back"
            ),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
