use secrecy::{ExposeSecret as _, SecretString};

use crate::{Binding, Consent, Error, Fields, Kind, Payload};

/// What is to change in a secret.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// The field that changes, or the whole value.
    pub field: Option<&'a str>,
    /// What happens to it.
    pub change: Change<'a>,
    /// Who has a say in it, by what is said of the secret.
    pub consent: Option<&'a dyn Consent>,
}

/// What happens to a secret, or to one field of it.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It gets this value.
    Set(&'a SecretString),
    /// It is to be gone.
    Erase,
}

impl Edit<'_> {
    /// How often a change is made anew at the most, where others change the secret at the same time.
    pub const ROUNDS: usize = 5;

    /// The secret as it is to be, `None` if all of it is to be gone; `before` is `None` where there is no secret yet, and
    /// `said` is what its store says of it.
    ///
    /// # Errors
    ///
    /// That of the consent; [`Kind::NotFound`] if there is nothing to erase; [`Kind::Invalid`] if the secret is not what
    /// the field wants.
    pub fn apply(
        &self,
        before: Option<&Payload>,
        said: Option<&Binding>,
        place: &str,
    ) -> Result<Option<Payload>, Error> {
        if let Some(consent) = self.consent {
            consent.check(before, said)?;
        }
        let Some(field) = self.field else {
            return self.apply_to_all(before, place);
        };
        let json = match before {
            None => "{}",
            Some(Payload::Fields(json)) => json.expose_secret(),
            Some(Payload::Bytes(bytes)) => str::from_utf8(bytes.expose_secret()).unwrap_or(""),
        };
        let fields = Fields::parse(json).ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                format!("{place} is not a JSON object, so it can't have a field `{field}`"),
            )
            .help("leave out `field` if the whole value is the token")
        })?;
        let json = match self.change {
            Change::Set(token) => fields.with(field, token),
            Change::Erase => fields.without(field).ok_or_else(|| {
                Error::new(Kind::NotFound, format!("{place} has no field `{field}`"))
            })?,
        };
        Ok(Some(match before {
            Some(Payload::Bytes(_)) => {
                Payload::Bytes(json.expose_secret().as_bytes().to_vec().into())
            }
            _ => Payload::Fields(json),
        }))
    }

    fn apply_to_all(
        &self,
        before: Option<&Payload>,
        place: &str,
    ) -> Result<Option<Payload>, Error> {
        match (self.change, before) {
            (Change::Set(_), Some(Payload::Fields(_))) => Err(Error::new(
                Kind::Invalid,
                format!("{place} is a set of fields, and the source names none"),
            )
            .help("add `field = \"…\"` to the source")),
            (Change::Set(token), _) => {
                let token = token.expose_secret().as_bytes().to_vec();
                Ok(Some(Payload::Bytes(token.into())))
            }
            (Change::Erase, Some(_)) => Ok(None),
            (Change::Erase, None) => Err(Error::new(
                Kind::NotFound,
                format!("{place} does not exist"),
            )),
        }
    }

    /// Whether the secret, or its field, is to be gone.
    pub fn is_erasure(&self) -> bool {
        matches!(self.change, Change::Erase)
    }

    /// Whether a secret is already as [`apply`](Self::apply) makes it: then a change whose answer got lost was made.
    pub fn is_in_force(&self, now: Option<&Payload>) -> bool {
        let text = match now {
            None => return self.is_erasure(),
            Some(Payload::Fields(json)) => Some(json.expose_secret()),
            Some(Payload::Bytes(bytes)) => str::from_utf8(bytes.expose_secret()).ok(),
        };
        let Some(field) = self.field else {
            return matches!((self.change, text), (Change::Set(token), Some(text)) if token.expose_secret() == text);
        };
        let fields = text.and_then(Fields::parse);
        match (self.change, fields) {
            (Change::Set(token), Some(fields)) => fields
                .text(field)
                .is_some_and(|text| text.expose_secret() == token.expose_secret()),
            (Change::Set(_), None) => false,
            (Change::Erase, fields) => fields.is_none_or(|fields| fields.without(field).is_none()),
        }
    }

    /// What a person gives to a store's own tool that knows values only as a whole.
    pub fn input(&self) -> String {
        match (self.field, self.change) {
            (None, _) => "the token from standard input".to_owned(),
            (Some(field), Change::Set(_)) => {
                format!("the whole JSON from standard input, with the token in its field `{field}`")
            }
            (Some(field), Change::Erase) => {
                format!("the whole JSON from standard input, without its field `{field}`")
            }
        }
    }

    /// The error when others were first every time.
    pub fn outrun(&self, place: &str) -> Error {
        Error::new(
            Kind::Unavailable,
            format!("{place} was changed by others each time it was to be written"),
        )
        .because(format!("{} times in a row", Self::ROUNDS))
        .help("nothing was changed: try again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(payload: &Payload) -> String {
        match payload {
            Payload::Bytes(bytes) => String::from_utf8(bytes.expose_secret().to_vec()).unwrap(),
            Payload::Fields(json) => json.expose_secret().to_owned(),
        }
    }

    fn applied(
        field: Option<&str>,
        token: Option<&str>,
        before: Option<Payload>,
    ) -> Result<Option<String>, Error> {
        let token = token.map(SecretString::from);
        let edit = Edit {
            field,
            change: token.as_ref().map_or(Change::Erase, Change::Set),
            consent: None,
        };
        let after = edit.apply(before.as_ref(), None, "`s`")?;
        Ok(after.as_ref().map(text))
    }

    #[test]
    fn whole_values_and_fields() {
        let bytes = |text: &str| Some(Payload::Bytes(text.as_bytes().to_vec().into()));
        let fields = |text: &str| Some(Payload::Fields(text.into()));
        for (field, token, before, after) in [
            (None, Some("new"), None, Some("new")),
            (None, Some("new"), bytes("old"), Some("new")),
            (None, None, bytes("old"), None),
            (None, None, fields("{}"), None),
            (Some("t"), Some("new"), None, Some(r#"{"t":"new"}"#)),
            (
                Some("t"),
                Some("new"),
                bytes(r#"{"u":1}"#),
                Some(r#"{"u":1,"t":"new"}"#),
            ),
            (
                Some("t"),
                None,
                fields(r#"{"t":"old","u":1}"#),
                Some(r#"{"u":1}"#),
            ),
        ] {
            assert_eq!(applied(field, token, before).unwrap().as_deref(), after);
        }
    }

    #[test]
    fn what_is_made_is_known() {
        let bytes = |text: &str| Some(Payload::Bytes(text.as_bytes().to_vec().into()));
        let fields = |text: &str| Some(Payload::Fields(text.into()));
        for (field, token, now, is_in_force) in [
            (None, Some("new"), bytes("new"), true),
            (None, Some("new"), bytes("old"), false),
            (None, Some("new"), None, false),
            (None, None, None, true),
            (None, None, bytes("old"), false),
            (Some("t"), Some("a<b"), fields(r#"{"t":"a\u003cb"}"#), true),
            (Some("t"), Some("new"), fields(r#"{"t":"old"}"#), false),
            (Some("t"), Some("1"), fields(r#"{"t":1}"#), false),
            (Some("t"), Some("new"), bytes("new"), false),
            (
                Some("a.b"),
                Some("new"),
                bytes(r#"{"a":{"b":"new"}}"#),
                true,
            ),
            (Some("t"), None, fields("{}"), true),
            (Some("t"), None, fields(r#"{"t":1}"#), false),
            (Some("t"), None, None, true),
        ] {
            let token = token.map(SecretString::from);
            let change = token.as_ref().map_or(Change::Erase, Change::Set);
            let edit = Edit {
                field,
                change,
                consent: None,
            };
            assert_eq!(
                edit.is_in_force(now.as_ref()),
                is_in_force,
                "{edit:?} {now:?}"
            );
        }
    }

    #[test]
    fn nothing_is_changed_without_consent() {
        #[derive(Debug)]
        struct Nobody;

        impl Consent for Nobody {
            fn check(&self, _: Option<&Payload>, said: Option<&Binding>) -> Result<(), Error> {
                let said = said.map_or("nothing", |said| &said.urls);
                Err(Error::new(Kind::PermissionDenied, said))
            }
        }

        let edit = Edit {
            field: None,
            change: Change::Erase,
            consent: Some(&Nobody),
        };
        let said = Binding {
            said_in: "the tag".to_owned(),
            urls: "others".to_owned(),
        };
        for (said, expected) in [(Some(&said), "others"), (None, "nothing")] {
            assert_eq!(edit.apply(None, said, "`s`").unwrap_err().what(), expected);
        }
    }

    #[test]
    fn what_can_not_be_done() {
        let bytes = |text: &str| Some(Payload::Bytes(text.as_bytes().to_vec().into()));
        for (field, token, before, kind) in [
            (None, None, None, Kind::NotFound),
            (Some("t"), None, None, Kind::NotFound),
            (Some("t"), None, bytes("{}"), Kind::NotFound),
            (Some("t"), Some("new"), bytes("s3cret"), Kind::Invalid),
            (Some("t"), Some("new"), bytes("[]"), Kind::Invalid),
            (
                None,
                Some("new"),
                Some(Payload::Fields("{}".into())),
                Kind::Invalid,
            ),
        ] {
            let error = applied(field, token, before).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
