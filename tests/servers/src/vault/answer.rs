//! Answers in Vault's words and with Vault's bytes.

use serde::Serialize;
use serde_json::{Value, json};

use crate::http::Response;
use crate::random;

/// Vault's answer to everything that is not an error.
#[derive(Serialize)]
struct Envelope {
    request_id: String,
    lease_id: &'static str,
    renewable: bool,
    lease_duration: i64,
    data: Value,
    wrap_info: Option<()>,
    warnings: Option<Vec<String>>,
    auth: Option<Auth>,
    mount_type: &'static str,
}

impl Envelope {
    fn new(mount_type: &'static str, data: Value) -> Self {
        Self {
            request_id: random::uuid(),
            lease_id: "",
            renewable: false,
            lease_duration: 0,
            data,
            wrap_info: None,
            warnings: None,
            auth: None,
            mount_type,
        }
    }

    fn response(&self, status: u16, end: &str) -> Response {
        let text = serde_json::to_string(self).expect("an envelope has only plain values");
        body(status, text + end)
    }
}

/// The `auth` block of a login.
#[derive(Serialize)]
pub(super) struct Auth {
    pub(super) client_token: String,
    pub(super) accessor: String,
    pub(super) policies: Vec<String>,
    pub(super) token_policies: Vec<String>,
    pub(super) metadata: Value,
    pub(super) lease_duration: i64,
    pub(super) renewable: bool,
    pub(super) entity_id: String,
    pub(super) token_type: &'static str,
    pub(super) orphan: bool,
    pub(super) mfa_requirement: Option<()>,
    pub(super) num_uses: u32,
}

/// 200 with data.
pub(super) fn data(mount_type: &'static str, data: Value) -> Response {
    Envelope::new(mount_type, data).response(200, "\n")
}

/// 200 with data and the lease duration of a KV v1 secret; it has no lease id, so it is no lease.
pub(super) fn data_with_ttl(mount_type: &'static str, data: Value, seconds: i64) -> Response {
    Envelope {
        lease_duration: seconds,
        ..Envelope::new(mount_type, data)
    }
    .response(200, "\n")
}

/// 200 with a new token.
pub(super) fn auth(mount_type: &'static str, auth: Auth) -> Response {
    Envelope {
        auth: Some(auth),
        ..Envelope::new(mount_type, Value::Null)
    }
    .response(200, "\n")
}

/// 404 that still says something: a deleted version or a wrong path of KV v2.
pub(super) fn not_found_with(data: Value, warning: Option<&str>) -> Response {
    let warnings = warning.map(|warning| vec![warning.to_owned()]);
    Envelope {
        warnings,
        ..Envelope::new("", data)
    }
    .response(404, "")
}

/// 404 with nothing.
pub(super) fn not_found() -> Response {
    body(404, "{\"errors\":[]}\n".into())
}

/// 204.
pub(super) fn done() -> Response {
    body(204, String::new())
}

/// An error with one text.
pub(super) fn error(status: u16, text: &str) -> Response {
    body(status, json!({ "errors": [text] }).to_string() + "\n")
}

/// An error as Go's `multierror` prints several.
pub(super) fn errors(status: u16, texts: &[&str]) -> Response {
    let noun = if texts.len() == 1 { "error" } else { "errors" };
    let list: String = texts.iter().map(|text| format!("\t* {text}\n")).collect();
    error(
        status,
        &format!("{} {noun} occurred:\n{list}\n", texts.len()),
    )
}

/// 403 for a known token without the right.
pub(super) fn denied() -> Response {
    errors(403, &["permission denied"])
}

/// 403 for a token that does not exist, or no longer.
pub(super) fn invalid_token() -> Response {
    errors(403, &["permission denied", "invalid token"])
}

/// 403 for a request without a token.
pub(super) fn no_token() -> Response {
    error(403, "permission denied")
}

/// 405.
pub(super) fn unsupported_operation() -> Response {
    errors(405, &["unsupported operation"])
}

/// Any JSON with Vault's headers.
pub(super) fn json(status: u16, value: &Value) -> Response {
    body(status, value.to_string() + "\n")
}

fn body(status: u16, text: String) -> Response {
    Response::bytes(status, text.into_bytes())
        .header("cache-control", "no-store")
        .header("content-type", "application/json")
        .header(
            "strict-transport-security",
            "max-age=31536000; includeSubDomains",
        )
}
