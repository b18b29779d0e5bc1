//! From a secret to the value of the `Authorization` header that Cargo sends.

mod asked;
mod field;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cargo_credential_bridge_backend::{Environment, Error, Kind, Payload, Value};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use self::field::select;
use crate::config::Fault;

pub(crate) use asked::{Asked, Changed};

/// The end of the year 9999: Cargo reads no later date.
pub(crate) const LAST_SECOND: i64 = 253_402_300_799;

/// How the secret becomes the value of the header.
#[derive(Debug)]
pub(crate) enum Scheme {
    /// As it is, as crates.io and Cargo's own registry API want it.
    Raw,
    /// What stands before and after the secret: `Bearer ` and nothing, or a template's.
    Around { before: String, after: String },
    /// `Basic`, and the base64 of user name, colon and secret (RFC 7617).
    Basic(Username),
}

#[derive(Debug)]
pub(crate) enum Username {
    Given(Value),
    /// A field of the same secret.
    Field(String),
}

impl Scheme {
    /// The scheme as the config says it.
    pub(crate) fn new(
        text: &str,
        username: Option<Value>,
        username_field: Option<String>,
    ) -> Result<Self, Fault> {
        let username = match (username, username_field) {
            (Some(_), Some(_)) => {
                return Err(Fault::new("both `username` and `username-field` are set"));
            }
            (Some(username), None) => Some(Username::Given(username)),
            (None, Some(field)) => Some(Username::Field(field)),
            (None, None) => None,
        };
        let scheme = match (text, username) {
            ("Basic", Some(username)) => return Ok(Self::Basic(username)),
            ("Basic", None) => {
                return Err(Fault::new("`Basic` needs a user name")
                    .help("set `username`, or `username-field` if it is in the same secret"));
            }
            (_, Some(_)) => {
                return Err(Fault::new("the scheme has no user name")
                    .help("`username` and `username-field` go with `scheme = \"Basic\"`"));
            }
            ("raw", None) => Self::Raw,
            ("Bearer", None) => Self::Around {
                before: "Bearer ".to_owned(),
                after: String::new(),
            },
            (template, None) => {
                let Some((before, after)) = template.split_once("{token}") else {
                    return Err(Fault::new("unknown scheme").help(
                        "it is `raw`, `Bearer` or `Basic`, written like this, or a template such as `Token {token}`",
                    ));
                };
                if after.contains("{token}") || !is_header_value(template) {
                    return Err(Fault::new("the scheme is no template")
                        .help("it has `{token}` once, and no line breaks"));
                }
                Self::Around {
                    before: before.to_owned(),
                    after: after.to_owned(),
                }
            }
        };
        Ok(scheme)
    }

    /// Takes apart what a person gave, and puts it together as it is kept.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if it is no token, or the user name makes no sense.
    pub(crate) fn parts(&self, given: &str, environment: &Environment) -> Result<Parts, Error> {
        let place = "what was given as a token";
        let whole = SecretString::from(given);
        check(&whole, place)?;
        let (secret, header) = match self {
            Self::Around { before, after } => {
                let inside = given.strip_prefix(before.as_str());
                let inside = inside.and_then(|rest| rest.strip_suffix(after.as_str()));
                (Some(inside.unwrap_or(given)), None)
            }
            Self::Basic(_) if given.starts_with("Basic ") => (None, Some(whole)),
            Self::Raw | Self::Basic(_) => (Some(given), None),
        };
        let secret = secret.map(SecretString::from);
        let header = match (&secret, self) {
            (None, _) | (_, Self::Basic(Username::Field(_))) => header,
            (Some(secret), _) => {
                let payload = Payload::Fields("{}".into());
                let field = |field: &str| Ok(select(&payload, Some(field), place)?.0);
                Some(self.apply(secret, field, place, environment)?)
            }
        };
        Ok(Parts { secret, header })
    }

