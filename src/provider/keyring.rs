//! The keyrings of operating systems, by the crates that Cargo itself uses: what it stored is found, and it finds what
//! is stored here.
//!
//! An entry's key is the index URL as Cargo sends it, letter for letter.
//!
//! Source: the Cargo book, "Registry Authentication" (`cargo:libsecret`, `cargo:macos-keychain`, `cargo:wincred`), and
//! the crates `cargo-credential-*` of Cargo's repository.

#[cfg(all(target_os = "linux", not(target_feature = "crt-static")))]
mod session_bus;
#[cfg_attr(
    all(target_os = "linux", not(target_feature = "crt-static")),
    path = "keyring/libsecret.rs"
)]
#[cfg_attr(
    all(target_os = "linux", target_feature = "crt-static"),
    path = "keyring/none.rs"
)]
#[cfg_attr(
    not(any(target_os = "linux", target_os = "macos", windows)),
    path = "keyring/none.rs"
)]
#[cfg_attr(target_os = "macos", path = "keyring/keychain.rs")]
#[cfg_attr(windows, path = "keyring/wincred.rs")]
mod system;

use core::error::Error as StdError;
use core::fmt;

use cargo_credential::{Action, CredentialResponse, LoginOptions, Operation, RegistryInfo, Secret};
use cargo_credential_bridge_backend::{Context, Environment, Error, Kind};
use secrecy::{ExposeSecret as _, SecretString};

use crate::protocol::Request;

/// A keyring that Cargo knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyring {
    /// The Secret Service on Linux: GNOME Keyring, KWallet, KeePassXC.
    Libsecret,
    /// Keychain on macOS.
    MacosKeychain,
    /// Windows' Credential Manager.
    Wincred,
}

/// Why a keyring did not do what it was asked for.
#[allow(dead_code, reason = "a build without a keyring knows one of them")]
enum Failure {
    /// It has no entry.
    NotFound,
    /// There is none that this process could ask, and what to do about it.
    NotHere {
        why: Vec<String>,
        help: &'static str,
    },
    /// It was asked, and says this.
    Failed(Vec<String>),
}

/// The place of one registry's token in a keyring, as what goes to a thread of its own.
struct Entry {
    keyring: Keyring,
    index_url: String,
    /// A part of the label that people see beside the entry.
    name: Option<String>,
    environment: Environment,
}

/// The token of the registry that Cargo asks for.
///
/// # Errors
///
/// [`Kind::NotFound`] if there is no entry. One that is locked, and whose prompt nobody answered, is none to libsecret,
/// and to Cargo with it. [`Kind::NotAvailable`] if there is no such keyring here.
pub(super) async fn get(
    keyring: Keyring,
    request: &Request,
    context: &Context,
) -> Result<SecretString, Error> {
    on_a_thread(keyring, request, context, Entry::token).await
}

/// Stores the token of the registry, over the one before it, or with none removes the one that is stored.
///
/// # Errors
///
/// As [`get`], and [`Kind::Unavailable`] if the keyring afterwards does not hold what it should.
pub(super) async fn change(
    keyring: Keyring,
    request: &Request,
    token: Option<&SecretString>,
    context: &Context,
) -> Result<(), Error> {
    let token = token.cloned();
    on_a_thread(keyring, request, context, move |entry| match &token {
        Some(token) => entry.store(token),
        None => entry.remove(),
    })
    .await
}

/// Does something with the entry, until the deadline. A keyring may open a window to ask for its password, and waits for
/// it as long as it takes: the thread that waits with it is left behind, and ends with the process.
async fn on_a_thread<T: Send + 'static>(
    keyring: Keyring,
    request: &Request,
    context: &Context,
    work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let entry = Entry::new(keyring, request, &context.environment)?;
    let working = tokio::task::spawn_blocking(move || work(&entry));
    match tokio::time::timeout(context.deadline.remaining(), working).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(Error::new(
            Kind::Unavailable,
            format!("asking the keyring `{keyring}` broke off"),
        )
        .because_of(&error)
        .help("leave this source out, and please report it")),
        Err(_) => Err(Error::new(
            Kind::Timeout,
            format!(
                "the keyring `{keyring}` did not answer within {:?}",
                context.deadline.total()
            ),
        )
        .help(
            "does it wait for its password in a window? Unlock it first, or give it more time by `timeout`",
        )),
    }
}

impl Keyring {
    /// What `"os"` stands for. A system with no keyring that Cargo knows has what comes nearest.
    pub(super) const OF_THIS_SYSTEM: Self = match () {
        () if cfg!(windows) => Self::Wincred,
        () if cfg!(target_os = "macos") => Self::MacosKeychain,
        () => Self::Libsecret,
    };
}

impl fmt::Display for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Libsecret => "cargo:libsecret",
            Self::MacosKeychain => "cargo:macos-keychain",
            Self::Wincred => "cargo:wincred",
        })
    }
}

