//! The wire between Cargo and a credential provider, version 1: one line of JSON each way.
//!
//! Source: the Cargo book, "Credential Provider Protocol". The types are our own because those of the
//! `cargo-credential` crate borrow their strings, so that any escape in an argument or a login token fails,
//! with an error that repeats it.

use core::fmt;

use cargo_credential_bridge_backend::log::Public;
use cargo_credential_bridge_backend::{Fields, step};
use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

/// The first thing that Cargo reads, before it sends anything.
pub(crate) const HELLO: &[u8] = b"{\"v\":[1]}\n";

/// The only version there is.
const VERSION: u64 = 1;

/// What Cargo asks.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) index_url: String,
    /// What Cargo calls the registry, where it has a name: any repository may give any, so it decides nothing.
    pub(crate) name: Option<String>,
    /// Whether the registry answered 401 to an anonymous request before this: Cargo passes its headers on.
    pub(crate) was_challenged: bool,
    pub(crate) action: Action,
    /// The line itself, which may hold a token.
    line: SecretSlice<u8>,
}

/// Cargo's actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A token for an operation.
    Get(Operation),
    /// `cargo login`.
    Login,
    /// `cargo logout`.
    Logout,
    /// An action, or an operation of `get`, that is newer than we are.
    Unknown,
}

/// What `cargo login` brings along.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Login {
    /// The token, where it was on the standard input of Cargo.
    #[serde(default)]
    pub(crate) token: Option<SecretString>,
    /// Where a person gets one.
    #[serde(default)]
    pub(crate) login_url: Option<String>,
    /// The arguments of the provider, and then those behind the `--` of `cargo login`.
    #[serde(default, rename = "args")]
    pub(crate) arguments: Vec<SecretString>,
}

/// What an operation is about, as far as Cargo says: `publish` names all of it, `yank` no checksum, `owners` a crate only.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Subject {
    /// The crate.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Its version.
    #[serde(default, rename = "vers")]
    pub(crate) version: Option<String>,
    /// The SHA-256 of its package, in hexadecimal digits.
    #[serde(default, rename = "cksum")]
    pub(crate) checksum: Option<String>,
}

/// What a token is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Publish,
    Yank,
    Unyank,
    Owners,
}

/// What we answer.
pub(crate) enum Answer {
    /// The value of the `Authorization` header.
    Token {
        token: SecretString,
        cache: Cache,
        operation_independent: bool,
    },
    /// `cargo login` did what it was for.
    LoggedIn,
    /// So did `cargo logout`.
    LoggedOut,
    UrlNotSupported,
    NotFound,
    OperationNotSupported,
    /// Anything else; Cargo shows it as a chain.
    Other {
        message: String,
        caused_by: Vec<String>,
    },
}

/// How long Cargo may keep a token for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    /// For this one request.
    Never,
    /// For this invocation of Cargo.
    Session,
    /// Until this Unix time, in seconds, less the minute that Cargo takes off.
    Expires(i64),
}

/// A request as it is written. Unknown fields, at every level, are for others.
#[derive(Deserialize)]
struct WireRequest {
    v: u64,
    registry: Option<WireRegistry>,
    kind: Option<String>,
    operation: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireRegistry {
    index_url: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    headers: Vec<serde::de::IgnoredAny>,
}

#[derive(Serialize)]
enum WireAnswer<'a> {
    Ok(WireToken<'a>),
    #[serde(rename = "Ok")]
    Done {
        kind: &'static str,
    },
    Err(WireError<'a>),
}

#[derive(Serialize)]
struct WireToken<'a> {
    kind: &'static str,
    token: &'a str,
    cache: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<i64>,
    operation_independent: bool,
}

#[derive(Serialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
enum WireError<'a> {
    UrlNotSupported,
    NotFound,
    OperationNotSupported,
    Other {
        message: &'a str,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        caused_by: &'a [String],
    },
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// The answer to give instead. It does not repeat the line, which may hold a token.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Answer> {
        let wire: WireRequest = serde_json::from_slice(line).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Eof => "it is cut off",
                serde_json::error::Category::Data => "it is not what the protocol lays down",
                _ => "it is not JSON",
            };
            Answer::other(
                "can't read the request",
                [format!("{what}, at column {} of the line", error.column())],
            )
        })?;
        if wire.v != VERSION {
            return Err(Answer::other(
                format!("unsupported protocol version {}", wire.v),
                [],
            ));
        }
        let registry = wire
            .registry
            .ok_or_else(|| Answer::other("the request names no registry", []))?;
        let action = match (wire.kind.as_deref(), wire.operation.as_deref()) {
            (Some("get"), operation) => operation
                .and_then(Operation::from_wire)
                .map_or(Action::Unknown, Action::Get),
            (Some("login"), _) => Action::Login,
            (Some("logout"), _) => Action::Logout,
            _ => Action::Unknown,
        };
        Ok(Self {
            index_url: registry.index_url,
            name: registry.name,
            line: SecretSlice::from(line.to_vec()),
            was_challenged: !registry.headers.is_empty(),
            action,
        })
    }
}

