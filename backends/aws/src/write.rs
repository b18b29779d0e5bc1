//! Writing one secret: a new version, which becomes the current one if that is still the one that was read.
//!
//! Source: the pages "PutSecretValue", "UpdateSecretVersionStage" and "DeleteSecret" of the API reference.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueOutput;
use aws_sdk_secretsmanager::primitives::Blob;
use cargo_credential_bridge_backend::{
    Edit, Error, ExposeSecret as _, Kind, Payload, Written, shell_word,
};

use crate::by_hand::command;
use crate::config::{Reference, Version};
use crate::policy::Access;
use crate::read::Target;
use crate::refusal::Refusal;

/// The label of the version that is in force.
const CURRENT: &str = "AWSCURRENT";

/// The label that keeps a new version until it becomes the current one. There is one for all, so that none is left
/// behind by a job that is killed: AWS takes it from one version when the next gets it, and keeps every version for a
/// day without any.
const LABEL: &str = "cargo-credential-bridge";

/// The longest that AWS keeps what is deleted.
pub(crate) const RECOVERY_DAYS: i64 = 30;

/// What there is before a write.
#[derive(Default)]
struct Current {
    /// The version, `None` if the secret has no value yet.
    version: Option<String>,
    payload: Option<Payload>,
    /// Whether the value is bytes and not text.
    is_binary: bool,
}

/// A version that did not become the current one.
struct Lost {
    from: Option<String>,
    to: String,
    refusal: Refusal,
}

/// A source of a certain version would not read what is written.
pub(crate) fn check(reference: &Reference) -> Result<(), Error> {
    let key = match reference.version {
        Version::Current => return Ok(()),
        Version::Stage(_) => "stage",
        Version::Id(_) => "version-id",
    };
    Err(Error::new(
        Kind::Invalid,
        format!(
            "{reference} can't be written: the source would go on to read the version that it names"
        ),
    )
    .help(format!("leave out `{key}` where there is `write = true`")))
}

/// What a change takes.
pub(crate) fn access(edit: &Edit<'_>) -> Access {
    match (edit.field, edit.is_erasure()) {
        (Some(_), _) => Access::WriteField,
        (None, false) => Access::Write,
        (None, true) => Access::Delete,
    }
}

