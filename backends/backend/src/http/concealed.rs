use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded;

/// The secrets that servers were sent, which they must not get to say.
#[derive(Debug, Default)]
pub(super) struct Concealed(Mutex<Vec<SecretString>>);

impl Concealed {
    pub(super) fn add(&self, secret: &SecretString) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.push(secret.clone());
        secrets.extend(signature(secret.expose_secret()).map(SecretString::from));
    }

    /// What a server said, fit for a message.
    pub(super) fn quote(&self, said: &str) -> String {
        const LIMIT: usize = 500;
        let mut said = said.to_owned();
        for secret in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for form in forms(secret.expose_secret()) {
                said = said.replace(&form, "[redacted]");
            }
        }
        let words: Vec<_> = said
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        let said = words.join(" ");
        match said.char_indices().nth(LIMIT) {
            Some((end, _)) => format!("{}…", &said[..end]),
            None => said,
        }
    }
}

/// What makes a JWT a credential (RFC 7515, section 3.1). A server that repeats a part of one may repeat this.
fn signature(secret: &str) -> Option<&str> {
    let parts: Vec<_> = secret.split('.').collect();
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match *parts.as_slice() {
        // The shortest there are: HMAC with SHA-256 has 43.
        [_, _, signature] if signature.len() > 42 => Some(signature),
        _ => None,
    }
    .filter(|signature| signature.chars().all(is_base64))
}

/// The secret in every form in which it may have been sent, and so be said again: as it is, in a form or a URL, in a form
/// in a form, in a JSON string. The longest comes first, for one may hold another.
fn forms(secret: &str) -> Vec<String> {
    if secret.is_empty() {
        return Vec::new();
    }
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let once = encode(secret);
    let json = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let mut forms = vec![
        secret.to_owned(),
        encode(&once),
        once.replace('+', "%20"),
        once,
        json,
    ];
    for position in 0..forms.len() {
        let lower = lower_hex(&forms[position]);
        forms.push(lower);
    }
    forms.sort_by_key(|form| core::cmp::Reverse(form.len()));
    forms.dedup();
    forms
}

/// Percent-encoding with its digits in lower case.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        text + "%" + &digits.to_ascii_lowercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_never_gets_to_say_our_secrets() {
        let concealed = Concealed::default();
        concealed.add(&SecretString::from("hvs.abc"));
        concealed.add(&SecretString::from(""));
        assert_eq!(
            concealed.quote("token\n\t hvs.abc \u{1b}[31mis bad"),
            "token [redacted] [31mis bad"
        );
        assert_eq!(concealed.quote(&"é".repeat(900)).chars().count(), 501);
    }

    #[test]
    fn nor_what_signs_an_identity() {
        let signature = "c2lnbmF0dXJl".repeat(4);
        let concealed = Concealed::default();
        concealed.add(&SecretString::from(format!("e30.e30.{signature}")));
        let whole = format!("e30.e30.{signature} is bad");
        assert_eq!(concealed.quote(&whole), "[redacted] is bad");
        let part = format!("…30.{signature} is bad");
        assert_eq!(concealed.quote(&part), "…30.[redacted] is bad");
        concealed.add(&SecretString::from("hvs.a.b"));
        assert_eq!(concealed.quote("b"), "b");
    }

    #[test]
    fn what_is_shorter_than_a_signature_is_a_word() {
        let jwt = |length| format!("e30.e30.{}", "s".repeat(length));
        assert_eq!(signature(&jwt(42)), None);
        assert_eq!(signature(&jwt(43)), Some("s".repeat(43).as_str()));
    }

    #[test]
    fn nor_in_the_form_in_which_they_were_sent() {
        let concealed = Concealed::default();
        concealed.add(&SecretString::from("1//a b+c\"d"));
        for said in [
            "1//a b+c\"d",
            "refresh_token=1%2F%2Fa+b%2Bc%22d&x",
            "refresh_token=1%2f%2fa%20b%2bc%22d&x",
            "subject_token=1%252F%252Fa%2Bb%252Bc%2522d&x",
            r#"{"token":"1//a b+c\"d"}"#,
        ] {
            let quoted = concealed.quote(said);
            assert!(quoted.contains("[redacted]"), "{said}: {quoted}");
            assert!(
                !quoted.contains("a b") && !quoted.contains("c%"),
                "{quoted}"
            );
        }
    }
}
