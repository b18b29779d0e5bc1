//! Secrets that say themselves which registries they are for: in the key `index-url` beside the field, or beside the secret
//! where its store has a place for that. They are for no other, whatever the config says.

use std::borrow::Cow;

use cargo_credential_bridge_backend::{Binding, Consent, Error, Kind, Payload};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;

use super::field::{said_on_the_way, select};
use crate::registry::IndexUrl;

/// The key of a JSON object that says which registries everything in the object is for.
pub(super) const KEY: &str = "index-url";

/// The characters of somebody else's text that are shown.
const SHOWN: usize = 200;

/// A secret as one registry asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The index URL of the registry.
    pub(crate) url: &'a str,
    /// What messages call the place of the secret.
    pub(crate) place: &'a str,
}

/// A token that the registry may have.
pub(crate) struct Selected {
    pub(crate) text: SecretString,
    /// The places where it is said that the registry may have it.
    pub(crate) said_in: Vec<String>,
}

/// One place where a secret says which registries it is for, and what it says there.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) place: String,
    pub(super) text: Text<'a>,
}

/// What is said, as it is kept.
#[derive(Debug)]
pub(super) enum Text<'a> {
    /// A text with white space between the URLs.
    Plain(&'a str),
    /// A string, or an array of strings.
    Json(&'a RawValue),
}

impl Asked<'_> {
    /// The text of `field`, or of the whole value where no field is named, if the secret is for this registry as far as
    /// it says so, and so does its store.
    ///
    /// # Errors
    ///
    /// [`Kind::PermissionDenied`] if it is for others; [`Kind::Invalid`] if that can't be known, or there is no such text.
    pub(crate) fn select(
        &self,
        payload: &Payload,
        said: Option<&Binding>,
        field: Option<&str>,
    ) -> Result<Selected, Error> {
        let (text, mut all) = select(payload, field, self.place)?;
        all.extend(said.map(Said::of));
        for said in &all {
            self.check(said, &text)?;
        }
        Ok(Selected {
            text,
            said_in: all.into_iter().map(|said| said.place).collect(),
        })
    }

    /// Whether what is said is this registry. No part of the secret gets into the error.
    fn check(&self, said: &Said<'_>, secret: &SecretString) -> Result<(), Error> {
        let unclear = |why: String| {
            Error::new(
                Kind::Invalid,
                format!("{} does not say clearly which registries it is for", self.place),
            )
            .because(why)
            .help(
                "it takes index URLs as Cargo's config has them, such as `sparse+https://crates.example.com/index/`; \
                 several are separated by spaces",
            )
        };
        let texts = said.texts().ok_or_else(|| {
            unclear(format!(
                "{} is neither a text nor an array of texts",
                said.place
            ))
        })?;
        let mut known = Vec::new();
        for text in texts.iter().flat_map(|text| text.split_whitespace()) {
            let url: IndexUrl = text.parse().map_err(|_| {
                unclear(match shown(text, secret) {
                    Some(text) => format!("{} has `{text}`, which is not an index URL", said.place),
                    None => format!("{} has a text that is not a URL", said.place),
                })
            })?;
            known.push((url, text));
        }
        if known.is_empty() {
            return Err(unclear(format!("{} is empty", said.place)));
        }
        if self
            .url
            .parse()
            .is_ok_and(|asked: IndexUrl| known.iter().any(|(url, _)| *url == asked))
        {
            return Ok(());
        }
        let known: Vec<_> = known
            .iter()
            .filter_map(|(_, text)| shown(text, secret))
            .map(|text| format!("`{text}`"))
            .collect();
        Err(Error::new(
            Kind::PermissionDenied,
            format!("{} is not for the registry `{}`", self.place, self.url),
        )
        .because(format!("{} says that it is for {}", said.place, known.join(" and ")))
        .help(
            "name another secret for this registry in the config; if this one is for it too, add its URL there",
        ))
    }
}

/// A change that a registry asks for: its token into this field, or out of it.
#[derive(Debug)]
pub(crate) struct Changed<'a> {
    pub(crate) asked: Asked<'a>,
    pub(crate) field: Option<&'a str>,
    /// The new token, if there is one.
    pub(crate) token: Option<&'a SecretString>,
}

impl Consent for Changed<'_> {
    fn check(&self, before: Option<&Payload>, said: Option<&Binding>) -> Result<(), Error> {
        let mut all = Vec::new();
        if let Some(before) = before {
            said_on_the_way(before, self.field, self.asked.place, &mut all)?;
        }
        // A whole value has no place for what was said beside the token.
        if let (None, Some(_), Some(said)) = (self.field, self.token, all.first()) {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "{} says in {} which registries it is for, and would not any more",
                    self.asked.place, said.place
                ),
            )
            .help("name the field that holds the token: `field = \"…\"` in the source"));
        }
        all.extend(said.map(Said::of));
        let none = SecretString::default();
        let secret = self.token.unwrap_or(&none);
        all.iter()
            .try_for_each(|said| self.asked.check(said, secret))
    }
}

