//! A service account that has its key here.

use std::time::{SystemTime, UNIX_EPOCH};

use cargo_credential_bridge_backend::Error;
use serde_json::json;

use crate::credentials_file::CredentialsFile;
use crate::jwt;
use crate::login::{LIFETIME, Login, SCOPE};

/// Google refuses what was signed in the future, and clocks differ by so many seconds.
const CLOCK_SKEW: u64 = 10;

/// A JWT that Google's services take as an access token: nobody need be asked for one (AIP-4111).
pub(crate) fn login(file: &CredentialsFile) -> Result<Login, Error> {
    let email = file.need("client_email", file.content.client_email.as_deref())?;
    let now = now();
    let claims = json!({
        "iss": email,
        "sub": email,
        "scope": SCOPE,
        "iat": now.saturating_sub(CLOCK_SKEW),
        "exp": now + LIFETIME,
    });
    let token = jwt::sign(&claims, file)?;
    Ok(Login::new(token, Some(format!("serviceAccount:{email}"))))
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