impl Request {
    /// What `cargo login` brings along.
    pub(crate) fn login(&self) -> Result<Login, Answer> {
        // The words of the error would repeat a value.
        serde_json::from_slice(self.line.expose_secret()).map_err(|_| {
            Answer::other(
                "can't read the request",
                ["it is not what the protocol lays down for a login".to_owned()],
            )
        })
    }

    /// What the operation is about. What is no text names nothing.
    pub(crate) fn subject(&self) -> Subject {
        serde_json::from_slice(self.line.expose_secret()).unwrap_or_default()
    }

    /// The request as a plugin is to read it: the same in all, but with arguments of its own, and with the token that
    /// is to be stored.
    pub(crate) fn passed_on(
        &self,
        arguments: &[String],
        token: Option<&SecretString>,
    ) -> Option<SecretString> {
        let line = str::from_utf8(self.line.expose_secret()).ok()?;
        let mut line = match arguments {
            [] => match Fields::parse(line)?.without("args") {
                Some(line) => line,
                None => line.trim_end().into(),
            },
            _ => {
                let arguments = serde_json::to_string(arguments).ok()?;
                Fields::parse(line)?.with_json("args", &arguments.into())
            }
        };
        if let Some(token) = token {
            line = Fields::parse(line.expose_secret())?.with("token", token);
        }
        Some(line)
    }
}

impl Public for Action {}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get(operation) => write!(f, "get {}", operation.as_str()),
            Self::Login => f.write_str("login"),
            Self::Logout => f.write_str("logout"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl Public for Cache {}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Session => f.write_str("session"),
            Self::Expires(at) => write!(f, "until {at}"),
        }
    }
}

impl Operation {
    pub(crate) const ALL: [Self; 5] = [
        Self::Read,
        Self::Publish,
        Self::Yank,
        Self::Unyank,
        Self::Owners,
    ];

    /// The name on the wire and in the config.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Yank => "yank",
            Self::Unyank => "unyank",
            Self::Owners => "owners",
        }
    }

    /// The operation of this name.
    pub(crate) fn from_wire(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == name)
    }
}

impl Answer {
    pub(crate) fn other(
        message: impl Into<String>,
        caused_by: impl IntoIterator<Item = String>,
    ) -> Self {
        Self::Other {
            message: message.into(),
            caused_by: caused_by.into_iter().collect(),
        }
    }

    /// Says in the log which answer it is.
    pub(crate) fn log(&self) {
        match self {
            Self::Token { cache, .. } => step!("answer", kind = "token", cache = *cache),
            _ => step!("answer", kind = self.kind()),
        }
    }

