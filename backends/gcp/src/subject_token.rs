//! The token that an external account shows, in a file or at a URL.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_credential_bridge_backend::{
    Context, Error, ExposeSecret as _, Kind, SecretSlice, SecretString,
};
use serde_json::value::RawValue;

use crate::credentials_file::{CredentialSource, CredentialsFile, Format};
use crate::error::Action;
use crate::session::{Ask, Session};

/// The token in a file.
pub(crate) fn in_file(
    path: &Path,
    format: Option<&Format>,
    file: &CredentialsFile,
    context: &Context,
) -> Result<SecretString, Error> {
    let path = context.environment.path_from_variable(path);
    let key = format!("`credential_source` in {}", file.origin);
    let content = SecretSlice::from(context.environment.read_existing(&key, &path)?);
    extract(
        content.expose_secret(),
        format,
        &format!("`{}`", path.display()),
    )
}

/// The token at a URL, which is on this machine or its CI's.
pub(crate) async fn at_url(
    url: &str,
    source: &CredentialSource,
    file: &CredentialsFile,
    session: &Session,
) -> Result<SecretString, Error> {
    let mut ask = Ask::get(url);
    for (name, value) in &source.headers {
        // It is what the token is asked with.
        let bare = value.expose_secret();
        session
            .transport
            .conceal(&bare.rsplit(' ').next().unwrap_or(bare).into());
        ask = ask.header(name, bare);
    }
    let action = Action::Subject {
        origin: &file.origin,
    };
    let answer = session.granted(ask, &action).await?;
    extract(answer.body(), source.format.as_ref(), &answer.asked)
}

/// The token in what was found at `place`.
fn extract(content: &[u8], format: Option<&Format>, place: &str) -> Result<SecretString, Error> {
    let none = |why: String| {
        Error::new(Kind::Invalid, format!("no token in {place}"))
            .because(why)
            .help("`credential_source.format` says in what form it is: `text`, or `json` with a `subject_token_field_name`")
    };
    let in_field: SecretString;
    let text = match format.and_then(Format::kind) {
        None | Some("text") => {
            str::from_utf8(content).map_err(|_| none("it is not text".to_owned()))?
        }
        Some("json") => {
            let field = format
                .and_then(|format| format.subject_token_field_name.as_deref())
                .ok_or_else(|| none("its format names no field".to_owned()))?;
            let missing = || none(format!("it has no text in the field `{field}`"));
            // Nothing but the field is copied.
            let object: BTreeMap<String, &RawValue> =
                serde_json::from_slice(content).map_err(|error| match error.is_data() {
                    true => missing(),
                    false => none("it is not JSON".to_owned()),
                })?;
            let value = object.get(field).ok_or_else(missing)?;
            in_field = serde_json::from_str(value.get()).map_err(|_| missing())?;
            in_field.expose_secret()
        }
        Some(_) => return Err(none("its format is neither `text` nor `json`".to_owned())),
    };
    match text.trim() {
        "" => Err(none("it is empty".to_owned())),
        token => Ok(token.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(r#type: &str, field: Option<&str>) -> Format {
        Format {
            r#type: Some(r#type.to_owned()),
            subject_token_field_name: field.map(str::to_owned),
        }
    }

    #[test]
    fn a_token_in_each_form() {
        let json = format("json", Some("value"));
        for (content, format) in [
            ("t0ken\n", None),
            (" t0ken", Some(&format("text", None))),
            ("t0ken", Some(&serde_json::from_str("{}").unwrap())),
            (r#"{"value":"t0ken","count":1}"#, Some(&json)),
        ] {
            let token = extract(content.as_bytes(), format, "it").unwrap();
            assert_eq!(token.expose_secret(), "t0ken");
        }
    }

    #[test]
    fn what_holds_no_token_is_told_without_its_content() {
        let json = format("json", Some("value"));
        for (content, format, why) in [
            (" \n", None, "it is empty"),
            ("s3cret", Some(&json), "it is not JSON"),
            (r#"{"token":"s3cret"}"#, Some(&json), "the field `value`"),
            (r#"["s3cret"]"#, Some(&json), "the field `value`"),
            (r#"{"value":["s3cret"]}"#, Some(&json), "the field `value`"),
            ("s3cret", Some(&format("json", None)), "names no field"),
            ("s3cret", Some(&format("xml", None)), "neither"),
        ] {
            let error = extract(content.as_bytes(), format, "`t`").unwrap_err();
            let text = format!("{error} {:?}", error.help_text());
            assert!(text.contains(why) && !text.contains("s3cret"), "{text}");
        }
    }
}
