//! Windows' Credential Manager.

use std::io;

use cargo_credential::{Action, Credential as _, CredentialResponse, RegistryInfo};
use cargo_credential_bridge_backend::Environment;
use cargo_credential_wincred::WindowsCredential;

use super::{Failure, words};

/// `ERROR_NO_SUCH_LOGON_SESSION`: a logon without credentials of its own, as a service's over the network.
/// Source: Microsoft's page on `CredReadW`.
const NO_LOGON_SESSION: i32 = 1312;

/// `CRED_MAX_CREDENTIAL_BLOB_SIZE`. Source: Microsoft's page on `CREDENTIALW`.
const LIMIT: usize = 5 * 512;

/// As the crate does it.
pub(super) fn perform(
    registry: &RegistryInfo<'_>,
    action: &Action<'_>,
    _environment: &Environment,
) -> Result<CredentialResponse, Failure> {
    if let Action::Login(options) = action
        && let Some(token) = &options.token
        && token.clone().expose().len() > LIMIT
    {
        return Err(Failure::Failed(vec![format!(
            "Windows keeps no more than {LIMIT} bytes, and the token is longer"
        )]));
    }
    let performed = WindowsCredential.perform(registry, action, &[]);
    performed.map_err(|error| match error {
        cargo_credential::Error::NotFound => Failure::NotFound,
        cargo_credential::Error::Other(error) => {
            let code = error.downcast_ref().and_then(io::Error::raw_os_error);
            match code {
                Some(NO_LOGON_SESSION) => Failure::NotHere {
                    why: words(&*error),
                    help: "credentials are kept for users who log on; a service has `\"cargo:token\"`",
                },
                _ => Failure::Failed(words(&*error)),
            }
        }
        error => Failure::Failed(words(&error)),
    })
}
