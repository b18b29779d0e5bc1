//! What Google answers, as far as it concerns us.
//!
//! Source: AIP-193 "Errors" (`google.rpc.Status` with `ErrorInfo`) for the APIs, RFC 6749 section 5.2 and RFC 8693 section
//! 2.2.2 for the two token endpoints.

use cargo_credential_bridge_backend::http::Transport;
use cargo_credential_bridge_backend::{Error, ExposeSecret as _, Kind, SecretSlice};
use http::{Response, StatusCode};
use serde::Deserialize;

use crate::name::Project;

/// One answer, with what it answers to.
pub(crate) struct Answer {
    /// Method and URL of the request.
    pub(crate) asked: String,
    pub(crate) status: StatusCode,
    body: SecretSlice<u8>,
}

/// An answer that is not what was asked for.
pub(crate) struct Refusal {
    pub(crate) asked: String,
    pub(crate) status: StatusCode,
    pub(crate) said: Said,
}

/// In whose words it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// One of Google's APIs: the canonical code, the reason below it, the project that the request counts for, the words.
    Status {
        code: String,
        reason: Option<String>,
        consumer: Option<Project>,
        message: String,
    },
    /// A token endpoint.
    OAuth { code: String, message: String },
    /// Somebody else, or nobody; what may be told of the body.
    Foreign(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Status {
        error: WireStatus,
    },
    OAuth {
        error: String,
        #[serde(default)]
        error_description: String,
    },
}

#[derive(Deserialize)]
struct WireStatus {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Vec<Detail>,
}

/// Of the details, `ErrorInfo` alone has a reason.
#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    metadata: serde_json::Value,
}

impl Answer {
    pub(crate) fn new(asked: String, response: Response<Vec<u8>>) -> Self {
        Self {
            asked,
            status: response.status(),
            body: SecretSlice::from(response.into_body()),
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.status == StatusCode::OK
    }

    /// The body of an answer that is one.
    pub(crate) fn body(&self) -> &[u8] {
        self.body.expose_secret()
    }

    /// The body as `T`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if it is something else. The parser's own words are left out: they may quote it.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        // A structure could be read from an array too.
        let is_object = self.body().trim_ascii_start().starts_with(b"{");
        is_object
            .then(|| serde_json::from_slice(self.body()).ok())
            .flatten()
            .ok_or_else(|| {
                foreign(Kind::Invalid, &self.asked)
                    .because(format!("{} answered {}", self.asked, self.status))
                    .because(format!(
                        "what it answered is not what was asked for, but {}",
                        shape(self.body())
                    ))
            })
    }

    /// What it says instead of what was asked for.
    pub(crate) fn refusal(&self, transport: &Transport) -> Refusal {
        let said = match serde_json::from_slice(self.body()) {
            Ok(Wire::Status { error }) => Said::Status {
                code: match error.status {
                    Some(code) => transport.quote(&code),
                    None => canonical(self.status).to_owned(),
                },
                consumer: error.details.iter().find_map(Detail::consumer),
                reason: error
                    .details
                    .into_iter()
                    .find_map(|detail| detail.reason)
                    .map(|reason| transport.quote(&reason)),
                message: transport.quote(&error.message),
            },
            Ok(Wire::OAuth {
                error,
                error_description,
            }) => Said::OAuth {
                code: transport.quote(&error),
                message: transport.quote(&error_description),
            },
            // What claims to be what was asked for may hold it, in a form that we can't read.
            Err(_) if self.status.is_success() => Said::Foreign(String::new()),
            Err(_) => Said::Foreign(match std::str::from_utf8(self.body()) {
                Ok(text) if !text.trim_start().starts_with(['{', '[']) => transport.quote(text),
                _ => format!("its body is {}", shape(self.body())),
            }),
        };
        Refusal {
            asked: self.asked.clone(),
            status: self.status,
            said,
        }
    }
}

impl Detail {
    /// The project that Google counts the request for, which need not be that of the secret.
    fn consumer(&self) -> Option<Project> {
        let consumer = self.metadata.get("consumer")?.as_str()?;
        consumer.strip_prefix("projects/")?.parse().ok()
    }
}

impl Refusal {
    /// The request and its answer, in one line.
    pub(crate) fn described(&self) -> String {
        let answered = format!("{} answered {}", self.asked, self.status);
        match &self.said {
            Said::Status {
                code,
                reason: Some(reason),
                ..
            } => format!("{answered}, {code} ({reason})"),
            Said::Status { code, .. } | Said::OAuth { code, .. } => format!("{answered}, {code}"),
            Said::Foreign(_) => answered,
        }
    }

    /// The server's own words.
    pub(crate) fn words(&self) -> &str {
        match &self.said {
            Said::Status { message, .. } | Said::OAuth { message, .. } => message,
            Said::Foreign(text) => text,
        }
    }

    /// Google's code for it.
    pub(crate) fn code(&self) -> Option<&str> {
        match &self.said {
            Said::Status { code, .. } | Said::OAuth { code, .. } => Some(code),
            Said::Foreign(_) => None,
        }
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        match &self.said {
            Said::Status { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn consumer(&self) -> Option<&Project> {
        match &self.said {
            Said::Status { consumer, .. } => consumer.as_ref(),
            _ => None,
        }
    }
}

/// Google's code for a status of HTTP, for an answer that leaves it out (`google.rpc.Code`).
fn canonical(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        400..500 => "INVALID_ARGUMENT",
        _ => "UNAVAILABLE",
    }
}

/// The error for an answer that Google does not give.
pub(crate) fn foreign(kind: Kind, asked: &str) -> Error {
    let url = asked.split(' ').nth(1).unwrap_or(asked);
    let origin: String = url.split('/').take(3).collect::<Vec<_>>().join("/");
    Error::new(kind, format!("what answers at `{origin}` does not answer as Google does")).help(
        "check the endpoint, and what stands between it and this machine: a proxy or a login page may answer in its place",
    )
}

/// What may be told of data: it may be the secret.
fn shape(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        _ if body.is_empty() => "empty".to_owned(),
        Ok(serde_json::Value::Object(object)) if object.is_empty() => {
            "an empty JSON object".to_owned()
        }
        Ok(serde_json::Value::Object(_)) => "another JSON object".to_owned(),
        Ok(serde_json::Value::Array(_)) => "a JSON array".to_owned(),
        Ok(_) => "a JSON value".to_owned(),
        Err(_) if body.trim_ascii_start().starts_with(b"<") => "a page of HTML or XML".to_owned(),
        Err(_) => format!("{} bytes that are not JSON", body.len()),
    }
}
