//! Reading one secret, and telling apart why there is none.

use core::time::Duration;

use cargo_credential_bridge_backend::{Binding, Error, Fetched, Kind, Known, Payload};
use http::StatusCode;
use serde_json::value::RawValue;
use vaultrs::api::kv1::requests::GetSecretRequest;
use vaultrs::api::kv2::requests::ReadSecretRequest;

use crate::answer::{self, Answer, Envelope, Metadata, Mount, Versioned};
use crate::client::Session;
use crate::config::{KvVersion, Reference};
use crate::error::{self, Access, Action};
use crate::path::VaultPath;

impl Session {
    /// Reads any path that can be read, and takes `data` as it is.
    pub(crate) async fn read_raw(
        &mut self,
        reference: &Reference,
        path: &VaultPath,
    ) -> Result<Fetched, Error> {
        let request = self.raw_request(path)?;
        let answer = self.send(&request).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(Access::Read, reference.to_string(), path.as_str(), &answer));
        }
        let envelope: Envelope<'_> = answer.read()?;
        // Vault revokes a lease when the token that it was read by expires, however long the lease is.
        let login = self.login.as_ref().and_then(|login| login.lifetime);
        let lease = envelope
            .lease()
            .map(|lease| login.map_or(lease, |login| lease.min(login)));
        self.is_leased = lease.is_some();
        // It may be the way of the API to a secret of a KV engine, which is for nobody else on this way.
        let binding = envelope.data.and_then(answer::binding_of_all);
        fetched(envelope.data, lease, binding, &answer, reference)
    }

    /// Reads a secret of the KV engine.
    pub(crate) async fn read_kv(
        &self,
        reference: &Reference,
        path: &VaultPath,
        version: Option<u64>,
    ) -> Result<Fetched, Error> {
        let place = self.place(reference);
        if self.kv_version == KvVersion::V1 {
            let request = self.kv1_request(reference, path, version)?;
            let answer = self.send_again(&request).await?;
            if answer.status != StatusCode::OK {
                let full = format!("{}/{path}", self.mount);
                let refused = self.kv_refused(Access::Read, place, &full, path, &answer);
                return Err(refused.await);
            }
            let envelope: Envelope<'_> = answer.read()?;
            return fetched(envelope.data, None, None, &answer, reference);
        }

        let request = self.kv2_request(reference, path, version)?;
        let answer = self.send_again(&request).await?;
        // A deleted or destroyed version is a 404 that still says what there was.
        if answer.status == StatusCode::OK || answer.status == StatusCode::NOT_FOUND {
            match (versioned(&answer), answer.status) {
                (Some(versioned), StatusCode::OK) if versioned.data.is_some() => {
                    let binding = versioned.binding();
                    let mut fetched = fetched(versioned.data, None, binding, &answer, reference)?;
                    let version = versioned.metadata.and_then(|metadata| metadata.version);
                    fetched.known.version = version.map(|version| version.to_string());
                    return Ok(fetched);
                }
                (
                    Some(Versioned {
                        metadata: Some(metadata),
                        ..
                    }),
                    _,
                ) if metadata.is_gone() => {
                    return Err(self.gone(path, &metadata, &answer));
                }
                (_, StatusCode::OK) => return Err(answer.foreign(Kind::Invalid)),
                _ => {}
            }
        }
        let full = format!("{}/data/{path}", self.mount);
        Err(self
            .kv_refused(Access::Read, place, &full, path, &answer)
            .await)
    }

    fn place(&self, reference: &Reference) -> String {
        format!("{reference} in the mount `{}`", self.mount)
    }

    /// The read of any path.
    pub(crate) fn raw_request(&self, path: &VaultPath) -> Result<GetSecretRequest, Error> {
        let Some((mount, rest)) = path.split_first() else {
            return Err(Error::new(
                Kind::Invalid,
                format!("`{path}` is only a mount: a raw path has the mount and a path in it"),
            ));
        };
        Ok(GetSecretRequest {
            mount: mount.to_owned(),
            path: rest.to_owned(),
        })
    }

    /// The read of a secret in a KV engine of version 1.
    pub(crate) fn kv1_request(
        &self,
        reference: &Reference,
        path: &VaultPath,
        version: Option<u64>,
    ) -> Result<GetSecretRequest, Error> {
        if version.is_some() {
            let place = self.place(reference);
            return Err(
                Error::new(Kind::Invalid, format!("{place} has no versions"))
                    .because("the backend says `kv-version = 1`")
                    .help("leave out `version`, or set `kv-version = 2` if the engine is one"),
            );
        }
        Ok(GetSecretRequest {
            mount: self.mount.as_str().to_owned(),
            path: path.as_str().to_owned(),
        })
    }

    /// The read of a secret in a KV engine of version 2.
    pub(crate) fn kv2_request(
        &self,
        reference: &Reference,
        path: &VaultPath,
        version: Option<u64>,
    ) -> Result<ReadSecretRequest, Error> {
        self.check_kv_path(&self.place(reference), path)?;
        Ok(ReadSecretRequest {
            mount: self.mount.as_str().to_owned(),
            path: path.as_str().to_owned(),
            version,
        })
    }

    /// A secret's path in the KV engine is not its path in the API.
    pub(crate) fn check_kv_path(&self, place: &str, path: &VaultPath) -> Result<(), Error> {
        if path.split_first().is_none_or(|(first, _)| first != "data") {
            return Ok(());
        }
        Err(Error::new(
            Kind::Invalid,
            format!("{place} starts with `data/`, which is a part of the API and not of the path"),
        )
        .help(format!(
            "leave `data/` out; a secret that really is below `data/` is read by `raw-path = \"{}/data/{path}\"`",
            self.mount
        )))
    }

    /// The error for a refused request to the KV engine. The likeliest mistakes, a wrong `kv-version` and a
    /// mistyped mount, look to the server like a missing secret or a missing right, so what is mounted there
    /// is asked as well, as `vault kv get` asks it.
    pub(crate) async fn kv_refused(
        &self,
        access: Access,
        place: String,
        full: &str,
        path: &VaultPath,
        answer: &Answer,
    ) -> Error {
        let error = self.refused(access, place, full, answer);
        if !matches!(error.kind(), Kind::NotFound | Kind::PermissionDenied) {
            return error;
        }
        let Some(actual) = self.mounted_version(path).await else {
            return error;
        };
        let configured = self.kv_version.to_string();
        if actual == configured {
            return error;
        }
        Error::new(
            Kind::Invalid,
            format!("the mount `{}` is a KV engine of version {actual}, and it was read as version {configured}", self.mount),
        )
        .because(format!("{} answered {}", answer.request, answer.status))
        .help(format!("set `kv-version = {actual}` on the backend"))
    }

    /// The version of the KV engine at our mount, `None` if it can't be known.
    async fn mounted_version(&self, path: &VaultPath) -> Option<String> {
        let request = GetSecretRequest {
            mount: "sys/internal/ui/mounts".to_owned(),
            path: format!("{}/{path}", self.mount),
        };
        // It only makes a message better.
        let limit = self.context.deadline.for_detail();
        let answer = tokio::time::timeout(limit, self.send(&request))
            .await
            .ok()?
            .ok()?;
        if answer.status != StatusCode::OK {
            return None;
        }
        let envelope: Envelope<'_> = answer.read().ok()?;
        let mount: Mount = serde_json::from_str(envelope.data?.get()).ok()?;
        let is_ours = mount.path.as_deref().map(|path| path.trim_end_matches('/'))
            == Some(self.mount.as_str());
        // It goes into a message: what is no version is not repeated.
        mount
            .kv_version()
            .filter(|version| is_ours && matches!(*version, "1" | "2"))
            .map(str::to_owned)
    }

    fn refused(&self, access: Access, place: String, path: &str, answer: &Answer) -> Error {
        let identity = self
            .login
            .as_ref()
            .map_or("this job", |login| &login.identity);
        // A raw path begins with its mount, which may have several segments itself.
        let mount = match path.strip_prefix(self.mount.as_str()) {
            Some(_) => self.mount.as_str(),
            None => path.split('/').next().unwrap_or(path),
        };
        let action = Action::Secret {
            access,
            place,
            path,
            mount,
            identity,
        };
        error::classify(&action, answer, self.dialect, &self.http)
    }

    /// The error for a version that was there once.
    fn gone(&self, path: &VaultPath, metadata: &Metadata, answer: &Answer) -> Error {
        let place = format!("the path `{path}` in the mount `{}`", self.mount);
        let version = metadata.version.map_or_else(
            || "the version".to_owned(),
            |version| format!("version {version}"),
        );
        let cli = self.dialect.cli();
        let number = metadata.version.unwrap_or_default();
        let asked = format!("{} answered {}", answer.request, answer.status);
        if metadata.destroyed {
            return Error::new(
                Kind::NotFound,
                format!("{version} of {place} was destroyed"),
            )
            .because(asked)
            .help("what was destroyed can't come back: write the secret anew");
        }
        let when = metadata
            .deletion_time
            .as_deref()
            .filter(|time| !time.is_empty())
            .map(|time| format!(" at {}", self.http.quote(time)))
            .unwrap_or_default();
        Error::new(
            Kind::NotFound,
            format!("{version} of {place} was deleted{when}"),
        )
        .because(asked)
        .help(format!(
            "`{cli} kv undelete -mount={} -versions={number} {path}` brings it back",
            self.mount
        ))
    }
}

/// `data` of a KV v2 read, `None` if the answer has no such thing.
pub(crate) fn versioned(answer: &Answer) -> Option<Versioned<'_>> {
    let envelope: Envelope<'_> = answer.read().ok()?;
    let data = envelope.data?.get();
    // A structure could be read from an array too.
    data.starts_with('{')
        .then(|| serde_json::from_str(data).ok())
        .flatten()
}

/// What was read, if it is a set of fields.
fn fetched(
    data: Option<&RawValue>,
    lifetime: Option<Duration>,
    binding: Option<Binding>,
    answer: &Answer,
    reference: &Reference,
) -> Result<Fetched, Error> {
    let fields = data.map(RawValue::get).filter(|data| data.starts_with('{'));
    let Some(fields) = fields else {
        return Err(
            Error::new(Kind::Invalid, format!("{reference} holds no fields"))
                .because(format!("{} answered {}", answer.request, answer.status)),
        );
    };
    Ok(Fetched {
        payload: Payload::Fields(fields.into()),
        lifetime,
        binding,
        warnings: Vec::new(),
        known: Known::default(),
    })
}
