//! Picking one field of a secret.

use std::borrow::Cow;

use cargo_credential_bridge_backend::{Error, Fields, Kind, Payload};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;

use super::asked::{KEY, Said, Text};

/// The text of `field`, or of the whole value where no field is named, without line breaks at its end; and all that is said
/// on the way to it of the registries that it is for.
///
/// # Errors
///
/// [`Kind::Invalid`], naming the fields that exist, never their values.
pub(super) fn select<'a>(
    payload: &'a Payload,
    field: Option<&str>,
    place: &str,
) -> Result<(SecretString, Vec<Said<'a>>), Error> {
    let mut said = Vec::new();
    let json = match (payload, field) {
        (Payload::Bytes(bytes), None) => {
            return match str::from_utf8(bytes.expose_secret()) {
                Ok(text) => {
                    said_in_whole(text, &mut said);
                    Ok((without_line_end(text), said))
                }
                Err(_) => Err(Error::new(Kind::Invalid, format!("{place} is not text"))
                    .help("store the token as text; a token in binary data can't be told from other data")),
            };
        }
        (Payload::Bytes(bytes), Some(field)) => str::from_utf8(bytes.expose_secret())
            .ok()
            .filter(|text| text.trim_start().starts_with('{'))
            .ok_or_else(|| {
                Error::new(
                    Kind::Invalid,
                    format!("{place} is not a JSON object, so it has no field `{field}`"),
                )
                .help("leave out `field` if the whole value is the token")
            })?,
        (Payload::Fields(json), _) => json.expose_secret(),
    };
    let fields: Fields<'_> = parse(json, place)?;
    let Some(field) = field else {
        return Err(Error::new(
            Kind::Invalid,
            format!("{place} is a set of fields, and the source names none"),
        )
        .because(existing(&fields))
        .help("add `field = \"…\"` to the source"));
    };
    check_name(field, place)?;
    let value = find(&fields, field, place, "")?;
    said_above(&fields, field, "", &mut said);
    Ok((text(value, field, place)?, said))
}

/// Adds what a secret that is to be changed at `field` says of the registries that it is for, as [`select`] finds it.
pub(super) fn said_on_the_way<'a>(
    payload: &'a Payload,
    field: Option<&str>,
    place: &str,
    said: &mut Vec<Said<'a>>,
) -> Result<(), Error> {
    let json = match payload {
        Payload::Bytes(bytes) => str::from_utf8(bytes.expose_secret()).unwrap_or_default(),
        Payload::Fields(json) => json.expose_secret(),
    };
    let Some(field) = field else {
        said_in_whole(json, said);
        return Ok(());
    };
    check_name(field, place)?;
    if let Some(fields) = Fields::parse(json) {
        said_above(&fields, field, "", said);
    }
    Ok(())
}

/// A whole value is not taken apart; but leaving out the field is no way around what is said beside it.
fn said_in_whole<'a>(text: &'a str, said: &mut Vec<Said<'a>>) {
    if text.trim_start().starts_with('{')
        && let Some(fields) = Fields::parse(text)
    {
        said_beside(&fields, "", said);
    }
}

/// Each object that `field` leads through may say it; `above` is what leads to these fields.
fn said_above<'a>(fields: &Fields<'a>, field: &str, above: &str, said: &mut Vec<Said<'a>>) {
    said_beside(fields, above, said);
    if fields.get(field).is_none()
        && let Some((first, json, rest)) = fields.nested(field)
        && let Some(inside) = Fields::parse(json)
    {
        said_above(&inside, rest, &format!("{above}{first}."), said);
    }
}

fn said_beside<'a>(fields: &Fields<'a>, above: &str, said: &mut Vec<Said<'a>>) {
    if let Some(json) = fields.get(KEY) {
        said.push(Said {
            place: format!("its field `{above}{KEY}`"),
            text: Text::Json(json),
        });
    }
}

/// What says which registries a secret is for is shown in messages, and so it is no token.
fn check_name(field: &str, place: &str) -> Result<(), Error> {
    if field.rsplit('.').next() != Some(KEY) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        format!(
            "the field `{field}` of {place} says which registries it is for, and is not a token"
        ),
    )
    .help("name the field that holds the token"))
}

/// The value of `field`, which may lead into nested objects; `above` is what leads to these fields.
fn find<'a>(
    fields: &Fields<'a>,
    field: &str,
    place: &str,
    above: &str,
) -> Result<&'a RawValue, Error> {
    if let Some(value) = fields.get(field) {
        return Ok(value);
    }
    if let Some((first, json, rest)) = fields.nested(field) {
        let inside = format!("`{first}` of {place}");
        let above = format!("{above}{first}.");
        return find(&parse(json, place)?, rest, &inside, &above);
    }
    let error = Error::new(Kind::Invalid, format!("{place} has no field `{field}`"))
        .because(existing(fields));
    Err(match nearest(fields, field) {
        Some(nearest) => error.help(format!(
            "set `field = \"{above}{}\"` in the source",
            nearest.escape_debug()
        )),
        None if fields.names().is_empty() => {
            error.help(format!("store the token in the field `{above}{field}`"))
        }
        None => error.help("set `field` in the source to the one that holds the token"),
    })
}

/// The field that was meant: the only one there is, or one that is spelled much like `field`.
fn nearest(fields: &Fields<'_>, field: &str) -> Option<String> {
    let names = fields.names();
    if let [name] = names.as_slice() {
        return Some(name.to_string());
    }
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, field), name))
        .filter(|(distance, _)| *distance <= (field.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_string())
}

