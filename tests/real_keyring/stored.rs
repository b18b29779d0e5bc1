//! What a keyring holds.

use test_servers::Provider;
use test_servers::provider::error_text;

use crate::session::{Service, Session};
use crate::{NEXT, URL, alone, provider, token};

const TOKEN: &str = "k3pt-s3cret-token";

#[test]
fn by_the_name_of_the_library_and_by_the_name_of_the_system() {
    let session = Session::start(Service::Unlocked);
    session.store(URL, TOKEN);
    for source in ["\"cargo:libsecret\"", "\"os\""] {
        let provider = session.with(provider(source)).secret(TOKEN);
        assert_eq!(token(&provider, URL).0, TOKEN);
    }
    let provider = session
        .with_directory(provider("\"cargo:libsecret\""))
        .secret(TOKEN);
    let (found, told) = token(&provider, URL);
    assert_eq!((found.as_str(), told.as_str()), (TOKEN, ""));
}

#[test]
fn under_the_url_as_cargo_has_it_letter_for_letter() {
    let session = Session::start(Service::Unlocked);
    session.store(URL, TOKEN);
    let provider = session.with(provider("\"cargo:libsecret\"")).secret(TOKEN);
    // The config's entry is for each of these, and Cargo would not find the token under the second.
    let other = URL.trim_end_matches('/');
    let (found, told) = token(&provider, other);
    assert_eq!(found, NEXT);
    assert!(
        told.contains(&format!("`cargo:libsecret` has no token for `{other}`")),
        "{told}"
    );
    assert_eq!(token(&provider, URL).0, TOKEN);
}

#[test]
fn what_is_locked_makes_way() {
    let session = Session::start(Service::Unlocked);
    session.store(URL, TOKEN);
    let session = session.again(Service::Locked);
    let provider = session.with(provider("\"cargo:libsecret\"")).secret(TOKEN);
    let (found, told) = token(&provider, URL);
    assert_eq!(found, NEXT);
    assert!(told.contains("`cargo:libsecret` has no token"), "{told}");
    let session = session.again(Service::Unlocked);
    let provider = session.with(provider);
    assert_eq!(token(&provider, URL).0, TOKEN);
}

#[test]
fn a_keyring_that_never_answers_ends_at_the_deadline() {
    let session = Session::start(Service::Silent);
    let alone = edited(session.with(alone("\"os\"")), |config| {
        config.replace("5s", "400ms")
    });
    let text = error_text(&alone.get(URL, "read"));
    assert!(
        text.contains("the keyring `cargo:libsecret` did not answer within 400ms"),
        "{text}"
    );
    assert!(
        text.contains("help: does it wait for its password"),
        "{text}"
    );
    // The registry's entry may say that another source answers instead.
    let provider = edited(session.with(provider("\"os\"")), |config| {
        config.replace("5s", "1s") + "on-unavailable = \"next\"\n"
    });
    assert_eq!(token(&provider, URL).0, NEXT);
}

fn edited(provider: Provider, edit: impl Fn(String) -> String) -> Provider {
    let path = provider.home().join(".cargo/credential-bridge.toml");
    let text = edit(std::fs::read_to_string(path).unwrap());
    provider.config(&text)
}

#[test]
fn a_keyring_that_fails_is_an_error_in_its_own_words() {
    let session = Session::start(Service::Failing);
    let provider = session.with(provider("\"cargo:libsecret\""));
    let text = error_text(&provider.get(URL, "read"));
    assert_eq!(
        text,
        "the keyring `cargo:libsecret` failed\n\
         failed to get token: the disk of the keyring is full\n\
         help: is it unlocked? `credential-provider = \"cargo:libsecret\"` shows whether Cargo by itself gets further"
    );
}

#[test]
fn what_the_library_logs_is_not_taken_for_an_answer() {
    let session = Session::start(Service::Unlocked);
    session.store(URL, TOKEN);
    let provider = session
        .with(provider("\"cargo:libsecret\""))
        .secret(TOKEN)
        .env("G_MESSAGES_DEBUG", "all")
        .env("G_DBUS_DEBUG", "all");
    assert_eq!(token(&provider, URL).0, TOKEN);
}