    /// The value of the header; `field` gives another field of the same secret.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the user name or the result makes no sense.
    pub(crate) fn apply(
        &self,
        secret: &SecretString,
        field: impl Fn(&str) -> Result<SecretString, Error>,
        place: &str,
        environment: &Environment,
    ) -> Result<SecretString, Error> {
        let value: SecretString = match self {
            Self::Raw => secret.clone(),
            Self::Around { before, after } => {
                format!("{before}{}{after}", secret.expose_secret()).into()
            }
            Self::Basic(username) => {
                let username = match username {
                    Username::Given(value) => value.resolve("username", environment)?.into(),
                    Username::Field(name) => field(name)?,
                };
                if username.expose_secret().contains(':') {
                    return Err(Error::new(
                        Kind::Invalid,
                        "the user name for `Basic` has a colon in it, where its password would start",
                    ));
                }
                let pair: SecretString =
                    format!("{}:{}", username.expose_secret(), secret.expose_secret()).into();
                format!("Basic {}", STANDARD.encode(pair.expose_secret())).into()
            }
        };
        check(secret, place)?;
        check(&value, place)?;
        Ok(value)
    }
}

/// A token as a person gives it to `cargo login`, the secret alone or with the scheme around it, in the two forms in
/// which it is kept.
pub(crate) struct Parts {
    secret: Option<SecretString>,
    header: Option<SecretString>,
}

impl Parts {
    /// What a store keeps, where the scheme is added on the way to Cargo.
    pub(crate) fn secret(&self, place: &str) -> Result<&SecretString, Error> {
        self.secret.as_ref().ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                format!("the token that was given has its scheme with it, and {place} keeps the password alone"),
            )
            .help("give the password alone")
        })
    }

    /// What Cargo's own providers keep: the value of the header.
    pub(crate) fn header(&self, place: &str) -> Result<&SecretString, Error> {
        self.header.as_ref().ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                format!("{place} keeps the whole value of the header, and the user name for it is in a field of a secret"),
            )
            .help("give `Basic` and the base64 of user name, colon and password")
        })
    }
}

/// The rule that Cargo has for tokens: not empty, printable ASCII and tabs. Anything else would be a broken
/// header, or two.
pub(crate) fn check(value: &SecretString, place: &str) -> Result<(), Error> {
    let text = value.expose_secret();
    let why = if text.is_empty() {
        "is empty"
    } else if is_header_value(text) {
        return Ok(());
    } else if text.is_ascii() {
        "has control characters in it, such as a line break"
    } else {
        "has characters in it that are not ASCII"
    };
    Err(
        Error::new(Kind::Invalid, format!("the token in {place} {why}"))
            .help("store the token alone, on one line"),
    )
}

fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'))
}

/// When the token expires, in Unix seconds, if it is a JWT that says so (RFC 7519, section 4.1.4).
pub(crate) fn jwt_expiration(secret: &SecretString) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: serde_json::Number,
    }

    let mut parts = secret.expose_secret().split('.');
    let (Some(header), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let decode = |part| URL_SAFE_NO_PAD.decode(part).ok();
    serde_json::from_slice::<serde::de::IgnoredAny>(&decode(header)?).ok()?;
    let claims: Claims = serde_json::from_slice(&decode(payload)?).ok()?;
    // A date in JSON may have a fraction.
    claims
        .exp
        .as_i64()
        .or_else(|| claims.exp.as_f64().map(|exp| exp as i64))
        // Milliseconds, say, are no date that Cargo can read.
        .filter(|exp| (0..=LAST_SECOND).contains(exp))
}

