//! The token that an external account shows, in a file or at a URL.

use std::path::Path;

use cargo_credential_bridge_backend::{Context, Error, ExposeSecret as _, Kind, SecretString};
use serde_json::Value;

use crate::credentials_file::{CredentialSource, CredentialsFile, Format};
use crate::error::{self, Action};
use crate::session::{Ask, Session};

/// The token in a file.
pub(crate) fn in_file(
    path: &Path,
    format: Option<&Format>,
    file: &CredentialsFile,
    context: &Context,
) -> Result<SecretString, Error> {
    let path = file.environment.path_from_variable(path);
    let key = format!("`credential_source` in {}", file.origin);
    let content = context.environment.read_existing(&key, &path)?;
    extract(&content, format, &format!("`{}`", path.display()))
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
        let bare = value.0.expose_secret();
        session
            .transport
            .conceal(&bare.rsplit(' ').next().unwrap_or(bare).into());
        ask = ask.header(name, bare);
    }
    let answer = session.ask(ask).await?;
    if !answer.is_ok() {
        let action = Action::Subject {
            origin: &file.origin,
        };
        return Err(error::classify(
            &action,
            &answer.refusal(&session.transport),
        ));
    }
    extract(answer.body(), source.format.as_ref(), &answer.asked)
}

/// The token in what was found at `place`.
fn extract(content: &[u8], format: Option<&Format>, place: &str) -> Result<SecretString, Error> {
    let none = |why: String| {
        Error::new(Kind::Invalid, format!("no token in {place}"))
            .because(why)
            .help("`credential_source.format` says in what form it is: `text`, or `json` with a `subject_token_field_name`")
    };
    let text = match format.map(|format| (format.r#type.as_str(), format)) {
        None | Some(("text", _)) => {
            String::from_utf8(content.to_vec()).map_err(|_| none("it is not text".to_owned()))?
        }
        Some(("json", format)) => {
            let field = format
                .subject_token_field_name
                .as_deref()
                .ok_or_else(|| none("its format names no field".to_owned()))?;
            match serde_json::from_slice::<Value>(content) {
                Err(_) => return Err(none("it is not JSON".to_owned())),
                Ok(mut object) => match object.get_mut(field).map(Value::take) {
                    Some(Value::String(token)) => token,
                    _ => return Err(none(format!("it has no text in the field `{field}`"))),
                },
            }
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
            r#type: r#type.to_owned(),
            subject_token_field_name: field.map(str::to_owned),
        }
    }

    #[test]
    fn a_token_in_each_form() {
        let json = format("json", Some("value"));
        for (content, format) in [
            ("t0ken\n", None),
            (" t0ken", Some(&format("text", None))),
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
