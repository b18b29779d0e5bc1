//! What Vault answers to a login by JWT, and to the read after it.

use cargo_credential_bridge_vault::Vault;
use serde_json::{Value, json};

use crate::TOKEN;
use crate::store::{Asked, ask, bound_to, payload};

/// A secret of the KV engine, which is `data` in `data`.
pub(crate) fn path(data: &[u8]) {
    laws(data, json!({ "path": "ci/cargo" }), &["data", "data"]);
}

/// The same by the path of the API, which is all of `data`.
pub(crate) fn raw_path(data: &[u8]) {
    laws(
        data,
        json!({ "raw-path": "secret/data/ci/cargo" }),
        &["data"],
    );
}

/// The secret is the one of the answer, and if its metadata names registries it is for no other; the token of the login is in
/// no message.
fn laws(data: &[u8], reference: Value, way: &[&str]) {
    let config = |address: &str| {
        json!({
            "address": address,
            "auth": { "method": "jwt", "role": "ci", "identity": { "env": "IDENTITY" } },
        })
    };
    let Asked { outcome, answers } = ask::<Vault>(data, config, reference);
    let Some(login) = answers.first() else {
        return;
    };
    let is_login = login.status == 200 && login.json["auth"]["client_token"] == TOKEN;
    match outcome {
        Err(error) => assert!(
            !is_login || !format!("{error:?}").contains(TOKEN),
            "{error:?}"
        ),
        Ok(fetched) => {
            let read = &answers[1];
            let text = str::from_utf8(payload(&fetched)).expect("JSON is text");
            assert!(read.text.as_deref().is_some_and(|body| body.contains(text)));
            let mut secret = &read.json;
            for name in way {
                secret = &secret[name];
            }
            assert_eq!(
                serde_json::from_str::<Value>(text).ok().as_ref(),
                Some(secret)
            );
            let said = &read.json["data"]["metadata"]["custom_metadata"]["index-url"];
            let bound_to = bound_to(&fetched);
            match said {
                Value::String(said) => assert_eq!(bound_to, Some(said.as_str())),
                said => assert_eq!(bound_to.is_some(), !said.is_null()),
            }
        }
    }
}
