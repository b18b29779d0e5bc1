//! What came instead of what was asked for: AWS's own words, or none.

use core::error::Error as StdError;

use aws_config::imds::client::error::ImdsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use cargo_credential_bridge_backend::{Error, Kind};
use serde_json::Value;

use crate::sdk::Sdk;

/// An error that AWS answered with.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The operation: `GetSecretValue`.
    pub(crate) operation: &'static str,
    /// AWS's code, without which it is no answer of AWS.
    pub(crate) code: String,
    /// AWS's words, fit for a message.
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
}

impl Refusal {
    /// Takes the SDK's error apart.
    ///
    /// # Errors
    ///
    /// The error for the user, where AWS did not say a word.
    pub(crate) fn of<E>(
        operation: &'static str,
        error: &SdkError<E, HttpResponse>,
        sdk: &Sdk,
    ) -> Result<Self, Error>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let SdkError::ServiceError(service) = error
            && let Some(code) = service.err().code()
        {
            let metadata = service.err().meta();
            return Ok(Self {
                operation,
                code: sdk.transport.quote(code),
                message: sdk.transport.quote(metadata.message().unwrap_or_default()),
                request_id: metadata.request_id().map(|id| sdk.transport.quote(id)),
            });
        }
        Err(silent(operation, error, sdk))
    }

    /// The request and its answer, in one line.
    pub(crate) fn described(&self) -> String {
        match &self.request_id {
            Some(id) => format!("{} answered {} (request {id})", self.operation, self.code),
            None => format!("{} answered {}", self.operation, self.code),
        }
    }
}

/// The error when AWS did not say a word.
fn silent<E>(operation: &str, error: &SdkError<E, HttpResponse>, sdk: &Sdk) -> Error
where
    E: StdError + 'static,
{
    if let Some(ours) = ours(error) {
        return ours;
    }
    if let SdkError::TimeoutError(_) = error {
        return timeout(operation, sdk);
    }
    let Some(response) = error.raw_response() else {
        return because(
            Error::new(Kind::Invalid, format!("can't ask AWS for {operation}")),
            error,
            sdk,
        );
    };
    let status = response.status().as_u16();
    let kind = if is_away(status) {
        Kind::Unavailable
    } else {
        Kind::Invalid
    };
    // An answer that claims to be what was asked for may hold it, in a form that the SDK can't read.
    let body = match response.status().is_success() {
        true => None,
        false => response.body().bytes(),
    };
    Error::new(
        kind,
        format!("what answered {operation} does not answer as AWS does"),
    )
    .because(format!("{operation} answered HTTP status {status}"))
    .because(sdk.transport.quote(&told(body.unwrap_or_default())))
    .help("check `endpoint`, AWS_ENDPOINT_URL and what stands between it and this machine (proxy)")
}

/// Whether an answer without a code of AWS says that there will be another one later: whoever stands in front of a
/// service that is down answers for it.
pub(crate) fn is_away(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 412 | 429)
}

/// What may be said of an answer from who knows whom: a page of a proxy in its own words, of data its shape alone, as it
/// may be the secret.
fn told(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => {
            let keys: Vec<_> = object.keys().map(|key| format!("`{key}`")).collect();
            match keys.len() {
                0 => "its body is an empty JSON object".to_owned(),
                _ => format!("its body is a JSON object with {}", keys.join(", ")),
            }
        }
        Ok(Value::Array(array)) => format!("its body is a JSON array of {}", array.len()),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

/// The deadline came first, while the SDK waited between two tries.
pub(crate) fn timeout(operation: &str, sdk: &Sdk) -> Error {
    Error::new(
        Kind::Timeout,
        format!(
            "AWS did not answer within {:?}",
            sdk.context.deadline.total()
        ),
    )
    .because(operation)
    .help("check the region and the endpoint, and that this machine may reach it; `timeout` in the config sets the limit")
}

/// Our own error below one of the SDK's: the shared HTTP client knows best why there is no answer.
pub(crate) fn ours(error: &(dyn StdError + 'static)) -> Option<Error> {
    find::<Error>(error).cloned()
}

/// The error of some type below another.
pub(crate) fn find<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Adds the SDK's words, without the secrets that they may quote.
pub(crate) fn because(mut ours: Error, error: &(dyn StdError + 'static), sdk: &Sdk) -> Error {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = match error.downcast_ref() {
            // Its words are the whole answer, body and all.
            Some(ImdsError::ErrorResponse(said)) => {
                let status = said.response().status().as_u16();
                format!("the metadata of this instance answered HTTP status {status}")
            }
            _ => sdk.transport.quote(&error.to_string()),
        };
        if !ours
            .causes()
            .last()
            .is_some_and(|above| above.contains(&text))
        {
            ours = ours.because(text);
        }
        next = error.source();
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_data_only_the_shape_is_told() {
        for (body, expected) in [
            ("<html>down</html>", "<html>down</html>"),
            (
                r#"{"password":"s3cret","a":{"b":"s3cret"}}"#,
                "its body is a JSON object with `a`, `password`",
            ),
            ("{}", "its body is an empty JSON object"),
            (r#"["s3cret"]"#, "its body is a JSON array of 1"),
        ] {
            assert_eq!(told(body.as_bytes()), expected);
        }
    }

    #[test]
    fn whoever_answers_for_a_service_that_is_down_says_so_by_the_status() {
        for (status, expected) in [
            (400, false),
            (403, false),
            (404, false),
            (408, true),
            (412, true),
            (429, true),
            (499, false),
            (500, true),
            (503, true),
        ] {
            assert_eq!(is_away(status), expected, "{status}");
        }
    }

    #[test]
    fn a_refusal_is_described_with_the_id_that_aws_can_look_up() {
        let refusal = |id: Option<&str>| Refusal {
            operation: "GetSecretValue",
            code: "AccessDenied".to_owned(),
            message: String::new(),
            request_id: id.map(str::to_owned),
        };
        assert_eq!(
            refusal(None).described(),
            "GetSecretValue answered AccessDenied"
        );
        assert_eq!(
            refusal(Some("r-1")).described(),
            "GetSecretValue answered AccessDenied (request r-1)"
        );
    }

    #[test]
    fn our_own_error_is_found_below_others() {
        let ours_below = Error::new(Kind::Timeout, "late");
        let wrapped = SdkError::<Error, HttpResponse>::construction_failure(ours_below.clone());
        assert_eq!(ours(&wrapped), Some(ours_below));
        assert_eq!(ours(&std::io::Error::other("reset")), None);
    }
}