impl Target<'_> {
    /// Makes the change, anew where somebody else was first.
    pub(crate) async fn write(&self, edit: &Edit<'_>) -> Result<Written, Error> {
        let place = self.reference.to_string();
        let client = self.client();
        let said = self.binding().await?;
        let mut lost: Option<Lost> = None;
        for _ in 0..Edit::ROUNDS {
            let current = self.current(&client, edit).await?;
            if let Some(Lost { from, to, refusal }) = lost.take() {
                if current.version == from {
                    self.unlabel(&to).await;
                    return Err(self.refused(&refusal).await.0);
                }
                // An answer got lost on the way, and what was made is refused the second time; or others did the same.
                let is_ours = current.version.as_ref() == Some(&to);
                self.unlabel(&to).await;
                if is_ours || edit.is_in_force(current.payload.as_ref()) {
                    let version = current.version.unwrap_or_default();
                    return Ok(Written {
                        undo: from
                            .filter(|_| is_ours)
                            .map(|from| self.undo(&from, &version)),
                        version: Some(version),
                    });
                }
            }
            let before = current.payload.as_ref();
            let Some(after) = edit.apply(before, said.as_ref(), &place)? else {
                return self.delete(&client).await;
            };
            let label = edit.field.map(|_| LABEL);
            let put = self.put(&client, &after, current.is_binary, label).await?;
            let to = put.version_id().unwrap_or_default().to_owned();
            // A first version is the current one, whatever it is labelled.
            let is_current = put.version_stages().iter().any(|stage| stage == CURRENT);
            if label.is_some() && !is_current {
                let moved = client
                    .update_secret_version_stage()
                    .secret_id(self.secret.as_str())
                    .version_stage(CURRENT)
                    .set_remove_from_version_id(current.version.clone())
                    .move_to_version_id(&to)
                    .send()
                    .await;
                if let Err(refused) = moved {
                    let refusal = Refusal::of("UpdateSecretVersionStage", &refused, self.sdk)
                        .map_err(Written::in_doubt)?;
                    // What AWS has for a label that is somewhere else, among other things.
                    if refusal.code != "InvalidParameterException" {
                        self.unlabel(&to).await;
                        return Err(self.refused(&refusal).await.0);
                    }
                    lost = Some(Lost {
                        from: current.version,
                        to,
                        refusal,
                    });
                    continue;
                }
            }
            if label.is_some() {
                self.unlabel(&to).await;
            }
            return Ok(Written {
                undo: current.version.map(|from| self.undo(&from, &to)),
                version: Some(to),
            });
        }
        if let Some(lost) = lost {
            self.unlabel(&lost.to).await;
        }
        Err(edit.outrun(&place))
    }

    /// What is there now.
    async fn current(&self, client: &Client, edit: &Edit<'_>) -> Result<Current, Error> {
        let given = client
            .get_secret_value()
            .secret_id(self.secret.as_str())
            .version_stage(CURRENT)
            .send()
            .await;
        let refused = match given {
            Ok(given) => {
                return Ok(Current {
                    version: given.version_id.clone(),
                    is_binary: given.secret_string.is_none(),
                    payload: Some(self.payload(given)?),
                });
            }
            Err(refused) => refused,
        };
        let refusal = Refusal::of("GetSecretValue", &refused, self.sdk)?;
        // It may be there, and have no value yet: that shows when it is given one.
        if refusal.code == "ResourceNotFoundException" && !edit.is_erasure() {
            return Ok(Current::default());
        }
        Err(self.refused(&refusal).await.0)
    }

    /// Adds a version, with this label alone or as the current one. The SDK sends a token along by which AWS knows it
    /// when it is sent again.
    async fn put(
        &self,
        client: &Client,
        value: &Payload,
        is_binary: bool,
        label: Option<&str>,
    ) -> Result<PutSecretValueOutput, Error> {
        let bytes = match value {
            Payload::Bytes(bytes) => bytes.expose_secret(),
            Payload::Fields(json) => json.expose_secret().as_bytes(),
        };
        if is_binary {
            // A server may repeat what it refuses, and no token in it could be told by its own characters.
            let sent = aws_smithy_types::base64::encode(bytes);
            self.sdk.transport.conceal(&sent.into());
        }
        let mut request = client
            .put_secret_value()
            .secret_id(self.secret.as_str())
            .set_version_stages(label.map(|label| vec![label.to_owned()]));
        request = match str::from_utf8(bytes) {
            Ok(text) if !is_binary => request.secret_string(text),
            _ => request.secret_binary(Blob::new(bytes)),
        };
        match request.send().await {
            Ok(put) => Ok(put),
            Err(refused) => {
                let refusal =
                    Refusal::of("PutSecretValue", &refused, self.sdk).map_err(Written::in_doubt)?;
                Err(Written::in_doubt(self.refused(&refusal).await.0))
            }
        }
    }

    /// Schedules the deletion, which can be called off.
    async fn delete(&self, client: &Client) -> Result<Written, Error> {
        let deleted = client
            .delete_secret()
            .secret_id(self.secret.as_str())
            .recovery_window_in_days(RECOVERY_DAYS)
            .send()
            .await;
        if let Err(refused) = deleted {
            let refusal =
                Refusal::of("DeleteSecret", &refused, self.sdk).map_err(Written::in_doubt)?;
            return Err(Written::in_doubt(self.refused(&refusal).await.0));
        }
        Ok(Written {
            version: None,
            undo: Some(self.command("restore-secret")),
        })
    }

    /// Takes our label off a version, best effort.
    async fn unlabel(&self, version: &str) {
        let settings = self
            .settings()
            .retry_config(RetryConfig::disabled())
            .timeout_config(self.extra())
            .build();
        let _ = Client::from_conf(settings)
            .update_secret_version_stage()
            .secret_id(self.secret.as_str())
            .version_stage(LABEL)
            .remove_from_version_id(version)
            .send()
            .await;
    }

    /// The command that makes one version the current one in place of another.
    fn undo(&self, from: &str, to: &str) -> String {
        format!(
            "{} --version-stage {CURRENT} --move-to-version-id {} --remove-from-version-id {}",
            self.command("update-secret-version-stage"),
            shell_word(from),
            shell_word(to)
        )
    }

    fn command(&self, name: &str) -> String {
        let profile = self.sdk.profile().map(shell_word);
        command(
            name,
            profile.as_deref(),
            Some(self.region.as_str()),
            &shell_word(self.secret.as_str()),
        )
    }
}
