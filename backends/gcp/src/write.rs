//! Writing one secret: a new version, and one more where others had added theirs in between.
//!
//! Google adds a version to whatever is there, so what was lost shows in the numbers afterwards. Who adds a version stops
//! only when it holds all that those before it hold: so does the last of all, whoever adds it.
//!
//! Source: the API pages of `projects.secrets`, method `addVersion`, and `projects.secrets.versions`, method `disable`.

use base64::Engine as _;
use cargo_credential_bridge_backend::{
    Binding, Edit, Error, ExposeSecret as _, Fields, Kind, Payload, SecretString, Written,
};
use serde_json::json;

use crate::answer::{Refusal, foreign};
use crate::client::Target;
use crate::error::{Access, State, place};
use crate::name::Version;
use crate::read::{BASE64, Described, number};
use crate::session::Ask;

/// What there is before a write.
struct Base {
    /// The number of the newest version, 0 if there is none, `None` if that is not known.
    number: Option<u64>,
    /// What is in it, `None` if it can't be read.
    payload: Option<Payload>,
}

/// What a change takes.
pub(crate) fn access(edit: &Edit<'_>) -> Access {
    match (edit.field, edit.is_erasure()) {
        (None, true) => Access::Disable,
        _ => Access::Add,
    }
}

impl Target<'_> {
    /// Makes the change.
    pub(crate) async fn write(&self, edit: &Edit<'_>) -> Result<Written, Error> {
        let reference = self.reference.to_string();
        if self.secret.version != Version::latest() {
            let what = format!(
                "{reference} can't be written: the source would go on to read the version that it names"
            );
            return Err(Error::new(Kind::Invalid, what)
                .help("leave out `version` where there is `write = true`"));
        }
        let said = self.binding().await?;
        let base = self.base(edit).await?;
        let before = base.payload.as_ref();
        let Some(after) = edit.apply(before, said.as_ref(), &reference)? else {
            return self.disable(base.number).await;
        };
        let added = self.add(&after).await?;
        let undo = base.number.filter(|_| base.payload.is_some());
        let written = |number: u64, undo: Option<u64>| Written {
            version: Some(number.to_string()),
            undo: undo.map(|number| self.undo(number)),
        };
        if edit.field.is_none() {
            return Ok(written(added, undo));
        }
        let settled = self.settle(edit, said.as_ref(), &base, after, added);
        match settled.await? {
            number if number == added => Ok(written(number, undo)),
            // To go back would take away what others have changed.
            number => Ok(written(number, None)),
        }
    }

    /// Adds versions until one holds all that was added before it, and gives its number.
    async fn settle(
        &self,
        edit: &Edit<'_>,
        said: Option<&Binding>,
        base: &Base,
        mut after: Payload,
        mut added: u64,
    ) -> Result<u64, Error> {
        let empty = SecretString::from("{}");
        let was = match &base.payload {
            Some(payload) => text(payload),
            None => empty.expose_secret(),
        };
        let was = Fields::parse(was).expect("what is no object has no fields to change");
        let mut merged = was.json();
        let mut from = base.number;
        for _ in 0..Edit::ROUNDS {
            for (number, theirs) in self.missed(from, added).await? {
                let theirs = Fields::parse(text(&theirs)).ok_or_else(|| self.foreign(number))?;
                let ours = Fields::parse(merged.expose_secret()).expect("it was written as one");
                let next = ours.merged(&was, &theirs);
                merged = next;
            }
            let before = Payload::Fields(merged.expose_secret().into());
            let next = match edit.is_erasure() && edit.is_in_force(Some(&before)) {
                true => before,
                false => edit
                    .apply(Some(&before), said, &self.reference.to_string())?
                    .expect("a field is changed, not all of it"),
            };
            if text(&next) == text(&after) {
                return Ok(added);
            }
            from = Some(added);
            added = self.add(&next).await?;
            after = next;
        }
        Err(Error::new(
            Kind::Unavailable,
            format!(
                "others have added versions of {} each time, and what they changed may be missing in the version {added}",
                self.reference
            ),
        )
        .because(format!("{} times in a row", Edit::ROUNDS))
        .help(format!(
            "nothing is lost: `gcloud secrets versions list {} {}` shows all of them",
            self.secret.secret,
            place(self.secret)
        )))
    }

    /// The versions between two numbers that can be read, in their order. From where the newest could not be read when
    /// we looked, those alone that came after it.
    async fn missed(&self, from: Option<u64>, to: u64) -> Result<Vec<(u64, Payload)>, Error> {
        let mut missed = Vec::new();
        let lowest = from.map_or(1, |from| from + 1);
        for number in (lowest..to).rev() {
            match self.access(&Version::numbered(number)).await? {
                Ok(found) => missed.push((number, found.payload)),
                Err(refusal) => match self.refused(&refusal).await.0 {
                    error if error.kind() != Kind::NotFound => return Err(error),
                    _ if from.is_none() => break,
                    _ => {}
                },
            }
        }
        missed.reverse();
        Ok(missed)
    }

    /// What there is now.
    async fn base(&self, edit: &Edit<'_>) -> Result<Base, Error> {
        let refusal = match self.access(&self.secret.version).await? {
            Ok(found) => {
                return Ok(Base {
                    number: found.number,
                    payload: Some(found.payload),
                });
            }
            Err(refusal) => refusal,
        };
        let (error, state) = self.refused(&refusal).await;
        if error.kind() != Kind::NotFound || edit.is_erasure() {
            return Err(error);
        }
        Ok(Base {
            number: match (refusal.code(), state) {
                // Whether there is a secret without a version shows when one is added.
                (Some("NOT_FOUND"), _) => Some(0),
                (_, State::Disabled(Some(version))) => version.as_ref().parse().ok(),
                _ => None,
            },
            payload: None,
        })
    }

    /// Adds a version and gives its number.
    async fn add(&self, value: &Payload) -> Result<u64, Error> {
        let bytes = match value {
            Payload::Bytes(bytes) => bytes.expose_secret(),
            Payload::Fields(json) => json.expose_secret().as_bytes(),
        };
        let data = BASE64.encode(bytes);
        // A server may repeat what it refuses, and no token in it could be told by its own characters.
        self.session.transport.conceal(&data.as_str().into());
        let body = json!({ "payload": {
            "data": data, "dataCrc32c": crc32c::crc32c(bytes).to_string(),
        } });
        let url = self.secret_url(":addVersion");
        let ask = self.authorized(Ask::json(&url, &body));
        let answer = self.session.ask_once(ask).await?;
        if !answer.is_ok() {
            return Err(self
                .in_doubt(&answer.refusal(&self.session.transport))
                .await);
        }
        let described: Described<'_> = answer.read().map_err(Written::in_doubt)?;
        number(&described.name).ok_or_else(|| {
            let what = "Google has added a version without a number";
            Error::new(Kind::Invalid, what)
                .because(format!("{} answered {}", answer.asked, answer.status))
                .help("check the endpoint: what answers there is hardly Google")
        })
    }

    /// Disables a version, which can be enabled again.
    async fn disable(&self, number: Option<u64>) -> Result<Written, Error> {
        let number = number.ok_or_else(|| {
            let what = format!(
                "Google does not say which version of {} is the latest",
                self.reference
            );
            Error::new(Kind::Invalid, what)
        })?;
        let url = self.url(&Version::numbered(number), ":disable");
        let ask = self.authorized(Ask::json(&url, &json!({})));
        let answer = self.session.ask(ask).await.map_err(Written::in_doubt)?;
        if !answer.is_ok() {
            return Err(self
                .in_doubt(&answer.refusal(&self.session.transport))
                .await);
        }
        // A page of a proxy ends well too, and disables nothing.
        let disabled: Described<'_> = answer.read()?;
        if disabled.name.is_empty() {
            return Err(foreign(Kind::Invalid, &answer.asked)
                .because(format!("{} answered {}", answer.asked, answer.status)));
        }
        Ok(Written {
            version: None,
            undo: Some(format!(
                "gcloud secrets versions enable {number} --secret={} {}",
                self.secret.secret,
                place(self.secret)
            )),
        })
    }

    async fn in_doubt(&self, refusal: &Refusal) -> Error {
        Written::in_doubt(self.refused(refusal).await.0)
    }

    /// The error for a version of somebody else's that has no fields to take over.
    fn foreign(&self, number: u64) -> Error {
        Error::new(
            Kind::Invalid,
            format!(
                "the version {number} of {}, which somebody added at the same time, is not a JSON object",
                self.reference
            ),
        )
        .help("its place is taken by a version with the token: whoever wrote it must know")
    }

    /// The command that makes an older version the newest one again: its value, as one more version.
    fn undo(&self, number: u64) -> String {
        let (secret, place) = (&self.secret.secret, place(self.secret));
        format!(
            "gcloud secrets versions access {number} --secret={secret} {place} | \
             gcloud secrets versions add {secret} {place} --data-file=-"
        )
    }
}

/// The text of a value, empty if it is none.
fn text(payload: &Payload) -> &str {
    match payload {
        Payload::Bytes(bytes) => str::from_utf8(bytes.expose_secret()).unwrap_or_default(),
        Payload::Fields(json) => json.expose_secret(),
    }
}