    /// Which answer it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::LoggedIn => "logged-in",
            Self::LoggedOut => "logged-out",
            Self::UrlNotSupported => "url-not-supported",
            Self::NotFound => "not-found",
            Self::OperationNotSupported => "operation-not-supported",
            Self::Other { .. } => "other",
        }
    }

    /// Hands the line to `write`, and forgets it.
    pub(crate) fn write(&self, write: impl FnOnce(&[u8])) {
        let wire = match self {
            Self::Token {
                token,
                cache,
                operation_independent,
            } => {
                let (cache, expiration) = match cache {
                    Cache::Never => ("never", None),
                    Cache::Session => ("session", None),
                    Cache::Expires(at) => ("expires", Some(*at)),
                };
                WireAnswer::Ok(WireToken {
                    kind: "get",
                    token: token.expose_secret(),
                    cache,
                    expiration,
                    operation_independent: *operation_independent,
                })
            }
            Self::LoggedIn => WireAnswer::Done { kind: "login" },
            Self::LoggedOut => WireAnswer::Done { kind: "logout" },
            Self::UrlNotSupported => WireAnswer::Err(WireError::UrlNotSupported),
            Self::NotFound => WireAnswer::Err(WireError::NotFound),
            Self::OperationNotSupported => WireAnswer::Err(WireError::OperationNotSupported),
            Self::Other { message, caused_by } => {
                WireAnswer::Err(WireError::Other { message, caused_by })
            }
        };
        // Room for any token, so that no copy is left behind where the buffer grew.
        let mut line = Vec::with_capacity(16 << 10);
        serde_json::to_writer(&mut line, &wire).expect("strings and numbers are JSON");
        line.push(b'\n');
        write(&line);
        // What was written, and not the room beside it: four instructions a byte, 65 thousand in all.
        line.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(answer: &Answer) -> String {
        let mut text = String::new();
        answer.write(|line| text = String::from_utf8(line.to_vec()).unwrap());
        text
    }

    #[test]
    fn a_request_that_cannot_be_read_is_told_from_one_that_was_cut_off() {
        for (request, what) in [
            ("{\"v\":1,", "it is cut off, at column 7 of the line"),
            (
                "{\"v\":\"s3cret\"}",
                "it is not what the protocol lays down, at column 13 of the line",
            ),
            ("s3cret", "it is not JSON, at column 1 of the line"),
        ] {
            let Err(answer) = Request::parse(request.as_bytes()) else {
                panic!("{request} is a request");
            };
            assert_eq!(
                line(&answer),
                line(&Answer::other("can't read the request", [what.to_owned()]))
            );
        }
    }

    #[test]
    fn a_plugin_reads_its_own_arguments_and_no_others() {
        let read = |args: &str| {
            format!(
                r#"{{"v":1,"registry":{{"index-url":"u"}},"kind":"get","operation":"read"{args}}}"#
            )
        };
        let Ok(request) = Request::parse(read(r#","args":["theirs"]"#).as_bytes()) else {
            panic!("it is a request");
        };
        for (own, args) in [(&[][..], ""), (&["own".to_owned()], r#","args":["own"]"#)] {
            let line = request.passed_on(own, None).unwrap();
            let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
            assert_eq!(value(line.expose_secret()), value(&read(args)));
        }
    }

    #[test]
    fn answers_byte_for_byte() {
        let token = |cache, operation_independent| {
            line(&Answer::Token {
                token: "Bearer \"x\\".into(),
                cache,
                operation_independent,
            })
        };
        assert_eq!(
            token(Cache::Session, true),
            "{\"Ok\":{\"kind\":\"get\",\"token\":\"Bearer \\\"x\\\\\",\"cache\":\"session\",\"operation_independent\":true}}\n"
        );
        assert_eq!(
            token(Cache::Expires(1_700_000_000), false),
            "{\"Ok\":{\"kind\":\"get\",\"token\":\"Bearer \\\"x\\\\\",\"cache\":\"expires\",\"expiration\":1700000000,\"operation_independent\":false}}\n"
        );
        assert!(token(Cache::Never, false).contains("\"cache\":\"never\""));
        for (answer, expected) in [
            (Answer::LoggedIn, "{\"Ok\":{\"kind\":\"login\"}}\n"),
            (Answer::LoggedOut, "{\"Ok\":{\"kind\":\"logout\"}}\n"),
            (
                Answer::UrlNotSupported,
                "{\"Err\":{\"kind\":\"url-not-supported\"}}\n",
            ),
            (Answer::NotFound, "{\"Err\":{\"kind\":\"not-found\"}}\n"),
            (
                Answer::OperationNotSupported,
                "{\"Err\":{\"kind\":\"operation-not-supported\"}}\n",
            ),
            (
                Answer::other("E3", ["E2".to_owned(), "E1".to_owned()]),
                "{\"Err\":{\"kind\":\"other\",\"message\":\"E3\",\"caused-by\":[\"E2\",\"E1\"]}}\n",
            ),
            (
                Answer::other("E", []),
                "{\"Err\":{\"kind\":\"other\",\"message\":\"E\"}}\n",
            ),
        ] {
            assert_eq!(line(&answer), expected);
        }
    }
}
