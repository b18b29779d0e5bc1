//! `cargo login` and `cargo logout`: into which source a token goes, and from which it is taken.

use std::io::{self, IsTerminal as _};

use cargo_credential_bridge_backend::{Environment, Error, Kind};
use secrecy::{ExposeSecret as _, SecretString};

use crate::answer::failure;
use crate::chain::{self, Chain};
use crate::config::{Config, Registry, Source};
use crate::note::note;
use crate::protocol::{Action, Answer, Login};
use crate::registry::IndexUrl;
use crate::token::Parts;

/// The argument of ours that has a token behind it.
const TOKEN: &str = "--token";

/// The token that is to be stored: as Cargo passes it on, else from our arguments, else from the person in front of the
/// terminal.
///
/// # Errors
///
/// [`Kind::Invalid`] if there is none, or it is none.
pub(crate) fn token(
    login: &Login,
    registry: &Registry,
    url: &IndexUrl,
    environment: &Environment,
) -> Result<Parts, Error> {
    let passed_on = login.token.as_ref().filter(|token| is_there(token));
    let given = match (passed_on, argument(&login.arguments)) {
        (Some(token), _) => token.clone(),
        (None, Some(token)) => {
            note(
                "the token is taken from the argument `--token`, which every process of this machine can see; standard \
                 input keeps it to itself",
            );
            token.clone()
        }
        (None, None) => prompt(url, login.login_url.as_deref())?,
    };
    let given = given.expose_secret().trim();
    // What a registry shows for copying is often the whole command line; Cargo cuts it off too.
    let given = given.strip_prefix("cargo login").unwrap_or(given).trim();
    registry.scheme.parts(given, environment)
}

fn is_there(token: &SecretString) -> bool {
    !token.expose_secret().trim().is_empty()
}

/// The token behind `--token`.
fn argument(arguments: &[SecretString]) -> Option<&SecretString> {
    let mut arguments = arguments.iter();
    arguments.find(|argument| argument.expose_secret() == TOKEN)?;
    arguments.next()
}

/// Asks the person in front of the terminal, if there is one. The deadline does not run meanwhile.
fn prompt(url: &IndexUrl, login_url: Option<&str>) -> Result<SecretString, Error> {
    let missing =
        || {
            Error::new(Kind::Invalid, format!("there is no token to store for `{url}`")).help(
            "`cargo login` reads it from standard input, or asks for it where there is a terminal",
        )
        };
    if !io::stderr().is_terminal() {
        return Err(missing());
    }
    let from = login_url.map(|url| {
        let url: String = url.chars().filter(|c| !c.is_control()).collect();
        format!(", found on {url}")
    });
    let text = format!(
        "please paste the token for {url}{}: ",
        from.unwrap_or_default()
    );
    let token = rpassword::prompt_password(text)
        .map_err(|error| missing().because(error.to_string()))
        .map(SecretString::from)?;
    match is_there(&token) {
        true => Ok(token),
        false => Err(missing()),
    }
}

/// Whether there is any source that may be changed.
pub(crate) fn is_possible(registry: &Registry) -> bool {
    registry.all_sources().any(Source::is_writable)
}

/// Stores the token in the first source that takes it, or erases it from the first that has it.
pub(crate) async fn change(
    chain: &mut Chain<'_>,
    config: &Config,
    registry: &Registry,
    url: &IndexUrl,
    token: Option<&Parts>,
) -> Answer {
    let mut passed_over = Vec::new();
    for source in registry.all_sources().filter(|source| source.is_writable()) {
        match chain.change(source, token).await {
            Ok(changed) => {
                let mut text = match token {
                    Some(_) => format!("the token for `{url}` is stored in {}", changed.place),
                    None => format!(
                        "the token for `{url}` is erased from {}; the registry takes it until it is revoked there",
                        changed.place
                    ),
                };
                for more in changed
                    .notes
                    .iter()
                    .chain(&asked_before(config, registry, source))
                {
                    text.push_str("; ");
                    text.push_str(more);
                }
                note(&text);
                return match token {
                    Some(_) => Answer::LoggedIn,
                    None => Answer::LoggedOut,
                };
            }
            Err(error) if error.kind() == Kind::NotAvailable => passed_over.push(error),
            // A login ends here: what it is to store would go where nobody looks for it.
            Err(error) if error.kind() == Kind::NotFound && token.is_none() => {
                passed_over.push(error);
            }
            Err(error) => return failure(&error),
        }
    }
    if passed_over
        .iter()
        .any(|error| error.kind() == Kind::NotFound)
    {
        return Answer::NotFound;
    }
    failure(&Error::joined(
        Kind::NotAvailable,
        "none of the places that keep this registry's token can be used here",
        passed_over,
    ))
}

/// What is asked before the source that was changed, and so hides the change where it has a token.
fn asked_before(config: &Config, registry: &Registry, changed: &Source) -> Option<String> {
    let places: Vec<_> = registry
        .all_sources()
        .take_while(|source| !core::ptr::eq(*source, changed))
        .map(|source| chain::place(config, source))
        .collect();
    match places.as_slice() {
        [] => None,
        [one] => Some(format!("{one} is asked before it")),
        several => Some(format!("{} are asked before it", several.join(" and "))),
    }
}

/// The answer where nothing may be changed: where the token is kept, and how a person changes it there.
pub(crate) fn read_only(
    config: &Config,
    registry: &Registry,
    url: &IndexUrl,
    action: Action,
) -> Answer {
    // The commands are without the token, whatever it is.
    let some = SecretString::default();
    let (action, token) = match action {
        Action::Login => ("login", Some(&some)),
        _ => ("logout", None),
    };
    let mut places = Vec::new();
    let mut helps = Vec::new();
    for source in registry.all_sources() {
        let place = format!("it is kept in {}", chain::place(config, source));
        if !places.contains(&place) {
            places.push(place);
        }
        if let Source::Secret(secret) = source {
            let (_, instance) = &config.backends[secret.backend];
            let by_hand = instance.by_hand(secret.reference.as_ref(), &secret.edit(token));
            let help = match instance.is_writable() {
                true => format!(
                    "{by_hand}; with `write = true` on the source, `cargo {action}` does it"
                ),
                false => by_hand,
            };
            if !helps.contains(&help) {
                helps.push(help);
            }
        }
    }
    let what = format!("`cargo {action}` can't change the token for `{url}`");
    let error = Error::new(Kind::Invalid, what).because_all(places);
    failure(&match helps.is_empty() {
        true => error.help("change it where it is kept"),
        false => error.help(helps.join("\n      ")),
    })
}
