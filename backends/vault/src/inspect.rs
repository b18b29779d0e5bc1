//! What Vault says of a token and of a secret, for whoever looks for what is wrong.
//!
//! Source: Vault's pages "Token auth method (API)", lookup a token (self), and "KV secrets engine (v2)", read secret version.

use core::time::Duration;

use cargo_credential_bridge_backend::{Error, Fact, Inspection, Kind};
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use vaultrs::api::kv1::requests::GetSecretRequest;
use vaultrs::api::kv2::requests::ReadSecretRequest;

use crate::answer::{Answer, Envelope};
use crate::client::Session;
use crate::config::{KvVersion, Place, Reference};

/// `data` of `auth/token/lookup-self`.
#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    identity_policies: Option<Vec<String>>,
    #[serde(default)]
    ttl: Option<u64>,
}

/// `data` of a KV v2 read, without the secret.
#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    version: Option<u64>,
    #[serde(default)]
    created_time: Option<String>,
}

impl Session {
    pub(crate) async fn inspect(&self, reference: &Reference) -> Inspection {
        let Some(login) = &self.login else {
            return Inspection::default();
        };
        let lookup = GetSecretRequest {
            mount: "auth/token".to_owned(),
            path: "lookup-self".to_owned(),
        };
        let mut inspection = Inspection::default();
        match self.send(&lookup).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                inspection.identity = self.token(&answer, &login.identity);
            }
            // A login of our own was good a moment ago.
            Ok(answer) if answer.status == StatusCode::FORBIDDEN && login.revoke_in.is_none() => {
                inspection.refusal = Some(self.unknown(&answer, &login.identity));
            }
            _ => {}
        }
        inspection.secret = self.version(reference).await.unwrap_or_default();
        inspection
    }

    fn token(&self, answer: &Answer, identity: &str) -> Vec<Fact> {
        let Some(token) = data::<Token>(answer) else {
            return Vec::new();
        };
        let quoted = |text: String| self.http.quote(&text);
        let mut policies = token.policies.unwrap_or_default();
        policies.extend(token.identity_policies.unwrap_or_default());
        let lives = token.ttl.map(|seconds| match seconds {
            0 => "without an end".to_owned(),
            seconds => format!("{:?}", Duration::from_secs(seconds)),
        });
        [
            Fact::of("login", Some(identity)),
            Fact::of("identity", token.display_name.map(quoted)),
            Fact::of("policies", Some(quoted(policies.join(", ")))),
            Fact::of("ttl", lives),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The error for a token that may not even ask whose it is, as all may that have the policy `default`.
    fn unknown(&self, answer: &Answer, identity: &str) -> Error {
        let cli = self.dialect.cli();
        let said: Vec<_> = answer
            .words()
            .iter()
            .map(|words| self.http.quote(words))
            .collect();
        Error::new(
            Kind::Unauthenticated,
            format!(
                "{} does not know {identity}: it has expired, or was revoked, or lacks the policy `default`",
                self.dialect
            ),
        )
        .because(answer.described())
        .because(said.join("; "))
        .help(format!(
            "set `{}_TOKEN` to a new token, or make one by `{cli} login`; in a job, `auth` on the backend makes one each time",
            self.dialect.prefix()
        ))
    }

    /// The version of the secret, where the engine counts them.
    async fn version(&self, reference: &Reference) -> Option<Vec<Fact>> {
        let Place::Kv { path, version } = &reference.0 else {
            return None;
        };
        if self.kv_version == KvVersion::V1 {
            return None;
        }
        let path = path.resolve("path", &self.context.environment).ok()?;
        let request = ReadSecretRequest {
            mount: self.mount.as_str().to_owned(),
            path: path.as_str().to_owned(),
            version: *version,
        };
        let answer = self.send(&request).await.ok()?;
        if answer.status != StatusCode::OK {
            return None;
        }
        let metadata = data::<Version>(&answer)?.metadata?;
        let facts = [
            Fact::of("version", metadata.version.map(|number| number.to_string())),
            Fact::of(
                "created",
                metadata.created_time.map(|time| self.http.quote(&time)),
            ),
        ];
        Some(facts.into_iter().flatten().collect())
    }
}

/// `data` of an answer, if it is one.
fn data<T: for<'a> Deserialize<'a>>(answer: &Answer) -> Option<T> {
    let envelope: Envelope<'_> = answer.read().ok()?;
    let data = envelope.data.map(RawValue::get)?;
    // A structure could be read from an array too.
    data.starts_with('{')
        .then(|| serde_json::from_str(data).ok())
        .flatten()
}
