//! libsecret, which is loaded when it is asked: no build needs it, and no machine has to have it.

use std::sync::OnceLock;

use cargo_credential::{Action, Credential as _, CredentialResponse, Error, RegistryInfo};
use cargo_credential_bridge_backend::Environment;
use cargo_credential_libsecret::LibSecretCredential;

use super::session_bus::SessionBus;
use super::{Failure, words};
use crate::guard;

/// The name under which a keyring is on the session bus. Source: freedesktop.org's "Secret Service API".
const SECRET_SERVICE: &str = "org.freedesktop.secrets";

/// Loaded once, and never unloaded: a process hangs that loads GLib a second time (rust-lang/cargo#15603).
static LIBRARY: OnceLock<Result<LibSecretCredential, Vec<String>>> = OnceLock::new();

/// As the crate does it, with the kind of failure that it leaves open.
pub(super) fn perform(
    registry: &RegistryInfo<'_>,
    action: &Action<'_>,
    environment: &Environment,
) -> Result<CredentialResponse, Failure> {
    // Without one GLib would start a new bus where there is a display, on which no keyring is unlocked.
    let Some(bus) = SessionBus::find(environment) else {
        return Err(Failure::NotHere {
            why: vec!["there is no session bus".to_owned()],
            help: "neither `DBUS_SESSION_BUS_ADDRESS` nor `$XDG_RUNTIME_DIR/bus` names one; `dbus-run-session` starts one",
        });
    };
    // GLib prints its log there, where `G_MESSAGES_DEBUG` asks for it.
    guard::keep_stdout_for_answers();
    let library = LIBRARY
        .get_or_init(|| LibSecretCredential::new().map_err(|error| words(&error)))
        .as_ref()
        .map_err(|why| Failure::NotHere {
            why: why.clone(),
            help: "install Debian's `libsecret-1-0`, or `libsecret` of other systems",
        })?;
    library
        .perform(registry, action, &[])
        .map_err(|error| match error {
            Error::NotFound => Failure::NotFound,
            // The crate gives words alone, which are the same for a keyring that fails and one that there is not.
            error => match bus.start(SECRET_SERVICE) {
                Ok(()) => Failure::Failed(words(&error)),
                Err(why) => Failure::NotHere {
                    why: [words(&error), vec![why.to_string()]].concat(),
                    help: "GNOME Keyring, KWallet or KeePassXC would be a keyring on this session bus",
                },
            },
        })
}
