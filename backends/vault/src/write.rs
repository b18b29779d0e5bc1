//! Writing one secret: a new version by check-and-set, made of the version that was read.
//!
//! Source: Vault's page "KV secrets engine version 2 (API)", and the reference of `vault kv`.

use cargo_credential_bridge_backend::{
    Binding, Change, Edit, Error, ExposeSecret as _, Kind, Payload, SecretString, Written,
    shell_word,
};
use http::StatusCode;
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde_json::value::RawValue;
use vaultrs::api::kv2::requests::{DeleteLatestSecretVersionRequest, ReadSecretRequest};

use crate::answer::{Answer, Envelope, Metadata};
use crate::by_hand::command;
use crate::client::Session;
use crate::config::{KvVersion, Place, Reference};
use crate::error::Access;
use crate::path::VaultPath;
use crate::read::versioned;

/// A new version of a secret, with the fields as they are written: that of `vaultrs` takes them apart.
struct SetSecret<'a> {
    mount: &'a str,
    path: &'a str,
    fields: &'a SecretString,
    /// The version that must be the newest, 0 if there must be none.
    cas: u64,
}

impl Endpoint for SetSecret<'_> {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("{}/data/{}", self.mount, self.path)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        let fields = self.fields.expose_secret();
        let body = format!(r#"{{"options":{{"cas":{}}},"data":{fields}}}"#, self.cas);
        Ok(Some(body.into_bytes()))
    }
}

/// What there is before a write.
struct Current {
    /// The newest version, 0 if there is none.
    version: u64,
    /// What is in it, `None` if it is deleted.
    payload: Option<Payload>,
    /// What is said of all versions.
    binding: Option<Binding>,
}

/// A version that was refused.
struct Refused {
    cas: u64,
    answer: Answer,
    /// Whether there was something to go back to.
    had_payload: bool,
}

impl Session {
    /// Makes the change, anew where somebody else was first.
    pub(crate) async fn write(
        &mut self,
        reference: &Reference,
        edit: &Edit<'_>,
    ) -> Result<Written, Error> {
        let path = self.writable_path(reference)?;
        let place = format!("{reference} in the mount `{}`", self.mount);
        self.check_kv_path(&place, &path)?;
        if let Change::Set(token) = edit.change {
            self.http.conceal(token);
        }
        self.log_in().await?;
        let mut refused: Option<Refused> = None;
        for _ in 0..Edit::ROUNDS {
            let access = match edit.field {
                None if edit.is_erasure() => Access::Delete,
                _ => Access::Write,
            };
            let current = self.current(access, &place, &path).await?;
            if let Some(refused) = refused {
                // Refused although nobody was first: it was something else. Vault has one status for both.
                if current.version == refused.cas {
                    return Err(self.write_refused(place, &path, &refused.answer).await);
                }
                // Our own, where an answer got lost on the way and the request was sent again.
                if edit.is_in_force(current.payload.as_ref()) {
                    let is_next = current.version == refused.cas + 1;
                    return Ok(Written {
                        version: Some(current.version.to_string()),
                        undo: (is_next && refused.had_payload)
                            .then(|| self.rollback(refused.cas, &path)),
                    });
                }
            }
            let said = current.binding.as_ref();
            let after = match edit.apply(current.payload.as_ref(), said, &place)? {
                Some(Payload::Fields(after)) => after,
                Some(Payload::Bytes(_)) => return Err(self.no_field()),
                None => return self.delete(place, &path, &current).await,
            };
            let answer = self.set(&path, &after, current.version).await?;
            if answer.status == StatusCode::OK {
                let envelope: Envelope<'_> = answer.read()?;
                let written = envelope.data.map(RawValue::get).unwrap_or_default();
                let written: Metadata = serde_json::from_str(written)
                    .map_err(|_| Written::in_doubt(answer.foreign(Kind::Invalid)))?;
                return Ok(Written {
                    version: written.version.map(|version| version.to_string()),
                    undo: current
                        .payload
                        .map(|_| self.rollback(current.version, &path)),
                });
            }
            if answer.status != StatusCode::BAD_REQUEST {
                return Err(self.write_refused(place, &path, &answer).await);
            }
            refused = Some(Refused {
                cas: current.version,
                answer,
                had_payload: current.payload.is_some(),
            });
        }
        Err(edit.outrun(&place))
    }

