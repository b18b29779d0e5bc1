//! How Google's services answer: JSON as its APIs print it, `google.rpc.Status` for their errors, and OAuth's errors.
//!
//! <https://cloud.google.com/apis/design/errors>

use serde_json::{Map, Value, json};

use crate::http::Response;

/// An error of one of Google's APIs.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: u16,
    status: &'static str,
    message: String,
    details: Vec<Value>,
}

impl ApiError {
    /// An error with its HTTP status, the name of its gRPC status and a message.
    #[must_use]
    pub fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            status,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// 401.
    #[must_use]
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(401, "UNAUTHENTICATED", message)
    }

    /// 403.
    #[must_use]
    pub fn permission_denied(message: impl Into<String>) -> Self {
        Self::new(403, "PERMISSION_DENIED", message)
    }

    /// 404.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NOT_FOUND", message)
    }

    /// 400 for what the request says.
    #[must_use]
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    /// Adds the `google.rpc.ErrorInfo` that says why.
    #[must_use]
    pub fn because(self, reason: &str, domain: &str, metadata: &[(&str, &str)]) -> Self {
        let metadata: Map<String, Value> = metadata
            .iter()
            .map(|&(key, value)| (key.to_owned(), json!(value)))
            .collect();
        self.detail(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason, "domain": domain, "metadata": metadata,
        }))
    }

    /// Adds any other detail.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    /// The error as REST has it.
    #[must_use]
    pub fn response(&self) -> Response {
        let mut error =
            json!({ "code": self.code, "message": self.message, "status": self.status });
        if !self.details.is_empty() {
            error["details"] = json!(self.details);
        }
        let response = answer(self.code, &json!({ "error": error }));
        if self.code == 401 {
            return response.header(
                "www-authenticate",
                "Bearer realm=\"https://accounts.google.com/\"",
            );
        }
        response
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        error.response()
    }
}

/// JSON as Google's servers print it: with line breaks.
pub(super) fn answer(status: u16, body: &Value) -> Response {
    let body = serde_json::to_vec_pretty(body).expect("a JSON value can be written");
    Response::bytes(status, body).header("content-type", "application/json; charset=UTF-8")
}

/// An error of STS or of the OAuth token endpoint (RFC 6749, section 5.2).
#[must_use]
pub fn oauth_error(status: u16, error: &str, description: &str) -> Response {
    answer(
        status,
        &json!({ "error": error, "error_description": description }),
    )
}

/// What Google's front end says to a path that no service has.
pub(super) fn no_such_page() -> Response {
    Response::text(
        404,
        "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n",
    )
}
