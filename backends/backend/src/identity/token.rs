use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::{Error, Kind};

/// A workload identity token: a signed JWT (RFC 7519). It is a credential until it expires.
#[derive(Clone, Debug)]
pub struct WorkloadToken(SecretString);

/// What the claims of interest look like on the wire; `aud` is a string or an array of them (RFC 7519,
/// section 4.1.3).
#[derive(Deserialize)]
struct Claims {
    iss: Option<serde_json::Value>,
    aud: Option<serde_json::Value>,
    sub: Option<serde_json::Value>,
}

impl WorkloadToken {
    /// Takes what `origin` gave, if it has the three parts of a JWT; whether it is a good one is for the
    /// store to say.
    pub(super) fn new(text: SecretString, origin: impl fmt::Display) -> Result<Self, Error> {
        Self::recognize(text).ok_or_else(|| {
            Error::new(Kind::Invalid, format!("{origin} is not a JWT"))
                .help("a JWT is three parts of base64url with a dot between them, on one line")
        })
    }

    /// Takes a token that was got in another way, `None` if it does not have the three parts of a JWT.
    pub fn recognize(token: SecretString) -> Option<Self> {
        let text = token.expose_secret();
        let well_formed = text.split('.').count() == 3
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        well_formed.then_some(Self(token))
    }

    /// The token itself, to send to the store.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The strings of one claim as the token states them: one, or those of an array, as `aud` may be (RFC 7519, section
    /// 4.1.3). Empty where the claim is not there, is something else or can't be read; nobody has verified it.
    pub fn claim(&self, name: &str) -> Vec<String> {
        let stated = || {
            let payload = self.0.expose_secret().split('.').nth(1)?;
            let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
            let mut claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
            match claims.get_mut(name)?.take() {
                serde_json::Value::String(one) => Some(vec![one]),
                // All of them or none: half of what a token states is something else.
                many @ serde_json::Value::Array(_) => serde_json::from_value(many).ok(),
                _ => None,
            }
        };
        stated().unwrap_or_default()
    }

    /// Issuer, audience and subject as the token states them, for the message about a refused login; none of
    /// them is secret. `None` if it can't be read.
    pub fn claims(&self) -> Option<String> {
        let payload = self.0.expose_secret().split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        let stated: Vec<_> = [
            ("iss", claims.iss),
            ("aud", claims.aud),
            ("sub", claims.sub),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value?)))
        .collect();
        Some(stated.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_and_debug_is_silent() {
        let payload = URL_SAFE_NO_PAD.encode(
            r#"{"iss":"https://token.actions.githubusercontent.com","aud":["vault"],"sub":"repo:acme/app:ref:refs/heads/main","exp":1}"#,
        );
        let text = format!("aGVhZA.{payload}.c2ln");
        let token = WorkloadToken::new(text.clone().into(), "it").unwrap();
        assert_eq!(
            token.claims().unwrap(),
            r#"iss "https://token.actions.githubusercontent.com", aud ["vault"], sub "repo:acme/app:ref:refs/heads/main""#
        );
        assert!(!format!("{token:?}").contains(&text));
        assert_eq!(token.secret().expose_secret(), text);
        assert_eq!(token.claim("aud"), ["vault"]);
        assert_eq!(token.claim("sub"), ["repo:acme/app:ref:refs/heads/main"]);
        for other in ["exp", "nbf"] {
            assert!(token.claim(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn what_is_no_jwt_is_not_sent_anywhere() {
        for text in ["", "abc", "a.b", "a.b.c.d", "a.b.c\nX-Evil: 1", "a b.c.d"] {
            let error = WorkloadToken::new(text.into(), "it").unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
        }
    }
}
