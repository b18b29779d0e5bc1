//! The OAuth token endpoint: an access token for a refresh token, or for what a service account's key has signed.
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>

use serde_json::json;

use super::answer::{answer, oauth_error};
use super::form;
use super::key;
use super::state::{CLOUD_PLATFORM, LIFETIME, Principal, State, is_timely};
use crate::form::Form;
use crate::http::{Request, Response};

/// The endpoint that every key file names.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// `POST /token`.
pub(super) fn token(state: &mut State, request: &Request) -> Result<Response, Response> {
    let form = form::of(request);
    let (kind, principal, scopes) = match form.value("grant_type") {
        "refresh_token" => {
            let (principal, scopes) = refreshed(state, &form)?;
            ("a0", principal, scopes)
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let (principal, scopes) = asserted(state, form.value("assertion"))?;
            ("c", principal, scopes)
        }
        other => {
            let text = format!("Invalid grant_type: {other}");
            return Err(oauth_error(400, "unsupported_grant_type", &text));
        }
    };
    let token = state.issue(kind, principal, &scopes);
    let body = json!({
        "access_token": token, "expires_in": LIFETIME, "token_type": "Bearer", "scope": scopes.join(" "),
    });
    Ok(answer(200, &body))
}

fn refreshed(state: &State, form: &Form) -> Result<(Principal, Vec<String>), Response> {
    if form.value("client_id").is_empty() || form.value("client_secret").is_empty() {
        let text = "Could not determine client ID from request.";
        return Err(oauth_error(400, "invalid_request", text));
    }
    let member = state.refresh_tokens.get(form.value("refresh_token"));
    let member = member
        .ok_or_else(|| oauth_error(400, "invalid_grant", "Token has been expired or revoked."))?;
    Ok((Principal::new(member), vec![CLOUD_PLATFORM.to_owned()]))
}

fn asserted(state: &State, assertion: &str) -> Result<(Principal, Vec<String>), Response> {
    let refuse = |text: &str| oauth_error(400, "invalid_grant", text);
    let signed = key::verify(assertion).ok_or_else(|| refuse("Invalid JWT Signature."))?;
    let text = |name: &str| signed.claims[name].as_str().unwrap_or_default();
    let account = state.keys.get(&signed.key_id);
    let account = account.ok_or_else(|| refuse("Invalid JWT Signature."))?;
    if text("iss") != account {
        return Err(refuse("Invalid grant: account not found"));
    }
    if text("aud") != format!("{}/token", state.url) && text("aud") != TOKEN_URI {
        return Err(refuse("Invalid JWT: Failed audience check."));
    }
    if !is_timely(&signed.claims) {
        return Err(refuse(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat \
             and exp values in the JWT claim.",
        ));
    }
    if text("scope").is_empty() {
        let text = "Empty or missing scope not allowed.";
        return Err(oauth_error(400, "invalid_scope", text));
    }
    let scopes = text("scope").split(' ').map(str::to_owned).collect();
    Ok((Principal::service_account(account), scopes))
}