    /// The path of a secret that can be written so that what it was can be brought back.
    fn writable_path(&self, reference: &Reference) -> Result<VaultPath, Error> {
        let refused = |why: &str, help: String| {
            let what = format!("{reference} can't be written: {why}");
            Err(Error::new(Kind::Invalid, what).help(help))
        };
        match &reference.0 {
            Place::Raw { .. } => refused(
                "at a raw path may be anything, and what it was could not be brought back",
                "name it by `path`, with the `mount` of its KV engine on the backend".to_owned(),
            ),
            Place::Kv { .. } if self.kv_version == KvVersion::V1 => refused(
                "a KV engine of version 1 keeps no versions, so what it was could not be brought back",
                format!(
                    "`{} kv enable-versioning {}/` makes it one of version 2",
                    self.dialect.cli(),
                    shell_word(self.mount.as_str())
                ),
            ),
            Place::Kv {
                version: Some(_), ..
            } => refused(
                "the source would go on to read the version that it names",
                "leave out `version` where there is `write = true`".to_owned(),
            ),
            Place::Kv { path, .. } => path.resolve("path", &self.context.environment),
        }
    }

    /// What is there now.
    async fn current(
        &self,
        access: Access,
        place: &str,
        path: &VaultPath,
    ) -> Result<Current, Error> {
        let request = ReadSecretRequest {
            mount: self.mount.as_str().to_owned(),
            path: path.as_str().to_owned(),
            version: None,
        };
        let answer = self.send(&request).await?;
        let known = match answer.status {
            StatusCode::OK | StatusCode::NOT_FOUND => versioned(&answer),
            _ => None,
        };
        if let Some(known) = known
            && let Some(metadata) = &known.metadata
            && let Some(version) = metadata.version
        {
            let fields = known.data.map(RawValue::get);
            let fields = fields.filter(|data| data.starts_with('{'));
            if fields.is_some() || metadata.is_gone() {
                return Ok(Current {
                    version,
                    payload: fields.map(|fields| Payload::Fields(fields.into())),
                    binding: known.binding(),
                });
            }
        }
        if answer.status == StatusCode::OK {
            return Err(answer.foreign(Kind::Invalid));
        }
        // An engine of version 1 has nothing here either, and would keep what is meant for the API as a secret.
        let full = format!("{}/data/{path}", self.mount);
        let refused = self.kv_refused(access, place.to_owned(), &full, path, &answer);
        match refused.await {
            error if error.kind() == Kind::NotFound => Ok(Current {
                version: 0,
                payload: None,
                binding: None,
            }),
            error => Err(error),
        }
    }

    /// Writes a version. It may be sent again: what was written once is refused the second time.
    async fn set(
        &self,
        path: &VaultPath,
        fields: &SecretString,
        cas: u64,
    ) -> Result<Answer, Error> {
        let request = SetSecret {
            mount: self.mount.as_str(),
            path: path.as_str(),
            fields,
            cas,
        };
        self.send(&request).await.map_err(Written::in_doubt)
    }

    /// Deletes the newest version, which can be undeleted.
    async fn delete(
        &self,
        place: String,
        path: &VaultPath,
        current: &Current,
    ) -> Result<Written, Error> {
        let request = DeleteLatestSecretVersionRequest {
            mount: self.mount.as_str().to_owned(),
            path: path.as_str().to_owned(),
        };
        let answer = self.send(&request).await.map_err(Written::in_doubt)?;
        // A page of a proxy ends well too, and deletes nothing.
        if answer.status == StatusCode::OK && !answer.is_vaults() {
            return Err(Written::in_doubt(answer.foreign(Kind::Invalid)));
        }
        if !answer.status.is_success() {
            let full = format!("{}/data/{path}", self.mount);
            let refused = self.kv_refused(Access::Delete, place, &full, path, &answer);
            return Err(Written::in_doubt(refused.await));
        }
        // Somebody may have written one more in between.
        let now = self.current(Access::Delete, &place, path).await;
        let version = now.map_or(current.version, |now| now.version);
        Ok(Written {
            version: None,
            undo: Some(format!(
                "{} -versions={version} {}",
                self.command("undelete"),
                shell_word(path.as_str())
            )),
        })
    }

    fn no_field(&self) -> Error {
        Error::new(
            Kind::Invalid,
            format!(
                "a secret in {} is a set of fields, and the source names none",
                self.dialect
            ),
        )
        .help("add `field = \"…\"` to the source")
    }

    async fn write_refused(&self, place: String, path: &VaultPath, answer: &Answer) -> Error {
        let full = format!("{}/data/{path}", self.mount);
        let refused = self.kv_refused(Access::Write, place, &full, path, answer);
        Written::in_doubt(refused.await)
    }

    fn rollback(&self, version: u64, path: &VaultPath) -> String {
        format!(
            "{} -version={version} {}",
            self.command("rollback"),
            shell_word(path.as_str())
        )
    }

    fn command(&self, name: &str) -> String {
        let namespace = self.namespace.as_deref().map(shell_word);
        command(
            self.dialect,
            name,
            namespace.as_deref(),
            &shell_word(self.mount.as_str()),
        )
    }
}
