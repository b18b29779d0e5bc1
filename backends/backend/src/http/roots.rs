use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

use super::authorities::{self, Authorities, Bundle};
use super::pem;
use crate::environment::FILE_LIMIT;
use crate::{Environment, Error, Kind};

/// The certificate authorities that a server must be vouched for by.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The system's: `SSL_CERT_FILE` and `SSL_CERT_DIR` where set, else the bundle where this system keeps
    /// it; on macOS and Windows the platform's own verifier.
    System,
    /// Exactly those in this PEM text, which messages call `origin`.
    Pem {
        /// Where the text is from: a path, a variable.
        origin: String,
        /// The text.
        pem: Vec<u8>,
    },
}

impl Roots {
    /// Exactly those in the file to which the setting `key` points.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if there is no such file, or it can't be read.
    pub fn in_file(key: &str, path: &Path, environment: &Environment) -> Result<Self, Error> {
        Ok(Self::Pem {
            pem: environment.read_existing(key, path)?,
            origin: format!("`{}` ({key})", path.display()),
        })
    }

    /// Where they are, for messages.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if a variable points to what is not there.
    pub fn described(&self, environment: &Environment) -> Result<String, Error> {
        let places = match self {
            Self::Pem { origin, .. } => return Ok(origin.clone()),
            Self::System => places(environment)?,
        };
        Ok(match places.is_empty() {
            true => "the platform's own verifier".to_owned(),
            false => authorities::listed(&places),
        })
    }

    /// Who verifies servers by them, `None` where the platform does.
    pub(super) fn verifier(
        &self,
        environment: &Environment,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ServerCertVerifier>>, Error> {
        match self {
            Self::Pem { origin, pem } => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(pem::certificates(pem));
                let verifier = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(store),
                    Arc::clone(provider),
                )
                .build()
                .map_err(|_| {
                    Error::new(Kind::Invalid, format!("no certificate in {origin}")).help(
                        "it must hold the certificate authority in PEM form, from `-----BEGIN CERTIFICATE-----` on",
                    )
                })?;
                Ok(Some(verifier))
            }
            Self::System if cfg!(any(target_os = "macos", target_os = "windows")) => Ok(None),
            Self::System => {
                let bundles = bundles(environment)?;
                Ok(Some(Arc::new(Authorities::new(bundles, provider))))
            }
        }
    }
}

/// The system's authorities, of which there is at least one bundle.
fn bundles(environment: &Environment) -> Result<Vec<Bundle>, Error> {
    let places = places(environment)?;
    let mut bundles = Vec::new();
    for path in places.iter().flat_map(files) {
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() <= FILE_LIMIT => {
                bundles.push(Bundle::File(path));
            }
            // A pipe, or what can't be read: it says why.
            _ => {
                if let Some(text) = environment.read("the certificate bundle", &path)? {
                    bundles.push(Bundle::Text(path, text));
                }
            }
        }
    }
    match bundles.is_empty() {
        true => Err(authorities::none_in(&places)),
        false => Ok(bundles),
    }
}

/// The files and directories that hold the system's authorities.
fn places(environment: &Environment) -> Result<Vec<PathBuf>, Error> {
    let mut places = Vec::new();
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if let Some(path) = environment.var(variable)? {
            let path = environment.path_from_variable(path);
            if !path.exists() {
                return Err(Error::new(
                    Kind::Invalid,
                    format!(
                        "`{}` does not exist, to which {variable} points",
                        path.display()
                    ),
                ));
            }
            places.push(path);
        }
    }
    #[cfg(not(any(target_os = "macos", target_os = "windows")))]
    if places.is_empty() {
        // A bundle holds what the directory beside it holds, so the directory is only read without one.
        let probe = openssl_probe::probe();
        match probe.cert_file {
            Some(bundle) => places.push(bundle),
            None => places.extend(probe.cert_dir),
        }
    }
    Ok(places)
}

/// The file itself, or the files in the directory.
fn files(place: &PathBuf) -> Vec<PathBuf> {
    match std::fs::read_dir(place) {
        Ok(entries) => entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect(),
        Err(_) => vec![place.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tls;

    #[test]
    fn an_empty_bundle_is_an_error() {
        let environment = Environment::fixed([("", ""); 0], "/");
        let roots = Roots::Pem {
            origin: "`ca.pem`".to_owned(),
            pem: b"nothing".to_vec(),
        };
        let error = roots.verifier(&environment, &tls::provider()).unwrap_err();
        assert_eq!(error.what(), "no certificate in `ca.pem`");
    }

    #[test]
    fn a_missing_bundle_that_was_asked_for_is_an_error() {
        let environment = Environment::fixed([("SSL_CERT_FILE", "/nonexistent/ca.pem")], "/");
        let error = places(&environment).unwrap_err();
        assert!(error.what().contains("SSL_CERT_FILE"), "{error}");
    }
}
