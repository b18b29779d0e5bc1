//! macOS' Keychain.

use cargo_credential::{Action, Credential as _, CredentialResponse, RegistryInfo};
use cargo_credential_bridge_backend::Environment;
use cargo_credential_macos_keychain::MacKeychain;
use security_framework::base::Error;
use security_framework::os::macos::keychain::SecKeychain;

use super::{Failure, words};

/// `errSecInteractionNotAllowed`: it is locked, and there is nobody to ask, as over SSH. Source: Apple's `SecBase.h`.
const NO_INTERACTION: i32 = -25308;

/// As the crate does it.
pub(super) fn perform(
    registry: &RegistryInfo<'_>,
    action: &Action<'_>,
    _environment: &Environment,
) -> Result<CredentialResponse, Failure> {
    // The crate panics without one.
    if let Err(error) = SecKeychain::default() {
        return Err(Failure::NotHere {
            why: words(&error),
            help: "`security default-keychain` says which keychain is the default",
        });
    }
    let performed = MacKeychain.perform(registry, action, &[]);
    performed.map_err(|error| match error {
        cargo_credential::Error::NotFound => Failure::NotFound,
        cargo_credential::Error::Other(error) => match error.downcast_ref::<Error>() {
            Some(known) if known.code() == NO_INTERACTION => Failure::NotHere {
                why: words(known),
                help: "`security unlock-keychain` unlocks it in a session without a screen",
            },
            _ => Failure::Failed(words(&*error)),
        },
        error => Failure::Failed(words(&error)),
    })
}
