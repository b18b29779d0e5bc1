//! Answers in AWS's two languages: JSON of Secrets Manager, XML of STS.

use serde_json::{Value, json};

use crate::http::Response;
use crate::random;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// JSON 1.1.
    Json,
    /// The query protocol's XML.
    Xml,
}

/// An error, in both languages: the codes of the two differ where a signature is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn response(&self, language: Language) -> Response {
        match language {
            Language::Json => {
                let body = json!({ "__type": self.code, "Message": self.message });
                json_answer(self.status, &body)
            }
            Language::Xml => xml_answer(
                self.status,
                &format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>{}</Code><Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
                    escaped(&self.code),
                    escaped(&self.message),
                    random::uuid()
                ),
            ),
        }
    }
}

/// JSON with AWS's headers.
pub(super) fn json_answer(status: u16, body: &Value) -> Response {
    Response::bytes(status, body.to_string().into_bytes())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amzn-requestid", &random::uuid())
}

/// The result of an operation of STS.
pub(super) fn sts_result(operation: &str, result: &str) -> Response {
    xml_answer(
        200,
        &format!(
            "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}\
             </{operation}Result><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>",
            random::uuid()
        ),
    )
}

/// Text as XML holds it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn xml_answer(status: u16, body: &str) -> Response {
    Response::bytes(status, body.as_bytes().to_vec())
        .header("content-type", "text/xml")
        .header("x-amzn-requestid", &random::uuid())
}