impl Entry {
    fn new(keyring: Keyring, request: &Request, environment: &Environment) -> Result<Self, Error> {
        if keyring != Keyring::OF_THIS_SYSTEM {
            return Err(not_here(keyring)
                .because(format!("this system is `{}`", std::env::consts::OS))
                .help("`\"os\"` stands for the keyring of whatever system it is"));
        }
        // What ends a text in C would make the crates panic.
        if request.index_url.contains('\0') {
            return Err(Error::new(
                Kind::Invalid,
                "the index URL has a zero byte in it",
            ));
        }
        Ok(Self {
            keyring,
            index_url: request.index_url.clone(),
            name: request.name.clone().filter(|name| !name.contains('\0')),
            environment: environment.clone(),
        })
    }

    fn token(&self) -> Result<SecretString, Error> {
        match self.perform(&Action::Get(Operation::Read))? {
            CredentialResponse::Get { token, .. } => Ok(token.expose().into()),
            _ => Err(self.failed(["it answers another question than it was asked".to_owned()])),
        }
    }

    fn store(&self, token: &SecretString) -> Result<(), Error> {
        if token.expose_secret().contains('\0') {
            return Err(Error::new(Kind::Invalid, "the token has a zero byte in it"));
        }
        self.perform(&Action::Login(LoginOptions {
            token: Some(Secret::from(token.expose_secret())),
            login_url: None,
        }))?;
        // The keychain's crate takes some failures for success.
        match self.token() {
            Ok(stored) if stored.expose_secret() == token.expose_secret() => Ok(()),
            Err(error) if error.kind() != Kind::NotFound => Err(error),
            _ => Err(self.failed(["it took the token, and has not kept it".to_owned()])),
        }
    }

    fn remove(&self) -> Result<(), Error> {
        // Libsecret's crate does not say whether there was one, nor whether it could be removed.
        self.token()?;
        self.perform(&Action::Logout)?;
        match self.token() {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                Err(self.failed(["it was told to remove the token, and still has it".to_owned()]))
            }
        }
    }

    fn perform(&self, action: &Action<'_>) -> Result<CredentialResponse, Error> {
        let registry = RegistryInfo {
            index_url: &self.index_url,
            name: self.name.as_deref(),
            headers: Vec::new(),
        };
        system::perform(&registry, action, &self.environment).map_err(|failure| match failure {
            Failure::NotFound => Error::new(
                Kind::NotFound,
                format!("`{}` has no token for `{}`", self.keyring, self.index_url),
            )
            .because("the keyring has no entry for this index URL, or is locked")
            .help("`cargo login` stores one; a keyring that is locked must be unlocked first"),
            Failure::NotHere { why, help } => not_here(self.keyring).because_all(why).help(help),
            Failure::Failed(words) => self.failed(words),
        })
    }

    fn failed(&self, words: impl IntoIterator<Item = String>) -> Error {
        Error::new(
            Kind::Unavailable,
            format!("the keyring `{}` failed", self.keyring),
        )
        .because_all(words)
        .help(format!(
            "is it unlocked? `credential-provider = \"{}\"` shows whether Cargo by itself gets further",
            self.keyring
        ))
    }
}

fn not_here(keyring: Keyring) -> Error {
    Error::new(
        Kind::NotAvailable,
        format!("the keyring `{keyring}` is not available here"),
    )
}

/// An error of the crates, and what is below it.
#[allow(dead_code, reason = "a build without a keyring has no such errors")]
fn words(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut words = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        words.push(error.to_string());
        next = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use cargo_credential_bridge_backend::Deadline;

    use super::*;

    const URL: &str = "sparse+https://crates.example.com/index/";

    fn ask(keyring: Keyring, url: &str) -> Error {
        let line = serde_json::json!({
            "v": 1, "kind": "get", "operation": "read", "registry": { "index-url": url, "name": "a\0b" },
        });
        let Ok(request) = Request::parse(line.to_string().as_bytes()) else {
            panic!("it is a request");
        };
        let context = Context {
            environment: Environment::fixed([("HOME", "/nowhere")], "/nowhere"),
            deadline: Deadline::after(Duration::from_secs(20)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let asked = runtime.block_on(get(keyring, &request, &context));
        match asked {
            Ok(_) => panic!("there is no such keyring here"),
            Err(error) => error,
        }
    }

    #[test]
    fn the_keyring_of_another_system_is_not_here() {
        for keyring in [Keyring::Libsecret, Keyring::MacosKeychain, Keyring::Wincred] {
            if keyring == Keyring::OF_THIS_SYSTEM {
                continue;
            }
            let error = ask(keyring, URL);
            assert_eq!(error.kind(), Kind::NotAvailable);
            assert_eq!(
                error.to_string(),
                format!(
                    "the keyring `{keyring}` is not available here: this system is `{}`",
                    std::env::consts::OS
                )
            );
            assert!(error.help_text().is_some());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn without_a_session_bus_there_is_no_keyring() {
        let error = ask(Keyring::OF_THIS_SYSTEM, URL);
        assert_eq!(error.kind(), Kind::NotAvailable, "{error}");
        assert!(error.help_text().is_some());
    }

    #[test]
    fn a_zero_byte_is_refused_before_the_crates_see_it() {
        let error = ask(
            Keyring::OF_THIS_SYSTEM,
            "sparse+https://crates.example.com/\0/",
        );
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
