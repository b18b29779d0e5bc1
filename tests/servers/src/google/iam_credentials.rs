//! IAM Service Account Credentials: tokens and signatures of a service account for those who may act as it.
//!
//! <https://cloud.google.com/iam/docs/reference/credentials/rest>

use serde_json::{Value, json};

use super::answer::{ApiError, answer, no_such_page};
use super::key;
use super::state::{Api, HOUR, Permission, Principal, State};
use crate::clock::rfc3339_after;
use crate::http::{Request, Response};

const ACCOUNTS: &str = "projects/-/serviceAccounts/";

/// Answers for everything below `/v1/projects/-/serviceAccounts/`, of which `path` is what follows `/v1/`.
pub(super) fn handle(
    state: &mut State,
    request: &Request,
    path: &str,
) -> Result<Response, ApiError> {
    let (account, verb) = path.split_once(':').unwrap_or((path, ""));
    let email = account.strip_prefix(ACCOUNTS).unwrap_or_default();
    let (right, method) = match verb {
        "generateAccessToken" => (
            "iam.serviceAccounts.getAccessToken",
            "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken",
        ),
        "signJwt" => (
            "iam.serviceAccounts.signJwt",
            "google.iam.credentials.v1.IAMCredentials.SignJwt",
        ),
        _ => return Ok(no_such_page()),
    };
    if request.method != "POST" {
        return Ok(no_such_page());
    }
    let api = Api {
        service: "iamcredentials.googleapis.com",
        method,
    };
    let caller = state.caller(request, api)?;
    let asked = request.json().unwrap_or_default();
    check_chain(state, caller, &asked["delegates"], email, right)?;
    match verb {
        "signJwt" => sign_jwt(state, email, &asked),
        _ => generate_access_token(state, email, &asked),
    }
}

/// Each of the chain may act as the next one, and the last as the account that is asked for.
fn check_chain(
    state: &State,
    caller: Principal,
    delegates: &Value,
    email: &str,
    right: &str,
) -> Result<(), ApiError> {
    let delegates = delegates.as_array().into_iter().flatten();
    let mut who = caller;
    for next in delegates.filter_map(Value::as_str) {
        let next = next.strip_prefix(ACCOUNTS).ok_or_else(|| {
            ApiError::invalid_argument(format!(
                "Invalid form of account ID {next}. Should be [Gaia ID |Email |Unique ID |] of the account"
            ))
        })?;
        check(state, &who, next, right)?;
        who = Principal::service_account(next);
    }
    check(state, &who, email, right)
}

fn check(state: &State, who: &Principal, email: &str, right: &str) -> Result<(), ApiError> {
    if state.may(who, Permission::Impersonate, email) {
        return Ok(());
    }
    Err(ApiError::permission_denied(format!(
        "Permission '{right}' denied on resource (or it may not exist)."
    ))
    .because(
        "IAM_PERMISSION_DENIED",
        "iam.googleapis.com",
        &[("permission", right)],
    ))
}

fn generate_access_token(
    state: &mut State,
    email: &str,
    asked: &Value,
) -> Result<Response, ApiError> {
    let scopes = asked["scope"].as_array().into_iter().flatten();
    let scopes: Vec<String> = scopes
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        return Err(ApiError::invalid_argument("scope is required"));
    }
    let lifetime = match asked["lifetime"].as_str() {
        None => Some(HOUR),
        Some(text) => text.strip_suffix('s').and_then(|text| text.parse().ok()),
    };
    let lifetime = lifetime
        .filter(|seconds| (1..=HOUR).contains(seconds))
        .ok_or_else(|| ApiError::invalid_argument("Request contains an invalid argument."))?;
    let token = state.issue("c", Principal::service_account(email), &scopes);
    let expires = rfc3339_after(lifetime);
    // Whole seconds, as Google has them.
    let expires = expires.split('.').next().unwrap_or_default();
    let expires = format!("{}Z", expires.trim_end_matches('Z'));
    Ok(answer(
        200,
        &json!({ "accessToken": token, "expireTime": expires }),
    ))
}

fn sign_jwt(state: &mut State, email: &str, asked: &Value) -> Result<Response, ApiError> {
    let payload = asked["payload"].as_str().unwrap_or_default();
    let claims: Value = serde_json::from_str(payload)
        .map_err(|_not_json| ApiError::invalid_argument("Payload is not valid JSON."))?;
    if !claims.is_object() {
        return Err(ApiError::invalid_argument("Payload is not a JSON object."));
    }
    let key_id = state.new_key(email);
    let body = json!({ "keyId": key_id, "signedJwt": key::sign(&key_id, payload) });
    Ok(answer(200, &body))
}
