//! What stands for a keyring where there can be none.

use cargo_credential::{Action, CredentialResponse, RegistryInfo};
use cargo_credential_bridge_backend::Environment;

use super::Failure;

/// Says that there is none.
pub(super) fn perform(
    _registry: &RegistryInfo<'_>,
    _action: &Action<'_>,
    _environment: &Environment,
) -> Result<CredentialResponse, Failure> {
    Err(match cfg!(target_os = "linux") {
        // What is linked statically can't load a library safely: not at all with musl, and only the very same glibc's.
        true => Failure::NotHere {
            why: vec!["this build is linked statically, and can't load libsecret".to_owned()],
            help: "`cargo install cargo-credential-bridge` makes a build that can; where `secret-tool` is installed, \
                   `\"cargo:token-from-stdout secret-tool lookup url {index_url}\"` reads the same entries",
        },
        false => Failure::NotHere {
            why: vec![format!(
                "Cargo knows no keyring of `{}`",
                std::env::consts::OS
            )],
            help: "`\"cargo:token\"` is what Cargo has on this system",
        },
    })
}
