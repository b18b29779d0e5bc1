//! Machines without a keyring: the next source is asked, and a note says why.

use test_servers::Provider;
use test_servers::provider::error_text;

use crate::session::{Service, Session};
use crate::{NEXT, URL, alone, provider, token};

/// Asks this keyring, on a machine that is made so: with another source behind it, and alone, which gives the reason.
fn not_here(keyring: &str, machine: impl Fn(Provider) -> Provider) -> String {
    let (found, told) = token(&machine(provider(&format!("\"{keyring}\""))), URL);
    assert_eq!(found, NEXT, "{told}");
    assert!(told.contains("` is not available here"), "{told}");
    let text = error_text(&machine(alone(&format!("\"{keyring}\""))).get(URL, "read"));
    assert!(text.contains("` is not available here\n"), "{text}");
    assert!(text.contains("\nhelp: "), "{text}");
    text
}

#[test]
fn no_session_bus() {
    let text = not_here("os", |provider| provider);
    assert!(text.contains("there is no session bus"), "{text}");
    for (address, why) in [
        ("unix:path=/nowhere/bus", "No such file or directory"),
        ("disabled:", "is no socket of this machine"),
        ("/dev/null", "is no socket of this machine"),
    ] {
        let text = not_here("os", |provider| {
            provider.env("DBUS_SESSION_BUS_ADDRESS", address)
        });
        assert!(text.contains(why), "{address}: {text}");
    }
}

#[test]
fn no_keyring_on_the_bus() {
    for (service, why) in [
        (Service::None, "org.freedesktop.secrets was not provided"),
        (Service::Broken, "exited with status 3"),
    ] {
        let session = Session::start(service);
        let text = not_here("cargo:libsecret", |provider| session.with(provider));
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn no_libsecret() {
    let session = Session::start(Service::Unlocked);
    session.store(URL, "k3pt-s3cret-token");
    let text = not_here("cargo:libsecret", |provider| {
        let provider = session.with(provider).file(
            "lib/libsecret-1.so.0",
            "this is no library, and in the way of the one that is\n",
        );
        let libraries = provider.home().join("lib");
        provider.env("LD_LIBRARY_PATH", libraries)
    });
    assert!(text.contains("failed to load libsecret"), "{text}");
}

#[test]
fn the_keyrings_of_other_systems() {
    let session = Session::start(Service::Unlocked);
    for name in ["cargo:macos-keychain", "cargo:wincred"] {
        let text = not_here(name, |provider| session.with(provider));
        assert!(text.contains("this system is `linux`"), "{text}");
    }
}