impl<'a> Said<'a> {
    fn of(binding: &'a Binding) -> Self {
        Self {
            place: binding.said_in.clone(),
            text: Text::Plain(&binding.urls),
        }
    }

    /// `None` if it is of another form.
    fn texts(&self) -> Option<Vec<Cow<'a, str>>> {
        match self.text {
            Text::Plain(text) => Some(vec![text.into()]),
            Text::Json(json) if json.get().starts_with('[') => {
                let texts: Vec<String> = serde_json::from_str(json.get()).ok()?;
                Some(texts.into_iter().map(Cow::Owned).collect())
            }
            Text::Json(json) => {
                let text: String = serde_json::from_str(json.get()).ok()?;
                Some(vec![text.into()])
            }
        }
    }
}

/// A text as a message may have it, without a user, a query or a fragment, `None` if there is nothing to show: whoever
/// wrote it may have put a token in the wrong place.
fn shown(text: &str, secret: &SecretString) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let secret = secret.expose_secret();
    if !secret.is_empty() && text.contains(secret) {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let shown = format!("{scheme}://{rest}");
    Some(shown.escape_debug().take(SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "sparse+https://crates.example.com/index/";

    fn payload(json: &str) -> Payload {
        Payload::Fields(json.into())
    }

    fn selected(json: &str, field: &str, said: Option<&str>) -> Result<Selected, Error> {
        let asked = Asked {
            url: URL,
            place: "`s`",
        };
        let said = said.map(|urls| Binding {
            said_in: "the tag `index-url`".to_owned(),
            urls: urls.to_owned(),
        });
        asked.select(&payload(json), said.as_ref(), Some(field))
    }

    #[test]
    fn kinds() {
        for (json, kind) in [
            (
                r#"{"t":"x","index-url":"https://a.example/"}"#,
                Kind::PermissionDenied,
            ),
            (r#"{"t":"x","index-url":"ssh"}"#, Kind::Invalid),
            (r#"{"t":"x","index-url":[]}"#, Kind::Invalid),
        ] {
            assert_eq!(
                selected(json, "t", None).err().unwrap().kind(),
                kind,
                "{json}"
            );
        }
    }

    #[test]
    fn who_has_said_it_is_known() {
        let bound = format!(r#"{{"a":{{"t":"x","index-url":"{URL}"}},"index-url":["{URL}"]}}"#);
        let places = |json, field, said| selected(json, field, said).unwrap().said_in;
        assert_eq!(
            places(&bound, "a.t", Some(URL)),
            [
                "its field `index-url`",
                "its field `a.index-url`",
                "the tag `index-url`"
            ]
        );
        assert_eq!(places(r#"{"t":"x"}"#, "t", None), [""; 0]);
        // What is beside something else says nothing.
        assert_eq!(
            places(r#"{"t":"x","a":{"index-url":7}}"#, "t", None),
            [""; 0]
        );
        // A literal name is in no object but the first.
        assert_eq!(
            places(r#"{"a.t":"x","a":{"t":"y","index-url":7}}"#, "a.t", None),
            [""; 0]
        );
    }

    #[test]
    fn only_what_looks_like_a_url_is_shown() {
        let secret = SecretString::from("t0ken");
        for (text, expected) in [
            ("s3cret", None),
            ("https://h/t0ken", None),
            (
                "https://ci:pass@h/p?q=s3cret#f",
                Some("https://h/p".to_owned()),
            ),
            ("x://\u{1b}[31m", Some("x://\\u{1b}[31m".to_owned())),
        ] {
            assert_eq!(shown(text, &secret), expected, "{text}");
        }
    }

    #[test]
    fn a_change_takes_the_leave_of_what_was_there() {
        let token = SecretString::from("new");
        let changed = |field, token| Changed {
            asked: Asked {
                url: URL,
                place: "`s`",
            },
            field,
            token,
        };
        let ours = format!(r#"{{"t":"old","index-url":"{URL}"}}"#);
        let theirs = r#"{"t":"old","index-url":"https://a.example/"}"#;
        let bytes = |json: &str| Payload::Bytes(json.as_bytes().to_vec().into());
        for (before, field, token, is_allowed) in [
            (None, Some("t"), Some(&token), true),
            (Some(payload(&ours)), Some("t"), Some(&token), true),
            (Some(payload(theirs)), Some("t"), Some(&token), false),
            (Some(payload(theirs)), Some("t"), None, false),
            (Some(payload(&ours)), Some("index-url"), Some(&token), false),
            (Some(bytes("old")), None, Some(&token), true),
            // All of it may be erased, but not replaced by what says nothing.
            (Some(bytes(&ours)), None, None, true),
            (Some(bytes(&ours)), None, Some(&token), false),
            (Some(bytes(theirs)), None, None, false),
        ] {
            let outcome = changed(field, token).check(before.as_ref(), None);
            assert_eq!(outcome.is_ok(), is_allowed, "{before:?} {field:?}");
        }
    }
}
