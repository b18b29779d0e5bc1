//! Cargo's own providers and its plugins, as sources: what a string in a chain stands for.
//!
//! Cargo asks one provider for a registry and no other when that one has nothing, so the chain is ours, and what Cargo
//! would have asked is asked here.
//!
//! Source: the Cargo book, "Registry Authentication" and "Credential Provider Protocol".

pub(crate) mod cargo_token;
mod from_stdout;
mod keyring;
mod plugin;

use core::fmt;

use cargo_credential_bridge_backend::{Context, Error, Kind};
use secrecy::SecretString;

use crate::protocol::{Cache, Request};
use keyring::Keyring;
#[cfg(any(test, fuzzing))]
pub(crate) use plugin::fuzzing as plugin_laws;

/// One of Cargo's providers, or a plugin.
#[derive(Debug)]
pub(crate) enum Provider {
    /// `cargo:token`: a variable, or the file that `cargo login` writes.
    Token,
    /// `cargo:libsecret` and the like: where the operating system keeps passwords.
    Keyring(Keyring),
    /// `cargo:token-from-stdout CMD ARGS…`: a program that prints a token.
    TokenFromStdout(Command),
    /// A program that speaks the protocol, as we do.
    Plugin(Command),
}

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
}

/// What a provider gives: the value of the header, and on what terms Cargo may keep it.
pub(crate) struct Given {
    pub(crate) token: SecretString,
    pub(crate) terms: Terms,
}

/// How long Cargo may keep a token, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) cache: Cache,
    pub(crate) operation_independent: bool,
}

/// As good as the invocation is long, for every operation: what Cargo's own providers say, and stores don't contradict.
impl Default for Terms {
    fn default() -> Self {
        Self {
            cache: Cache::Session,
            operation_independent: true,
        }
    }
}

impl Provider {
    /// The provider that these words call, the first of which is its name.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub(crate) fn parse(words: Vec<String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let name = words.next().ok_or("the source is empty")?;
        let arguments: Vec<_> = words.collect();
        match name.as_str() {
            "cargo:token-from-stdout" => {
                let mut words = arguments.into_iter();
                let program = words
                    .next()
                    .ok_or("`cargo:token-from-stdout` needs a program that prints the token")?;
                Ok(Self::TokenFromStdout(Command {
                    program,
                    arguments: words.collect(),
                }))
            }
            "cargo:paseto" => Err(
                "`cargo:paseto` signs each request with a key, which Cargo does itself and no provider can: \
                 it can't be in a chain"
                    .to_owned(),
            ),
            "cargo:token" if arguments.is_empty() => Ok(Self::Token),
            "cargo:token" => Err("`cargo:token` takes no arguments".to_owned()),
            "os" | "cargo:libsecret" | "cargo:macos-keychain" | "cargo:wincred"
                if !arguments.is_empty() =>
            {
                Err(format!("`{name}` takes no arguments"))
            }
            "os" => Ok(Self::Keyring(Keyring::OF_THIS_SYSTEM)),
            "cargo:libsecret" => Ok(Self::Keyring(Keyring::Libsecret)),
            "cargo:macos-keychain" => Ok(Self::Keyring(Keyring::MacosKeychain)),
            "cargo:wincred" => Ok(Self::Keyring(Keyring::Wincred)),
            _ if name.starts_with("cargo:") => Err(format!("Cargo has no provider `{name}`")),
            _ if is_program(&name) => Ok(Self::Plugin(Command {
                program: name,
                arguments,
            })),
            // It may be anything, a secret in the wrong place above all.
            _ => Err("a source that is neither a provider of Cargo's nor a plugin".to_owned()),
        }
    }

    /// Asks it.
    pub(crate) async fn get(&self, request: &Request, context: &Context) -> Result<Given, Error> {
        let token = match self {
            Self::Token => cargo_token::get(request, context)?,
            Self::Keyring(keyring) => keyring::get(*keyring, request, context).await?,
            Self::TokenFromStdout(command) => from_stdout::ask(command, request, context).await?,
            Self::Plugin(command) => return plugin::get(command, request, context).await,
        };
        Ok(Given {
            token,
            terms: Terms::default(),
        })
    }

    /// Whether it keeps what it is given. A plugin says so itself, when it is asked.
    pub(crate) fn is_writable(&self) -> bool {
        !matches!(self, Self::TokenFromStdout(_))
    }

    /// Stores the value of the header, or with none erases the one that is stored. Gives what the user should know.
    pub(crate) async fn change(
        &self,
        request: &Request,
        token: Option<&SecretString>,
        context: &Context,
    ) -> Result<Option<String>, Error> {
        match self {
            Self::Token => cargo_token::change(request, token, context).await,
            Self::Keyring(keyring) => keyring::change(*keyring, request, token, context)
                .await
                .map(|()| None),
            Self::TokenFromStdout(_) => Err(Error::new(
                Kind::NotAvailable,
                format!("{self}, which nothing can be stored in"),
            )),
            Self::Plugin(command) => plugin::change(command, request, token, context)
                .await
                .map(|()| None),
        }
    }
}

/// Whether the one who asks is a plugin that we are waiting for: we would go round for ever.
pub(crate) fn is_asked_by_itself(request: &Request) -> bool {
    std::env::var(plugin::ASKED).is_ok_and(|asked| asked == request.index_url)
}

/// Whether it is a program: a path, or named as Cargo's plugins are.
fn is_program(name: &str) -> bool {
    name.contains(std::path::is_separator) || name.starts_with("cargo-credential-")
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("`cargo:token`"),
            Self::Keyring(keyring) => write!(f, "`{keyring}`"),
            // Arguments may hold what is not for everyone.
            Self::TokenFromStdout(command) => write!(f, "what `{}` prints", command.program),
            Self::Plugin(command) => write!(f, "the plugin `{}`", command.program),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Provider, String> {
        Provider::parse(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn words_and_what_they_call() {
        for (words, expected) in [
            (
                &["cargo-credential-x", "--arg", "a b"][..],
                "the plugin `cargo-credential-x`",
            ),
            (&["cargo:libsecret"], "`cargo:libsecret`"),
            (&["cargo:macos-keychain"], "`cargo:macos-keychain`"),
            (&["cargo:wincred"], "`cargo:wincred`"),
            (&["/opt/my plugins/x"], "the plugin `/opt/my plugins/x`"),
            (
                &["cargo:token-from-stdout", "pass", "show"],
                "what `pass` prints",
            ),
        ] {
            assert_eq!(parsed(words).unwrap().to_string(), expected);
        }
        for (words, why) in [
            (&["cargo:token-from-stdout"][..], "needs a program"),
            (&["cargo:paseto"], "can't be in a chain"),
            (&["cargo:token", "x"], "takes no arguments"),
            (&["os", "x"], "`os` takes no arguments"),
            (&["cargo:wincred", "x"], "takes no arguments"),
            (&["cargo:tokn"], "Cargo has no provider `cargo:tokn`"),
            (
                &["hvs-s3cret"],
                "a source that is neither a provider of Cargo's nor a plugin",
            ),
            (&[], "is empty"),
        ] {
            let error = parsed(words).unwrap_err();
            assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
        }
    }
}
