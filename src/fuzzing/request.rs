//! A line of Cargo's.

use cargo_credential_bridge_backend::{Error, Kind};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{TOKEN, json};
use crate::answer::failure;
use crate::protocol::{Action, Answer, Cache, Operation, Request};

/// The token of a line is in no refusal and no `Debug`; a token is for an operation that the line names; what is passed on
/// to a plugin is the same request; and whatever the line names, an answer with it is one line of JSON that says so.
pub(super) fn laws(line: &[u8]) {
    let request = match Request::parse(line) {
        Ok(request) => request,
        Err(answer) => {
            let said = written(&answer);
            assert!(said["Err"]["message"].is_string());
            return assert!(!said.to_string().contains(TOKEN));
        }
    };
    let named = [Some(&request.index_url), request.name.as_ref()];
    if !named.into_iter().flatten().any(|name| name.contains(TOKEN)) {
        assert!(!format!("{request:?}").contains(TOKEN));
        concealed(&request);
    }
    answers(&request);
    if let Ok(asked @ Value::Object(_)) = serde_json::from_slice(line) {
        same(&request, &asked);
    }
}

/// What `cargo login` brings along is not told.
fn concealed(request: &Request) {
    match request.login() {
        Ok(login) => {
            let url = login.login_url.as_deref().unwrap_or_default();
            assert!(url.contains(TOKEN) || !format!("{login:?}").contains(TOKEN));
        }
        Err(answer) => assert!(!written(&answer).to_string().contains(TOKEN)),
    }
}

/// A text in an answer arrives.
fn answers(request: &Request) {
    let subject = request.subject();
    let texts = [
        Some(request.index_url.clone()),
        subject.name,
        subject.version,
    ];
    for text in texts.into_iter().flatten() {
        let token = Answer::Token {
            token: text.as_str().into(),
            cache: Cache::Session,
            operation_independent: true,
        };
        assert_eq!(written(&token)["Ok"]["token"], *text);
        let error = Error::new(Kind::Invalid, text.as_str()).because(text.as_str());
        let said = &written(&failure(&error))["Err"];
        assert_eq!(said["message"], *text);
        assert_eq!(
            said["caused-by"].as_array().map_or(0, Vec::len),
            usize::from(!text.is_empty())
        );
    }
}

/// The request is what a general parser reads, and so is what is passed on.
fn same(request: &Request, asked: &Value) {
    let registry = &asked["registry"];
    assert!(registry.is_array() || registry["index-url"] == *request.index_url);
    let operation = asked["operation"].as_str().and_then(Operation::from_wire);
    let action = match (asked["kind"].as_str(), operation) {
        (Some("get"), Some(operation)) => Action::Get(operation),
        (Some("login"), _) => Action::Login,
        (Some("logout"), _) => Action::Logout,
        _ => Action::Unknown,
    };
    assert_eq!(request.action, action);
    let token = SecretString::from("t\"0\\ken");
    let arguments = ["--a b".to_owned()];
    for (arguments, token) in [
        (&[][..], None),
        (&arguments, None),
        (&arguments, Some(&token)),
    ] {
        let Some(passed) = request.passed_on(arguments, token) else {
            continue;
        };
        let passed: Value = serde_json::from_str(passed.expose_secret()).expect("it is JSON");
        let mut expected = asked.clone();
        let fields = expected.as_object_mut().expect("it is an object");
        fields.remove("args");
        if !arguments.is_empty() {
            fields.insert("args".to_owned(), json!(arguments));
        }
        if let Some(token) = token {
            fields.insert("token".to_owned(), token.expose_secret().into());
        }
        assert_eq!(passed, expected);
    }
}

fn written(answer: &Answer) -> Value {
    let mut said = Value::Null;
    answer.write(|line| said = json(line));
    said
}
