//! What to do about it: the command that grants what is missing, for exactly this secret and principal.
//!
//! Source: gcloud's reference, and the reasons in `google.api.ErrorReason`.

use cargo_credential_bridge_backend::Kind;

use super::{
    Access, Action, Call, PRINCIPAL, Requested, State, is_quota_denied, is_service_disabled,
    printable,
};
use crate::answer::Refusal;
use crate::config::SecretVersion;
use crate::login::SCOPE;
use crate::name::ServiceAccount;

/// The characters of the three claims that are shown.
const CLAIMS: usize = 1000;

pub(super) fn help(action: &Action<'_>, kind: Kind, refusal: &Refusal) -> Option<String> {
    if kind == Kind::Unavailable {
        return Some(when_unavailable(refusal).to_owned());
    }
    if let Some(help) = by_reason(action, refusal) {
        return Some(help);
    }
    match action {
        Action::Federate {
            audience,
            requested,
            stated,
            is_aws,
        } => Some(federation(audience, *requested, *stated, *is_aws, refusal)),
        Action::Impersonate {
            account,
            delegates,
            by,
            right,
        } => Some(impersonation(account, delegates, *by, right)),
        Action::Refresh { .. } => Some(
            "it has ended, or an administrator wants it renewed: `gcloud auth application-default login`"
                .to_owned(),
        ),
        Action::Subject { .. } => {
            Some("`credential_source` in that file says where the token is".to_owned())
        }
        Action::Machine => Some(
            "does this machine have a service account, with the scope `cloud-platform`?".to_owned(),
        ),
        Action::Secret {
            access,
            secret,
            principal,
            state,
            ..
        } => with_secret(*access, secret, *principal, state, kind, refusal),
    }
}

fn when_unavailable(refusal: &Refusal) -> &'static str {
    match refusal.code() {
        Some("RESOURCE_EXHAUSTED") => {
            "try again in a minute; `quota-project` names another project to charge, and its console page \"Quotas\" raises the \
             limit"
        }
        _ => "try again; Google's status page tells whether the service is down",
    }
}

/// The reasons that mean the same whatever was asked for.
fn by_reason(action: &Action<'_>, refusal: &Refusal) -> Option<String> {
    let call = Call::of(action)?;
    let consumer = refusal.consumer().map(AsRef::as_ref);
    Some(match refusal.reason()? {
        _ if is_service_disabled(refusal) => format!(
            "`gcloud services enable {} --project={}`, and a few minutes",
            call.service,
            consumer.or(call.project).unwrap_or("PROJECT")
        ),
        _ if is_quota_denied(refusal) => format!(
            "`quota-project`, GOOGLE_CLOUD_QUOTA_PROJECT or the credentials name it; the binding:\n\
             gcloud projects add-iam-policy-binding {} --role=roles/serviceusage.serviceUsageConsumer --member={}",
            consumer.unwrap_or("PROJECT"),
            member(call.principal),
        ),
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => format!(
            "the access token lacks the scope `{SCOPE}`, whatever its owner may do: a machine of Google's has it after \
             `gcloud compute instances set-service-account INSTANCE --zone=ZONE --scopes=cloud-platform` while it is stopped, a \
             node of GKE by the scopes of its pool"
        ),
        "SECURITY_POLICY_VIOLATED" => {
            "a perimeter of VPC Service Controls is in between, and no binding helps: its administrator finds the request by \
             the unique identifier above, and an ingress rule lets this identity in"
                .to_owned()
        }
        _ => return None,
    })
}

/// What to look at, by the code of a refused trade.
fn federation(
    audience: &str,
    requested: Option<Requested<'_>>,
    stated: Option<&str>,
    is_aws: bool,
    refusal: &Refusal,
) -> String {
    let stated = stated.map_or_else(String::new, |stated| {
        format!("the job's token states {}; ", printable(stated, CLAIMS))
    });
    let asked = match requested {
        None => String::new(),
        Some(Requested::Minted(audience)) => format!(" (we asked for a token for `{audience}`)"),
        Some(Requested::Carried(audience)) => {
            format!(" (its `aud` must be `{audience}`, or what the provider lists)")
        }
    };
    let provider = audience.trim_start_matches("//iam.googleapis.com/");
    let describe = format!("`{}` shows", describe(provider));
    match refusal.code() {
        Some("unauthorized_client") => format!(
            "{stated}the provider's attribute condition must hold for them, and what it maps must be there; {describe} them"
        ),
        Some("invalid_target") => format!(
            "is `{provider}` the provider, with the number of its project, and is it enabled? `{}` tells",
            list(provider)
        ),
        Some("invalid_grant") if is_aws => format!(
            "AWS must accept the keys (`aws sts get-caller-identity` tells whose they are), and their account must be the \
             provider's; {describe} it"
        ),
        Some("invalid_grant") => format!(
            "{stated}its issuer must be the provider's, its audience one of the allowed{asked}, and it must not have expired; \
             {describe} them"
        ),
        _ => format!("{stated}compare with the provider{asked}; {describe} them"),
    }
}

