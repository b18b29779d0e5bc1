//! Access keys.

use serde_json::Value;

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// `AWS_ACCESS_KEY_ID`.
    pub id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
    /// `AWS_SESSION_TOKEN`, where the key is that of a session.
    pub token: Option<String>,
}

impl Keys {
    /// What AWS gives for a user's key or for a session.
    ///
    /// # Panics
    /// If it is neither.
    #[must_use]
    pub fn of(given: &Value) -> Self {
        let part = |name: &str| given[name].as_str().map(str::to_owned);
        Self {
            id: part("AccessKeyId").expect("a key has an id"),
            secret: part("SecretAccessKey").expect("a key has a secret"),
            token: part("SessionToken"),
        }
    }

    /// The variables in which AWS's tools look for them.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        let token = self
            .token
            .as_deref()
            .map(|token| ("AWS_SESSION_TOKEN", token));
        [
            ("AWS_ACCESS_KEY_ID", self.id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.as_str()),
        ]
        .into_iter()
        .chain(token)
        .collect()
    }

    /// Id, secret and token, in this order.
    pub(crate) fn parts(&self) -> Vec<&str> {
        [&self.id, &self.secret]
            .into_iter()
            .chain(&self.token)
            .map(String::as_str)
            .collect()
    }
}
