//! Security Token Service: the token of a job for one of Google.
//!
//! <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel>

use serde_json::{Value, json};

use super::answer::{answer, oauth_error};
use super::form;
use super::state::{LIFETIME, Principal, State};
use crate::clock::unix_now;
use crate::http::{Request, Response};
use crate::issuer::Issuer;
use crate::jwt::{Distrust, claims_unverified, verify};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const SUBJECT_TOKENS: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
];

/// A provider of a workload identity pool. Its mapping is `google.subject=assertion.sub`, and `attribute.X=assertion.X`
/// for every claim that is a text.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    issuer: String,
    public_keys_pem: Vec<String>,
    audiences: Vec<String>,
    /// A claim that must have this value.
    condition: Option<(String, String)>,
}

impl Provider {
    /// The provider of this name. Without audiences it wants its own name as the token's, with or without `https:`.
    pub(super) fn new(
        name: &str,
        issuer: &Issuer,
        audiences: &[&str],
        condition: Option<(&str, &str)>,
    ) -> Self {
        let own = [
            format!("https://iam.googleapis.com/{name}"),
            format!("//iam.googleapis.com/{name}"),
        ];
        Self {
            issuer: issuer.url(),
            public_keys_pem: vec![issuer.public_key_pem()],
            audiences: if audiences.is_empty() {
                own.to_vec()
            } else {
                audiences.iter().map(|&text| text.to_owned()).collect()
            },
            condition: condition.map(|(claim, value)| (claim.to_owned(), value.to_owned())),
        }
    }
}

/// `POST /v1/token`.
pub(super) fn exchange(state: &mut State, request: &Request) -> Result<Response, Response> {
    let form = form::of(request);
    let invalid = |text: &str| oauth_error(400, "invalid_request", text);
    if form.value("grant_type") != EXCHANGE {
        let text = "Invalid value for \"grant_type\". This value must be \
                    \"urn:ietf:params:oauth:grant-type:token-exchange\".";
        return Err(invalid(text));
    }
    if form.value("requested_token_type") != ACCESS_TOKEN {
        return Err(invalid("Invalid value for \"requested_token_type\"."));
    }
    if !SUBJECT_TOKENS.contains(&form.value("subject_token_type")) {
        return Err(invalid("Invalid value for \"subject_token_type\"."));
    }
    if form.value("scope").is_empty() {
        return Err(oauth_error(400, "invalid_scope", "Scope is missing."));
    }
    let audience = form.value("audience");
    let name = audience
        .strip_prefix("//iam.googleapis.com/")
        .filter(|name| name.contains("/workloadIdentityPools/"));
    let Some(name) = name else {
        let text = "Invalid value for \"audience\". This value should be the full resource name of the Identity \
                    Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of \
                    possible formats.";
        return Err(invalid(text));
    };
    let Some(provider) = state.providers.get(name) else {
        let text = "The target service indicated by the \"audience\" parameters is invalid. This might either be \
                    because the pool or provider is disabled or deleted or because it doesn't exist.";
        return Err(oauth_error(400, "invalid_target", text));
    };
    let claims = believed(provider, form.value("subject_token"))?;
    let principal = principal(name, &claims);
    let scopes: Vec<String> = form.value("scope").split(' ').map(str::to_owned).collect();
    let token = state.issue("d", principal, &scopes);
    let body = json!({
        "access_token": token, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": LIFETIME,
    });
    Ok(answer(200, &body))
}

/// `POST /v1/introspect`: whose a token is. Only a known client may ask, and gcloud does, before every command.
pub(super) fn introspect(state: &State, request: &Request) -> Result<Response, Response> {
    let authorization = request.header("authorization").unwrap_or_default();
    if !authorization.starts_with("Basic ") {
        let text = "The OAuth client was not found.";
        return Err(oauth_error(401, "invalid_client", text));
    }
    let form = form::of(request);
    let Some((principal, scopes)) = state.holder(form.value("token")) else {
        return Ok(answer(200, &json!({ "active": false })));
    };
    let body = json!({
        "active": true, "iss": "https://sts.googleapis.com/", "username": principal.members[0],
        "scope": scopes.join(" "), "exp": unix_now() + LIFETIME,
    });
    Ok(answer(200, &body))
}

/// The claims of a token that the provider takes.
fn believed(provider: &Provider, token: &str) -> Result<Value, Response> {
    let refuse = |text: &str| oauth_error(400, "invalid_grant", text);
    let stated = claims_unverified(token).ok_or_else(|| refuse("Unable to parse the ID Token."))?;
    let text = |name: &str| stated[name].as_str().unwrap_or_default();
    if text("iss") != provider.issuer {
        return Err(refuse(&format!(
            "The issuer in ID Token {} does not match the expected ones: {}",
            text("iss"),
            provider.issuer
        )));
    }
    let claims = verify(token, &provider.public_keys_pem).map_err(|distrust| match distrust {
        Distrust::Shape | Distrust::Encoding => refuse("Unable to parse the ID Token."),
        Distrust::Signature => refuse("Invalid signature for ID Token."),
    })?;
    if claims["exp"].as_i64().unwrap_or_default() <= unix_now() {
        let issued = claims["iat"].as_i64().unwrap_or_default();
        return Err(refuse(&format!(
            "ID Token issued at {issued} is stale to sign-in."
        )));
    }
    let given: Vec<&str> = match &claims["aud"] {
        Value::Array(given) => given.iter().filter_map(Value::as_str).collect(),
        given => given.as_str().into_iter().collect(),
    };
    if !given
        .iter()
        .any(|given| provider.audiences.iter().any(|known| known == given))
    {
        return Err(refuse(&format!(
            "The audience in ID Token [{}] does not match the expected audience.",
            given.join(", ")
        )));
    }
    if let Some((claim, value)) = &provider.condition
        && claims[claim] != **value
    {
        let text = "The given credential is rejected by the attribute condition.";
        return Err(oauth_error(401, "unauthorized_client", text));
    }
    Ok(claims)
}

/// Whoever these claims are about, by every name that IAM has for them.
fn principal(provider: &str, claims: &Value) -> Principal {
    let pool = provider.split("/providers/").next().unwrap_or_default();
    let below = |kind: &str, rest: &str| format!("{kind}://iam.googleapis.com/{pool}/{rest}");
    let subject = claims["sub"].as_str().unwrap_or_default();
    let mut members = vec![
        below("principal", &format!("subject/{subject}")),
        below("principalSet", "*"),
    ];
    for (claim, value) in claims.as_object().into_iter().flatten() {
        if let Some(value) = value.as_str() {
            members.push(below("principalSet", &format!("attribute.{claim}/{value}")));
        }
    }
    Principal { members }
}