/// The command that shows a provider, in a pool of workloads or of a workforce.
fn describe(provider: &str) -> String {
    match provider.split('/').collect::<Vec<_>>()[..] {
        [
            "locations",
            location,
            "workforcePools",
            pool,
            "providers",
            provider,
        ] => format!(
            "gcloud iam workforce-pools providers describe {provider} --workforce-pool={pool} --location={location}"
        ),
        _ => format!("gcloud iam workload-identity-pools providers describe {provider}"),
    }
}

/// The command that shows all providers of the same pool, deleted ones included.
fn list(provider: &str) -> String {
    match provider.split('/').collect::<Vec<_>>()[..] {
        ["locations", location, "workforcePools", pool, ..] => format!(
            "gcloud iam workforce-pools providers list --workforce-pool={pool} --location={location} --show-deleted"
        ),
        [
            "projects",
            project,
            "locations",
            location,
            "workloadIdentityPools",
            pool,
            ..,
        ] => format!(
            "gcloud iam workload-identity-pools providers list --workload-identity-pool={pool} --location={location} \
             --project={project} --show-deleted"
        ),
        _ => describe(provider),
    }
}

fn impersonation(
    account: &ServiceAccount,
    delegates: &[ServiceAccount],
    by: Option<&str>,
    right: &str,
) -> String {
    // The first in the chain is the one that we ask.
    let target = delegates.first().unwrap_or(account);
    let mut text = format!(
        "a subject that the provider maps differently is named differently; the binding:\n\
         gcloud iam service-accounts add-iam-policy-binding {target} --role={right} --member={}",
        member(by),
    );
    if !delegates.is_empty() {
        text.push_str("\nand each delegate needs roles/iam.serviceAccountTokenCreator on the next");
    }
    text
}

fn with_secret(
    access: Access,
    secret: &SecretVersion,
    principal: Option<&str>,
    state: &State,
    kind: Kind,
    refusal: &Refusal,
) -> Option<String> {
    Some(match kind {
        Kind::PermissionDenied => {
            let binding = |role| {
                format!(
                    "\ngcloud secrets add-iam-policy-binding {} {} --role={role} --member={}",
                    secret.secret,
                    place(secret),
                    member(principal),
                )
            };
            let bindings: Vec<_> = access.roles().iter().map(binding).collect();
            if access == Access::Describe {
                return Some(format!(
                    "`index-url-annotation` on the backend takes this binding, besides that to read:{}",
                    bindings.concat()
                ));
            }
            let are = if bindings.len() == 1 { "binding" } else { "bindings" };
            format!(
                "is it the right project (a secret that does not exist is refused too)? The {are}, for this secret alone:{}",
                bindings.concat()
            )
        }
        // A version is added to what is there, whatever its versions are.
        Kind::NotFound if access == Access::Add => {
            let replication = match secret.location {
                None => " --replication-policy=automatic",
                Some(_) => "",
            };
            format!(
                "`gcloud secrets create {} {}{replication}` makes it, with no version yet; a regional secret is named with its \
                 `location`",
                secret.secret,
                place(secret)
            )
        }
        Kind::NotFound => match state {
            State::Disabled(number) => {
                // A number is all that the command takes.
                let number = number.as_ref().unwrap_or(&secret.version);
                let mut text = format!(
                    "`gcloud secrets versions enable {number} --secret={} {}` brings it back",
                    secret.secret,
                    place(secret)
                );
                if *number != secret.version {
                    text.push_str(&format!("; `{}` is the version {number}", secret.version));
                }
                text
            }
            State::Destroyed => {
                "what was destroyed can't come back: add a new version".to_owned()
            }
            State::Enabled | State::Unknown => {
                let mut text = format!(
                    "`gcloud secrets versions list {} {}` shows what there is; a regional secret is named with its `location`",
                    secret.secret,
                    place(secret)
                );
                if refusal.code() == Some("FAILED_PRECONDITION") {
                    text.push_str(
                        "; with the permission secretmanager.versions.get (roles/secretmanager.viewer) the state would be said here",
                    );
                }
                text
            }
        },
        Kind::Unauthenticated => match refusal.reason() {
            Some("ACCOUNT_STATE_INVALID") => {
                "is the service account disabled, or deleted? `gcloud iam service-accounts list` tells"
            }
            _ => {
                "has it expired, is this machine's clock right, is a service account's key deleted, or is it a token of another \
                 universe?"
            }
        }
        .to_owned(),
        _ => return None,
    })
}

pub(crate) fn place(secret: &SecretVersion) -> String {
    match &secret.location {
        None => format!("--project={}", secret.project),
        Some(location) => format!("--project={} --location={location}", secret.project),
    }
}

/// A member as a shell takes it: a subject may have anything in it.
fn member(principal: Option<&str>) -> String {
    let principal = printable(principal.unwrap_or("MEMBER"), PRINCIPAL);
    shlex::try_quote(&principal).map_or_else(|_| "MEMBER".to_owned(), |word| word.into_owned())
}
