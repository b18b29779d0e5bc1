//! Signed statements of a service account that has its key here (RFC 7519, RS256).
//!
//! Source: AIP-4111 "Self-signed JWT".

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cargo_credential_bridge_backend::{Error, ExposeSecret as _, SecretString};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::credentials_file::CredentialsFile;

/// `claims`, signed by the key in `file`.
pub(crate) fn sign(claims: &Value, file: &CredentialsFile) -> Result<SecretString, Error> {
    let pem = file.need("private_key", file.content.private_key.as_ref())?;
    // The words of who reads it may quote it.
    let broken = || file.invalid("has a `private_key` that is not an RSA key in PEM form");
    let key =
        PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| broken())?;
    let signer = any_supported_type(&key)
        .ok()
        .and_then(|key| key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]))
        .ok_or_else(broken)?;
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = &file.content.private_key_id {
        header["kid"] = id.as_str().into();
    }
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = signer.sign(signed.as_bytes()).map_err(|_| broken())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}
