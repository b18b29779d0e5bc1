//! What Vault answers, as far as it concerns us.
//!
//! Source: Vault's HTTP API pages "KV secrets engine (v1, v2)", "Auth methods" and "Response wrapping". Every field may be
//! missing or null: Vault leaves out what is empty.

use core::time::Duration;
use std::collections::BTreeMap;

use cargo_credential_bridge_backend::{Binding, Error, Fields, Kind, SecretString};
use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::dialect::Dialect;

/// Where people say which registries a secret is for.
const SAID_IN: &str = "the custom metadata `index-url`";

/// One answer, with what it answers to.
pub(crate) struct Answer {
    pub(crate) dialect: Dialect,
    pub(crate) status: StatusCode,
    /// Method and URL of the request.
    pub(crate) request: String,
    /// The server, for messages.
    pub(crate) origin: String,
    pub(crate) body: Vec<u8>,
}

/// The envelope of everything that is read.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) lease_id: Option<String>,
    #[serde(default)]
    pub(crate) lease_duration: Option<u64>,
}

/// `data` of a KV v2 read.
#[derive(Deserialize)]
pub(crate) struct Versioned<'a> {
    #[serde(borrow, default)]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) metadata: Option<Metadata>,
}

/// What KV v2 says about a version.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    #[serde(default)]
    pub(crate) version: Option<u64>,
    #[serde(default)]
    pub(crate) deletion_time: Option<String>,
    #[serde(default)]
    pub(crate) destroyed: bool,
    #[serde(default)]
    custom_metadata: Option<CustomMetadata>,
}

/// What people keep beside all versions of a secret, as far as it is for us: texts, whatever they are.
#[derive(Deserialize)]
struct CustomMetadata {
    #[serde(default, rename = "index-url")]
    index_url: Option<String>,
}

/// `data` of `sys/internal/ui/mounts/PATH`: what is mounted there.
#[derive(Deserialize)]
pub(crate) struct Mount {
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) r#type: Option<String>,
    #[serde(default)]
    pub(crate) options: Option<MountOptions>,
}

#[derive(Deserialize)]
pub(crate) struct MountOptions {
    #[serde(default)]
    pub(crate) version: Option<String>,
}

/// The answer to a login.
#[derive(Deserialize)]
pub(crate) struct LoginAnswer {
    #[serde(default)]
    pub(crate) auth: Option<Auth>,
}

#[derive(Deserialize)]
pub(crate) struct Auth {
    #[serde(default)]
    client_token: Option<String>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    lease_duration: Option<u64>,
}

/// `data` of an unwrapped secret id.
#[derive(Deserialize)]
pub(crate) struct Unwrapped {
    #[serde(default)]
    pub(crate) secret_id: Option<String>,
}

/// Which registries a secret is for that may be one of a KV engine, by the whole of what Vault says of it. Whatever else is
/// said, and in whatever form: what can't be understood is not the same as nothing.
pub(crate) fn binding_of_all(data: &RawValue) -> Option<Binding> {
    let way = ["metadata", "custom_metadata", "index-url"];
    let said = way
        .into_iter()
        .try_fold(data, |json, name| Fields::parse(json.get())?.get(name))?;
    let urls = match serde_json::from_str::<Option<String>>(said.get()) {
        Ok(urls) => urls?,
        Err(_) => said.get().to_owned(),
    };
    Some(Binding {
        said_in: SAID_IN.to_owned(),
        urls,
    })
}

/// What Vault's failures have. A read that finds nothing may come with warnings in the place of errors.
#[derive(Deserialize)]
struct Failed {
    #[serde(default)]
    errors: Option<Vec<String>>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

impl Answer {
    /// The body as `T`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if it is something else. The parser's own words are left out: they may quote it.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        self.object().ok_or_else(|| self.foreign(Kind::Invalid))
    }

    /// The error, of the kind that its status calls for, for an answer that Vault does not give.
    pub(crate) fn foreign(&self, kind: Kind) -> Error {
        Error::new(
            kind,
            format!("the answer of `{}` is not {}'s", self.origin, self.dialect),
        )
        .because(format!(
            "{} answered {} with {}",
            self.request,
            self.status,
            self.shape()
        ))
        .help("check the address: a proxy, a login page or another service may answer in its place")
    }

    /// What was asked and answered, for messages.
    pub(crate) fn described(&self) -> String {
        let answered = format!("{} answered {}", self.request, self.status);
        if self.is_vaults() {
            return answered;
        }
        format!("{answered} with {}", self.shape())
    }

    /// The server's own words, one after the other: Vault's errors, or else its warnings; the text of
    /// something else that stands in Vault's place and does not answer in JSON or HTML.
    pub(crate) fn words(&self) -> Vec<String> {
        if let Some(failed) = self.object::<Failed>() {
            let errors = failed.errors.filter(|errors| !errors.is_empty());
            return errors.or(failed.warnings).unwrap_or_default();
        }
        match str::from_utf8(&self.body) {
            Ok(text) if self.is_failure() && !text.trim_start().starts_with(['<', '{', '[']) => {
                vec![text.to_owned()]
            }
            _ => Vec::new(),
        }
    }

