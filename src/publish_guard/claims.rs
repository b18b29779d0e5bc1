//! What an identity token states of this job. Nobody has verified it: that is for the store that it is shown to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cargo_credential_bridge_backend::ExposeSecret as _;
use cargo_credential_bridge_backend::identity::WorkloadToken;
use serde_json::{Map, Value};

use super::shown;

/// The claims of a token.
#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// Those of a token, `None` if it can't be read.
    pub(crate) fn of(token: &WorkloadToken) -> Option<Self> {
        let payload = token.secret().expose_secret().split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&payload).ok().map(Self)
    }

    /// The claim at a path, in which a dot may be a part of a name or lead into an object: the longest name counts.
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        find(&self.0, path)
    }

    /// The values of the claim at a path as text: one, or those of an array. Empty where there is no such claim, and where it
    /// is something that has no text.
    pub(crate) fn texts(&self, path: &str) -> Vec<String> {
        match self.get(path) {
            Some(Value::Array(many)) => many.iter().filter_map(text).collect(),
            Some(one) => text(one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The names of all claims, as a list for people.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.0.keys().map(|name| shown(name)).collect();
        names.join(", ")
    }
}

fn find<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    let mut dots = path.rmatch_indices('.');
    dots.find_map(|(dot, _)| {
        let inner = object.get(&path[..dot])?.as_object()?;
        find(inner, &path[dot + 1..])
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_with_dots_and_objects_behind_them() {
        let Value::Object(claims) = json!({
            "ref": "refs/heads/main",
            "run_number": 7,
            "ref_protected": true,
            "groups": ["a", 1, { "b": 2 }],
            "kubernetes.io": { "namespace": "ci", "pod": { "name": "p" } },
            "a": { "b.c": "inner" },
            "a.b": { "c": "outer" },
            "x": null,
        }) else {
            panic!("an object");
        };
        let claims = Claims(claims);
        for (path, expected) in [
            ("ref", &["refs/heads/main"][..]),
            ("run_number", &["7"]),
            ("ref_protected", &["true"]),
            ("groups", &["a", "1"]),
            ("kubernetes.io.namespace", &["ci"]),
            ("kubernetes.io.pod.name", &["p"]),
            ("kubernetes.io", &[]),
            ("kubernetes", &[]),
            ("a.b.c", &["outer"]),
            ("x", &[]),
            ("ref.x", &[]),
            ("", &[]),
        ] {
            assert_eq!(claims.texts(path), expected, "{path}");
        }
    }
}
