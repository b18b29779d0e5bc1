use core::fmt;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::HashAlgorithm;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, SupportedCipherSuite};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::authorities::Authorities;
use super::{Roots, pem};
use crate::{Environment, Error, Kind};

/// The certificate that the client shows to the server (mTLS), with its key.
#[derive(Clone)]
pub struct ClientCertificate {
    /// What messages call the certificate: a path, a variable.
    pub origin: String,
    /// The certificate and those between it and the authority, in PEM form.
    pub chain: Vec<u8>,
    /// The private key in PEM form: PKCS #8, PKCS #1 or SEC 1.
    pub key: SecretSlice<u8>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The cryptography of every connection: ring.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    // Of the suites with AES, the one with 128 bits and SHA-256 comes first, as browsers and Go have it. Most
    // processors have instructions for SHA-256; without them it still takes 80,000 fewer than SHA-384 in a handshake.
    provider
        .cipher_suites
        .sort_by_key(|suite| hash(suite) != HashAlgorithm::SHA256);
    Arc::new(provider)
}

/// The TLS side of one client: TLS 1.2 and 1.3, HTTP/1.1. Without roots nobody is trusted.
///
/// One process opens one connection to a server, so nothing is kept for resuming a session.
pub(super) fn config(
    roots: Option<&Roots>,
    certificate: Option<&ClientCertificate>,
    environment: &Environment,
) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = match roots {
        Some(roots) => roots.verifier(environment, &provider)?,
        None => Some(Arc::new(Authorities::new(Vec::new(), &provider)) as _),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Error::new(Kind::Invalid, "can't set up TLS").because(error.to_string())
        })?;
    let builder = match verifier {
        // Both that there are verify as rustls does: its own, and `Authorities`.
        Some(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(verifier),
        #[cfg(any(target_os = "macos", target_os = "windows"))]
        None => {
            use rustls_platform_verifier::BuilderVerifierExt as _;
            builder.with_platform_verifier().map_err(|error| {
                Error::new(
                    Kind::Invalid,
                    "can't set up the platform's certificate verifier",
                )
                .because(error.to_string())
            })?
        }
        #[cfg(not(any(target_os = "macos", target_os = "windows")))]
        None => unreachable!("only macOS and Windows verify by themselves"),
    };
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let refused = |why: String| {
                Error::new(
                    Kind::Invalid,
                    format!("the client certificate {} is no use", certificate.origin),
                )
                .because(why)
            };
            let key = PrivateKeyDer::from_pem_slice(certificate.key.expose_secret())
                // The parser's own words may quote what it read.
                .map_err(|_| refused("its key is not a private key in PEM form".to_owned()))?;
            let chain: Vec<_> = pem::certificates(&certificate.chain).collect();
            if chain.is_empty() {
                return Err(refused(
                    "there is no certificate in PEM form in it".to_owned(),
                ));
            }
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| refused(error.to_string()))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The hash of a suite's key schedule.
fn hash(suite: &SupportedCipherSuite) -> HashAlgorithm {
    match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.algorithm(),
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.algorithm(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CipherSuite;

    #[test]
    fn the_suite_with_instructions_of_its_own_comes_first_and_none_is_missing() {
        let suites = &provider().cipher_suites;
        assert_eq!(suites[0].suite(), CipherSuite::TLS13_AES_128_GCM_SHA256);
        assert_eq!(suites.len(), rustls::crypto::ring::ALL_CIPHER_SUITES.len());
    }
}