    /// Whether it is Vault's, and without any error in it.
    pub(crate) fn has_no_errors(&self) -> bool {
        let failed = self.object::<Failed>();
        let errors = failed.and_then(|failed| failed.errors).unwrap_or_default();
        errors.is_empty() && self.is_vaults()
    }

    fn is_failure(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error()
    }

    /// Whether the body is JSON that Vault's failures are made of: `errors`, or the envelope of everything
    /// that is read, which the KV engine sends with a 404 too.
    pub(crate) fn is_vaults(&self) -> bool {
        serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(&self.body).is_ok_and(|fields| {
            ["errors", "request_id"]
                .iter()
                .any(|&name| fields.contains_key(name))
        })
    }

    /// The body, if it is a JSON object with the fields of `T`; a structure could be read from an array too.
    fn object<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        self.body
            .trim_ascii_start()
            .starts_with(b"{")
            .then(|| serde_json::from_slice(&self.body).ok())
            .flatten()
    }

    /// What a body looks like, without quoting it.
    fn shape(&self) -> &'static str {
        let is_json = || serde_json::from_slice::<IgnoredAny>(&self.body).is_ok();
        match self.body.trim_ascii_start().first() {
            None => "an empty body",
            _ if str::from_utf8(&self.body).is_err() => "something that is not text",
            Some(b'<') => "an HTML page",
            Some(b'{' | b'[' | b'"') if is_json() => "JSON of another shape",
            Some(b'{' | b'[') => "broken JSON",
            Some(_) => "text that is not JSON",
        }
    }
}

impl Envelope<'_> {
    /// How long the secret lives, if it is leased: dynamic secrets are, those in a KV engine are not,
    /// although KV v1 reports a `lease_duration`.
    pub(crate) fn lease(&self) -> Option<Duration> {
        self.lease_id
            .as_deref()
            .is_some_and(|id| !id.is_empty())
            .then(|| Duration::from_secs(self.lease_duration.unwrap_or_default()))
    }
}

impl Auth {
    /// How long the token lives; a token without an end has a duration of 0.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.lease_duration
            .filter(|&seconds| seconds > 0)
            .map(Duration::from_secs)
    }

    /// The token and whether it is a batch token, which can't be revoked and dies by itself.
    pub(crate) fn into_token(self) -> Option<(SecretString, bool)> {
        let token = self.client_token.filter(|token| !token.is_empty())?;
        let is_batch = self.token_type.as_deref() == Some("batch");
        Some((token.into(), is_batch))
    }
}

impl Versioned<'_> {
    /// Which registries the secret is for, if its custom metadata says so.
    pub(crate) fn binding(&self) -> Option<Binding> {
        let custom = self.metadata.as_ref()?.custom_metadata.as_ref()?;
        Some(Binding {
            said_in: SAID_IN.to_owned(),
            urls: custom.index_url.clone()?,
        })
    }
}

impl Metadata {
    /// Whether the version was there once.
    pub(crate) fn is_gone(&self) -> bool {
        self.destroyed
            || self
                .deletion_time
                .as_deref()
                .is_some_and(|time| !time.is_empty())
    }
}

impl Mount {
    /// The version of the KV engine, if it is one. Engines made before there were two have no version.
    pub(crate) fn kv_version(&self) -> Option<&str> {
        if !matches!(self.r#type.as_deref(), Some("kv" | "generic")) {
            return None;
        }
        Some(
            self.options
                .as_ref()
                .and_then(|options| options.version.as_deref())
                .unwrap_or("1"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_metadata_says_is_heard_in_whatever_form() {
        for (metadata, expected) in [
            (
                r#"{"custom_metadata":{"index-url":"https://h/"}}"#,
                Some("https://h/"),
            ),
            (
                r#"{"version":"3","custom_metadata":{"index-url":"https://h/"}}"#,
                Some("https://h/"),
            ),
            (
                r#"{},"metadata":{"custom_metadata":{"index-url":"https://h/"}}"#,
                Some("https://h/"),
            ),
            (
                r#"{"custom_metadata":{"index-url":["https://h/"]}}"#,
                Some(r#"["https://h/"]"#),
            ),
            (r#"{"custom_metadata":{"index-url":null}}"#, None),
            (r#"{"custom_metadata":null}"#, None),
            ("7", None),
        ] {
            let data = format!(r#"{{"data":{{"token":"t"}},"metadata":{metadata}}}"#);
            let data: &RawValue = serde_json::from_str(&data).unwrap();
            let binding = binding_of_all(data).map(|binding| binding.urls);
            assert_eq!(binding.as_deref(), expected, "{metadata}");
        }
    }
}
