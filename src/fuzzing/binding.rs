//! The index URL of a registry, the path of a field, what a store says of a secret, and the secret.

use cargo_credential_bridge_backend::{Binding, ExposeSecret as _, Kind, Payload};
use serde_json::Value;

use super::{TOKEN, line};
use crate::registry::IndexUrl;
use crate::token::Asked;

/// A token is given only if all that is said on the way to it names the registry, and no refusal has the token.
pub(super) fn laws(mut text: &str) {
    let [url, field, said] = [(); 3].map(|()| line(&mut text));
    let asked = Asked {
        url,
        place: "the secret",
    };
    let said = (!said.is_empty()).then(|| Binding {
        said_in: "the tag".to_owned(),
        urls: said.to_owned(),
    });
    let payload = Payload::Bytes(text.as_bytes().to_vec().into());
    let field = (!field.is_empty()).then_some(field);
    let mut all = Vec::new();
    if let Ok(object @ Value::Object(_)) = serde_json::from_str(text) {
        on_the_way(&object, field.unwrap_or_default(), &mut all);
    }
    all.extend(said.iter().map(|said| Value::from(said.urls.as_str())));
    let is_ours = all.iter().all(|said| names(said, url));
    match asked.select(&payload, said.as_ref(), field) {
        Ok(selected) => {
            assert!(is_ours, "{url} is not in {all:?}");
            assert_eq!(selected.said_in.len(), all.len());
        }
        Err(error) => {
            if error.kind() == Kind::PermissionDenied {
                assert!(!is_ours);
            }
            // Said by the secret itself or by its store, it is no secret to whoever may read that.
            if token_of(text, field).as_deref() == Some(TOKEN) && !url.contains(TOKEN) {
                assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
            }
        }
    }
}

/// What each object says that the field is in.
fn on_the_way(object: &Value, field: &str, all: &mut Vec<Value>) {
    all.extend(object.get("index-url").cloned());
    if object.get(field).is_none()
        && let Some((first, rest)) = field.split_once('.')
        && let Some(inside @ Value::Object(_)) = object.get(first)
    {
        on_the_way(inside, rest, all);
    }
}

/// Whether the registry is one of those that are said.
fn names(said: &Value, url: &str) -> bool {
    let url = url.parse::<IndexUrl>();
    let is_it = |text: &str| url.is_ok() && text.parse() == url;
    let has_it = |text: &str| text.split_whitespace().any(is_it);
    match said {
        Value::String(text) => has_it(text),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).any(has_it),
        _ => false,
    }
}

/// The token as it is selected where nothing is said of registries.
fn token_of(text: &str, field: Option<&str>) -> Option<String> {
    let mut object: Value = serde_json::from_str(text).ok()?;
    object.as_object_mut()?.remove("index-url");
    let payload = Payload::Bytes(object.to_string().into_bytes().into());
    let asked = Asked { url: "", place: "" };
    let selected = asked.select(&payload, None, field).ok()?;
    Some(selected.text.expose_secret().to_owned())
}