/// The Unix time, in seconds.
pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(scheme: &Scheme, token: &str) -> Result<String, Error> {
        let environment = Environment::fixed([("USER_NAME", "ci")], "/");
        let payload = Payload::Fields(r#"{"token":"x","user":"bot"}"#.into());
        let field = |field: &str| Ok(select(&payload, Some(field), "`t`")?.0);
        scheme
            .apply(&token.into(), field, "`t`", &environment)
            .map(|value| value.expose_secret().to_owned())
    }

    fn value(text: &str) -> Value {
        Value::Given(text.to_owned())
    }

    #[test]
    fn schemes() {
        let scheme = |text| Scheme::new(text, None, None).unwrap();
        assert_eq!(apply(&scheme("raw"), "tok en").unwrap(), "tok en");
        assert_eq!(apply(&scheme("Bearer"), "tok").unwrap(), "Bearer tok");
        assert_eq!(
            apply(&scheme("Token token={token};"), "tok").unwrap(),
            "Token token=tok;"
        );
        let basic = Scheme::new("Basic", Some(value("Aladdin")), None).unwrap();
        // The example of RFC 7617.
        assert_eq!(
            apply(&basic, "open sesame").unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        let field = Scheme::new("Basic", None, Some("user".to_owned())).unwrap();
        assert_eq!(
            apply(&field, "x").unwrap(),
            format!("Basic {}", STANDARD.encode("bot:x"))
        );
        let colon = Scheme::new("Basic", Some(value("a:b")), None).unwrap();
        assert!(apply(&colon, "x").is_err());
    }

    #[test]
    fn what_a_person_gives_as_a_token_is_kept_in_two_forms() {
        let environment = Environment::fixed([("USER_NAME", "ci")], "/");
        let bearer = Scheme::new("Bearer", None, None).unwrap();
        let basic = Scheme::new("Basic", Some(value("Aladdin")), None).unwrap();
        let field = Scheme::new("Basic", None, Some("user".to_owned())).unwrap();
        let encoded = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        for (scheme, given, secret, header) in [
            (&Scheme::Raw, "tok", Some("tok"), Some("tok")),
            (&bearer, "tok", Some("tok"), Some("Bearer tok")),
            (&bearer, "Bearer tok", Some("tok"), Some("Bearer tok")),
            (&basic, "open sesame", Some("open sesame"), Some(encoded)),
            (&basic, encoded, None, Some(encoded)),
            (&field, "open sesame", Some("open sesame"), None),
            (&field, encoded, None, Some(encoded)),
        ] {
            let parts = scheme.parts(given, &environment).unwrap();
            let shown = |part: Result<&SecretString, Error>| {
                part.ok().map(|part| part.expose_secret().to_owned())
            };
            assert_eq!(shown(parts.secret("`s`")).as_deref(), secret, "{given}");
            assert_eq!(shown(parts.header("`s`")).as_deref(), header, "{given}");
        }
        for given in ["", "a\nb", "é"] {
            assert!(bearer.parts(given, &environment).is_err());
        }
        // Nothing but the scheme is no token.
        assert!(bearer.parts("Bearer ", &environment).is_err());
    }

    #[test]
    fn schemes_that_make_no_sense() {
        for (text, username, field) in [
            ("bearer", None, None),
            ("Basic", None, None),
            ("raw", Some(value("x")), None),
            ("Basic", Some(value("x")), Some("y".to_owned())),
            ("{token}{token}", None, None),
            ("a\r\n{token}", None, None),
        ] {
            assert!(Scheme::new(text, username, field).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_header_value_is_refused_and_not_repeated() {
        for bad in [
            "",
            "s3cret\nX-Evil: 1",
            "s3cret\r",
            "s3cret\0",
            "s3crét",
            "s3cret\u{7f}",
        ] {
            let error = apply(&Scheme::Raw, bad).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(!error.to_string().contains("s3cr"), "{error}");
        }
        assert_eq!(apply(&Scheme::Raw, "a\tb ~!").unwrap(), "a\tb ~!");
    }

    #[test]
    fn the_expiry_of_a_jwt() {
        let jwt = |header: &str, payload: &str| {
            let secret = format!(
                "{}.{}.c2ln",
                URL_SAFE_NO_PAD.encode(header),
                URL_SAFE_NO_PAD.encode(payload)
            );
            jwt_expiration(&secret.into())
        };
        assert_eq!(
            jwt(r#"{"alg":"RS256"}"#, r#"{"exp":1700000000}"#),
            Some(1_700_000_000)
        );
        assert_eq!(
            jwt(r#"{"alg":"RS256"}"#, r#"{"exp":1700000000.9}"#),
            Some(1_700_000_000)
        );
        assert_eq!(jwt(r#"{"alg":"RS256"}"#, r#"{"sub":"x"}"#), None);
        assert_eq!(jwt("no json", r#"{"exp":1700000000}"#), None);
        assert_eq!(jwt(r#"{"alg":"RS256"}"#, r#"{"exp":1999999999999}"#), None);
        assert_eq!(jwt_expiration(&"a.b.c".into()), None);
        assert_eq!(jwt_expiration(&"opaque".into()), None);
    }

    #[test]
    fn now_is_later_than_this_was_written() {
        assert!((1_760_000_000..LAST_SECOND).contains(&now()));
    }
}
