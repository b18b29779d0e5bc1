//! The metadata server of a machine with a service account.
//!
//! <https://cloud.google.com/compute/docs/metadata/querying-metadata>

use serde_json::json;

use super::key;
use super::state::{CLOUD_PLATFORM, HOUR, LIFETIME, Principal, State};
use crate::clock::unix_now;
use crate::http::{Request, Response};

const ACCOUNTS: &str = "/computeMetadata/v1/instance/service-accounts/";

/// Answers for `/` and everything below `/computeMetadata/`.
pub(super) fn handle(state: &mut State, request: &Request) -> Response {
    let response = if request.header("metadata-flavor") != Some("Google") {
        html(
            403,
            "Forbidden: missing required header \"Metadata-Flavor\": \"Google\"",
        )
    } else if request.header("x-forwarded-for").is_some() {
        // What comes through a proxy is not from this machine.
        html(403, "Forbidden: X-Forwarded-For")
    } else if request.method != "GET" {
        html(405, "Method Not Allowed")
    } else {
        answer(state, request)
    };
    response
        .header("metadata-flavor", "Google")
        .header("server", "Metadata Server for VM")
}

fn answer(state: &mut State, request: &Request) -> Response {
    let text =
        |value: &str| Response::bytes(200, value.into()).header("content-type", "application/text");
    match request.path.as_str() {
        "/" => return text("computeMetadata/\n"),
        "/computeMetadata/v1/universe/universe-domain" => return text("googleapis.com"),
        _ => {}
    }
    let Some(email) = state.attached.clone() else {
        return html(404, "Not Found");
    };
    let project = super::project_of(&email).to_owned();
    match request.path.as_str() {
        "/computeMetadata/v1/project/project-id" => return text(&project),
        "/computeMetadata/v1/project/numeric-project-id" => {
            return text(&state.number(&project).to_string());
        }
        _ => {}
    }
    let rest = request.path.strip_prefix(ACCOUNTS).unwrap_or_default();
    match rest.split_once('/') {
        Some((account, what)) if account == "default" || account == email => match what {
            "" => Response::json(
                200,
                &json!({ "aliases": ["default"], "email": email, "scopes": [CLOUD_PLATFORM] }),
            ),
            "email" => text(&email),
            "scopes" => text(CLOUD_PLATFORM),
            "token" => token(state, &email, request),
            "identity" => identity(state, &email, request),
            _ => html(404, "Not Found"),
        },
        _ => html(404, "Not Found"),
    }
}

fn token(state: &mut State, email: &str, request: &Request) -> Response {
    let scopes = request.parameter("scopes");
    let scopes: Vec<String> = scopes
        .as_deref()
        .unwrap_or(CLOUD_PLATFORM)
        .split(',')
        .map(str::to_owned)
        .collect();
    let token = state.issue("c", Principal::service_account(email), &scopes);
    let body = json!({ "access_token": token, "expires_in": LIFETIME, "token_type": "Bearer" });
    Response::json(200, &body)
}

fn identity(state: &mut State, email: &str, request: &Request) -> Response {
    let Some(audience) = request
        .parameter("audience")
        .filter(|text| !text.is_empty())
    else {
        return html(400, "non-empty audience parameter required");
    };
    let now = unix_now();
    let mut claims = json!({
        "iss": "https://accounts.google.com", "aud": audience, "sub": "112233445566778899000",
        "azp": "112233445566778899000", "iat": now, "exp": now + HOUR,
    });
    if request.parameter("format").as_deref() == Some("full") {
        let project = super::project_of(email).to_owned();
        claims["email"] = json!(email);
        claims["email_verified"] = json!(true);
        claims["google"] = json!({ "compute_engine": {
            "instance_id": "1234567890123456789", "instance_name": "runner-1", "zone": "europe-west1-b",
            "project_number": state.number(&project), "project_id": project, "instance_creation_timestamp": now - HOUR,
        } });
    }
    let key_id = state.new_key(email);
    let token = key::sign(&key_id, &claims.to_string());
    Response::bytes(200, token.into_bytes()).header("content-type", "text/html")
}

fn html(status: u16, text: &str) -> Response {
    let page =
        format!("<!DOCTYPE html>\n<html lang=en>\n<title>Error {status}</title>\n<p>{text}\n");
    Response::bytes(status, page.into_bytes()).header("content-type", "text/html; charset=UTF-8")
}
