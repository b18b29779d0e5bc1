//! The name of a field, a token, and a secret.

use cargo_credential_bridge_backend::{Environment, ExposeSecret as _, Fields, Kind, Payload};
use secrecy::SecretString;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{TOKEN, line};
use crate::token::{self, Asked, LAST_SECOND, Scheme};

/// What is found is in the secret, and what is not found tells nothing of it; a field that is put in is the one that is read,
/// the others stay as they are, and taken out it is gone; the value of a header is one line, with the token in it.
pub(super) fn laws(mut text: &str) {
    let (name, given) = (line(&mut text), line(&mut text));
    let token = SecretString::from(given);
    selected(name, text);
    header(&token);
    if let Some(before) = Fields::parse(text) {
        changed(&before, name, &token);
    }
}

fn selected(name: &str, secret: &str) {
    let asked = Asked {
        url: "https://crates.example.com/index",
        place: "the secret",
    };
    let model: Option<Value> = serde_json::from_str(secret).ok();
    let bytes = Payload::Bytes(secret.as_bytes().to_vec().into());
    let payloads = [
        Some(bytes),
        model.is_some().then(|| Payload::Fields(secret.into())),
    ];
    for payload in payloads.into_iter().flatten() {
        assert!(!format!("{payload:?}").contains(TOKEN));
        match asked.select(&payload, None, None) {
            Ok(whole) => assert_eq!(
                whole.text.expose_secret(),
                secret.trim_end_matches(['\r', '\n'])
            ),
            Err(error) => assert_ne!(error.kind(), Kind::NotFound),
        }
        match asked.select(&payload, None, Some(name)) {
            Ok(field) => {
                let text = field.text.expose_secret();
                match model.as_ref().and_then(|model| find(model, name)) {
                    Some(Value::String(model)) => {
                        assert_eq!(text, model.trim_end_matches(['\r', '\n']))
                    }
                    _ => assert!(secret.contains(text)),
                }
            }
            Err(error) => assert!(
                names_hold_it(secret)
                    || name.contains(TOKEN)
                    || !format!("{error:?}").contains(TOKEN),
                "{error:?}"
            ),
        }
    }
}

/// The field as a general parser finds it.
fn find<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    object.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(object.get(first)?, rest)
    })
}

/// Whether the token is the name of a field, which is told, or a URL in `index-url`, which is another target's.
fn names_hold_it(secret: &str) -> bool {
    secret.contains("index-url")
        || Fields::parse(secret).is_some_and(|fields| format!("{fields:?}").contains(TOKEN))
        || {
            // A name further down, or one with escapes.
            secret.match_indices(TOKEN).any(|(at, _)| {
                secret[at..]
                    .split_once('"')
                    .is_some_and(|(_, rest)| rest.trim_start().starts_with(':'))
            })
        }
}

fn header(token: &SecretString) {
    let place = "the secret";
    let environment = Environment::fixed([("", ""); 0], "/");
    for scheme in ["raw", "Bearer", "Token token={token};"] {
        let scheme = Scheme::new(scheme, None, None).expect("there is such a scheme");
        let outcome = scheme.apply(token, |_| Ok("".into()), place, &environment);
        assert_eq!(outcome.is_ok(), token::check(token, place).is_ok());
        match outcome {
            Ok(value) => {
                let value = value.expose_secret();
                assert!(value.contains(token.expose_secret()));
                assert!(
                    value
                        .bytes()
                        .all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
                );
            }
            Err(error) => assert!(!format!("{error:?}").contains(TOKEN)),
        }
    }
    if let Some(expiration) = token::jwt_expiration(token) {
        assert!((0..=LAST_SECOND).contains(&expiration));
    }
}

fn changed(before: &Fields<'_>, name: &str, token: &SecretString) {
    let json = before.with(name, token);
    let after = Fields::parse(json.expose_secret()).expect("what is written is an object");
    let read = after.text(name).expect("what is written can be read");
    assert_eq!(read.expose_secret(), token.expose_secret());
    let json = after.without(name).expect("it was put in");
    let without = Fields::parse(json.expose_secret()).expect("what is written is an object");
    assert!(without.get(name).is_none());
    let first = name.split('.').next().unwrap_or(name);
    for other in before.names() {
        let [was, with, is] =
            [before, &after, &without].map(|fields| fields.get(other).map(RawValue::get));
        if other != name && other != first {
            assert_eq!((was, was), (with, is), "{other:?}");
        }
    }
    let merged = before.merged(before, &after);
    let merged = Fields::parse(merged.expose_secret()).expect("what is written is an object");
    for name in after.names() {
        let [is, ours] = [&after, &merged].map(|fields| fields.get(name).map(RawValue::get));
        assert_eq!(is, ours, "{name:?}");
    }
}