fn parse<'a>(json: &'a str, place: &str) -> Result<Fields<'a>, Error> {
    Fields::parse(json)
        .ok_or_else(|| Error::new(Kind::Invalid, format!("{place} is not a JSON object")))
}

/// The text of a string, number or boolean; a number as it is written.
fn text(value: &RawValue, field: &str, place: &str) -> Result<SecretString, Error> {
    let json = value.get();
    let what = match json.as_bytes().first() {
        Some(b'"') => {
            let text: Cow<'_, str> = serde_json::from_str(json).map_err(|_| {
                Error::new(
                    Kind::Invalid,
                    format!("the field `{field}` of {place} is not a JSON string"),
                )
            })?;
            return Ok(without_line_end(&text));
        }
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b'n') | None => "null",
        Some(_) => return Ok(json.into()),
    };
    Err(Error::new(
        Kind::Invalid,
        format!("the field `{field}` of {place} is {what}, and not a token"),
    )
    .help("name a field that is a string; a dot leads into an object, as in `cargo.token`"))
}

/// Stored secrets often end in a line break that nobody meant; Cargo from 1.96 on refuses it.
fn without_line_end(text: &str) -> SecretString {
    text.trim_end_matches(['\r', '\n']).into()
}

fn existing(fields: &Fields<'_>) -> String {
    let names: Vec<_> = fields
        .names()
        .iter()
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect();
    if names.is_empty() {
        return "it has no fields at all".to_owned();
    }
    format!("its fields are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(json: &str, field: Option<&str>) -> Result<String, Error> {
        select(&Payload::Fields(json.into()), field, "`ci/cargo`")
            .map(|(text, _)| text.expose_secret().to_owned())
    }

    fn whole(bytes: &[u8]) -> Result<String, Error> {
        select(&Payload::Bytes(bytes.to_vec().into()), None, "`f`")
            .map(|(text, _)| text.expose_secret().to_owned())
    }

    #[test]
    fn strings_numbers_and_booleans() {
        let json = r#"{"token":"a\"\u00e9\\b","n":12345678901234567890123.50,"b":true,"dup":"1","dup":"2"}"#;
        assert_eq!(pick(json, Some("token")).unwrap(), "a\"é\\b");
        assert_eq!(pick(json, Some("n")).unwrap(), "12345678901234567890123.50");
        assert_eq!(pick(json, Some("b")).unwrap(), "true");
        assert_eq!(pick(json, Some("dup")).unwrap(), "2");
    }

    #[test]
    fn a_literal_name_comes_before_a_path() {
        let json = r#"{"a.b":"literal","a":{"b":"nested","c":{"d":"deep"}},"e":{"f.g":"x"}}"#;
        assert_eq!(pick(json, Some("a.b")).unwrap(), "literal");
        assert_eq!(pick(json, Some("a.c.d")).unwrap(), "deep");
        assert_eq!(pick(json, Some("e.f.g")).unwrap(), "x");
    }

    #[test]
    fn what_there_is_instead_is_named_and_not_shown() {
        let json = r#"{"tokens":["s3cret"],"token":{"x":"s3cret"},"none":null,"text":"s3cret"}"#;
        for (field, expected) in [
            (
                Some("tokens"),
                "the field `tokens` of `ci/cargo` is an array, and not a token",
            ),
            (
                Some("token"),
                "the field `token` of `ci/cargo` is an object, and not a token",
            ),
            (
                Some("none"),
                "the field `none` of `ci/cargo` is null, and not a token",
            ),
            (Some("tok"), "`ci/cargo` has no field `tok`"),
            (Some("token.y"), "`token` of `ci/cargo` has no field `y`"),
            (Some("text.y"), "`ci/cargo` has no field `text.y`"),
            (
                None,
                "`ci/cargo` is a set of fields, and the source names none",
            ),
        ] {
            let error = pick(json, field).unwrap_err();
            assert_eq!(error.what(), expected);
            assert!(!format!("{error:?}").contains("s3cret"));
        }
        let error = pick(json, Some("tok")).unwrap_err();
        assert_eq!(
            error.causes(),
            ["its fields are `none`, `text`, `token`, `tokens`"]
        );
    }

    #[test]
    fn the_field_that_was_meant_is_named() {
        let two = r#"{"registry-token":"s3cret","user":"s3cret"}"#;
        let set = |field: &str| format!("set `field = \"{field}\"` in the source");
        for (json, field, help) in [
            (two, "registry-tokens", set("registry-token")),
            // A slip in each three letters.
            (two, "registrytken", set("registry-token")),
            (two, "usr", set("user")),
            (
                two,
                "pas",
                "set `field` in the source to the one that holds the token".to_owned(),
            ),
            (r#"{"key":"s3cret"}"#, "token", set("key")),
            (r#"{"a":{"key":"s3cret"}}"#, "a.token", set("a.key")),
            (
                "{}",
                "token",
                "store the token in the field `token`".to_owned(),
            ),
        ] {
            let error = pick(json, Some(field)).unwrap_err();
            assert_eq!(error.help_text(), Some(help.as_str()), "{field}");
        }
    }

    #[test]
    fn line_breaks_at_the_end_are_cut_and_nothing_else() {
        assert_eq!(whole(b" tok \r\n\n").unwrap(), " tok ");
        assert_eq!(whole(b"a\nb").unwrap(), "a\nb");
        assert_eq!(whole(b"{\"a\":1}").unwrap(), "{\"a\":1}");
        assert!(whole(b"\xff").is_err());
        let bytes = Payload::Bytes(b"not json".to_vec().into());
        assert!(select(&bytes, Some("token"), "`f`").is_err());
    }
}
