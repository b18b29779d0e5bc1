//! STS: the credentials of a role for a token or for those of somebody else, and who somebody is.

use serde_json::Value;

use super::answer::{Refused, escaped, sts_result};
use super::state::{Principal, State};
use crate::clock::{rfc3339_after, unix_now};
use crate::form::Form;
use crate::http::Response;
use crate::issuer::Issuer;
use crate::jwt::{Distrust, claims_unverified, verify};

/// The trust policy of a role: one OIDC provider, and what its tokens must state.
#[derive(Clone, Debug)]
pub struct Trust {
    issuer: String,
    keys: Vec<String>,
    audience: String,
    subject: Option<String>,
}

impl Trust {
    /// Trusts tokens of an issuer for an audience.
    #[must_use]
    pub fn new(issuer: &Issuer, audience: &str) -> Self {
        Self {
            issuer: issuer.url(),
            keys: vec![issuer.public_key_pem()],
            audience: audience.to_owned(),
            subject: None,
        }
    }

    /// Only for this `sub`.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}

/// Trades a token for the credentials of a role.
pub(super) fn assume_role_with_web_identity(
    state: &mut State,
    form: &Form,
) -> Result<Response, Refused> {
    let role = form.value("RoleArn");
    let invalid = |message: String| Refused::new(400, "InvalidIdentityToken", message);
    let token = form.value("WebIdentityToken");
    let stated = claims_unverified(token)
        .ok_or_else(|| invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)".into()))?;
    let issuer = text(&stated, "iss");
    let providers: Vec<&Trust> = state
        .roles
        .values()
        .filter(|trust| trust.issuer == issuer)
        .collect();
    let Some(provider) = providers.first() else {
        return Err(invalid(format!(
            "No OpenIDConnect provider found in your account for {issuer}"
        )));
    };
    verify(token, &provider.keys).map_err(|distrust| match distrust {
        Distrust::Signature => {
            invalid("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements".into())
        }
        Distrust::Shape | Distrust::Encoding => {
            invalid("The ID Token provided is not a valid JWT".into())
        }
    })?;
    let (now, end) = (unix_now(), stated["exp"].as_i64().unwrap_or_default());
    if now >= end {
        return Err(Refused::new(
            400,
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {now} must be before the expiration date/time {end}"
            ),
        ));
    }
    if !providers
        .iter()
        .any(|trust| trust.audience == text(&stated, "aud"))
    {
        return Err(invalid("Incorrect token audience".into()));
    }
    let is_trusted = state.roles.get(role).is_some_and(|trust| {
        trust.issuer == issuer
            && trust.audience == text(&stated, "aud")
            && trust
                .subject
                .as_ref()
                .is_none_or(|subject| *subject == text(&stated, "sub"))
    });
    if !is_trusted {
        return Err(Refused::new(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ));
    }
    Ok(session(state, "AssumeRoleWithWebIdentity", form))
}

/// Gives the credentials of a role to somebody who has others. Whoever may ask at all may be any role here; moto knows
/// more of rights.
pub(super) fn assume_role(
    state: &mut State,
    form: &Form,
    by: &Principal,
) -> Result<Response, Refused> {
    let role = form.value("RoleArn");
    if !state.roles.contains_key(role) && !state.plain_roles.contains(role) {
        return Err(Refused::new(
            403,
            "AccessDenied",
            format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
                by.arn
            ),
        ));
    }
    Ok(session(state, "AssumeRole", form))
}

/// Says who somebody is.
pub(super) fn get_caller_identity(by: &Principal) -> Response {
    let account = by.arn.split(':').nth(4).unwrap_or_default();
    sts_result(
        "GetCallerIdentity",
        &format!(
            "<Arn>{}</Arn><UserId>AIDAEXAMPLE</UserId><Account>{account}</Account>",
            escaped(&by.arn)
        ),
    )
}

fn session(state: &mut State, operation: &str, form: &Form) -> Response {
    let role = form.value("RoleArn");
    let arn = role
        .replace(":iam:", ":sts:")
        .replace(":role/", ":assumed-role/");
    let arn = format!("{arn}/{}", form.value("RoleSessionName"));
    let keys = state.session(&arn);
    sts_result(
        operation,
        &format!(
            "<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser><Credentials>\
             <AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>\
             <Expiration>{}</Expiration></Credentials>",
            escaped(form.value("RoleSessionName")),
            escaped(&arn),
            keys.id,
            keys.secret,
            keys.token.as_deref().unwrap_or_default(),
            rfc3339_after(form.value("DurationSeconds").parse().unwrap_or(3600)),
        ),
    )
}

fn text(claims: &Value, name: &str) -> String {
    claims[name].as_str().unwrap_or_default().to_owned()
}
