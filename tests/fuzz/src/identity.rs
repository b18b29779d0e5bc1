//! What a CI system answers that is asked for the identity of the job, and the token itself.

use std::time::Duration;

use cargo_credential_bridge_backend::identity::{Identity, WorkloadToken};
use cargo_credential_bridge_backend::{ExposeSecret as _, SecretString};

use crate::TOKEN;
use crate::store::{answer, answering, assert_told, context};

/// A token has the form of one, is the one of the answer, and is told by nothing but its claims.
pub(crate) fn laws(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data)
        && let Some(token) = WorkloadToken::recognize(SecretString::from(text))
    {
        assert_eq!(token.secret().expose_secret(), text);
        formed(&token);
    }
    let identity: Identity =
        serde_json::from_str("\"github-actions\"").expect("there is such a system");
    let (outcome, _) = answering(vec![answer(data)], |address, runtime| {
        let variables = [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", address),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "k3y-of-aws-Zq7"),
        ];
        let context = context(Duration::from_secs(10), variables);
        runtime.block_on(identity.token(None, &context))
    });
    match outcome {
        Ok(token) => {
            let said: serde_json::Value =
                serde_json::from_slice(&data[1..]).expect("it holds a token");
            assert_eq!(
                said["value"].as_str().map(str::trim),
                Some(token.secret().expose_secret())
            );
            formed(&token);
        }
        Err(error) => {
            assert_told(&error);
            assert!(
                data.first() != Some(&b'k') || !format!("{error:?}").contains(TOKEN),
                "{error:?}"
            );
        }
    }
}

fn formed(token: &WorkloadToken) {
    let text = token.secret().expose_secret();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(text.split('.').count(), 3);
    assert!(text.len() < 16 || !format!("{token:?}").contains(text));
    if let Some(claims) = token.claims() {
        assert!(!claims.contains(char::is_control), "{claims:?}");
    }
    for name in ["aud", "sub"] {
        assert!(token.claim(name).len() <= text.len());
    }
}
