use core::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore, SignatureScheme,
};

use super::{names, pem};
use crate::environment::FILE_LIMIT;
use crate::{Error, Kind};

/// Verifies a server as rustls does, by bundles of authorities of which only those are taken in that the server's
/// certificates name.
///
/// A bundle has 150 authorities and a server needs one, which its certificates name as their issuer (RFC 5280, section
/// 6.1.3 (a)(4)): another one vouches for nothing, in rustls too. To take in all of them was half of what a login cost.
pub(super) struct Authorities {
    bundles: Vec<Bundle>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Text with certificates in PEM form.
#[derive(Debug)]
pub(super) enum Bundle {
    /// In a file, which is read for each server.
    File(PathBuf),
    /// From something that can be read only once.
    Text(PathBuf, Vec<u8>),
}

impl Authorities {
    /// Those in `bundles`; without any, nobody is vouched for.
    pub(super) fn new(bundles: Vec<Bundle>, provider: &CryptoProvider) -> Self {
        Self {
            bundles,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    /// Those that have one of these names.
    fn named(&self, names: &[&[u8]]) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        let mut head = pem::Head::new();
        let mut is_empty = true;
        for bundle in &self.bundles {
            bundle.each_block(|block| {
                is_empty = false;
                // What does not tell its name in time is taken in: rustls looks at it again.
                if block.is_for(names, &mut head).unwrap_or(true) {
                    store.add_parsable_certificates(block.der());
                }
            })?;
        }
        match is_empty {
            true => Err(none_in(self.bundles.iter().map(Bundle::path))),
            false => Ok(store),
        }
    }
}

impl Bundle {
    fn path(&self) -> &PathBuf {
        match self {
            Self::File(path) | Self::Text(path, _) => path,
        }
    }

    fn each_block(&self, look: impl FnMut(pem::Block<'_>)) -> Result<(), Error> {
        let read = match self {
            Self::File(path) => {
                File::open(path).and_then(|file| pem::each_block(file.take(FILE_LIMIT), look))
            }
            Self::Text(_, text) => pem::each_block(text.as_slice(), look),
        };
        read.map_err(|error: io::Error| {
            Error::new(
                Kind::Invalid,
                format!(
                    "can't read the certificate bundle `{}`",
                    self.path().display()
                ),
            )
            .because(error.to_string())
            .help("let this user read it, set SSL_CERT_FILE to another bundle, or set `ca-file` on the backend")
        })
    }
}

/// Places, for messages.
pub(super) fn listed<'a>(places: impl IntoIterator<Item = &'a PathBuf>) -> String {
    let places = places
        .into_iter()
        .map(|place| format!("`{}`", place.display()));
    places.collect::<Vec<_>>().join(", ")
}

/// Nobody is trusted here.
pub(super) fn none_in<'a>(places: impl IntoIterator<Item = &'a PathBuf>) -> Error {
    let places = listed(places);
    Error::new(Kind::Invalid, "this system has no certificate authorities")
        .because(match places.is_empty() {
            true => "it has no bundle in any usual place".to_owned(),
            false => format!("looked in {places}"),
        })
        .help("install the package `ca-certificates`, set SSL_CERT_FILE to a bundle, or set `ca-file` on the backend")
}

impl ServerCertVerifier for Authorities {
    /// The steps of rustls's own verifier, in its order.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let names: Vec<_> = core::iter::once(end_entity)
            .chain(intermediates)
            .filter_map(|certificate| names::issuer(certificate))
            .collect();
        let authorities = self
            .named(&names)
            .map_err(|error| TlsError::Other(OtherError(Arc::new(error))))?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &authorities,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.bundles.iter().map(Bundle::path))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    use rustls::client::WebPkiServerVerifier;

    use super::*;
    use crate::http::tls;

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn params(name: &str, is_authority: bool) -> CertificateParams {
        let mut params = CertificateParams::new(["store.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    fn authority(name: &str) -> Authority {
        CertifiedIssuer::self_signed(params(name, true), KeyPair::generate().unwrap()).unwrap()
    }

    fn below(above: &Authority, name: &str) -> Authority {
        CertifiedIssuer::signed_by(params(name, true), KeyPair::generate().unwrap(), above).unwrap()
    }

    fn leaf(above: &Authority) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let leaf = params("store", false).signed_by(&key, above).unwrap();
        leaf.der().clone()
    }

    /// The certificate in PEM form, with lines of this length.
    fn pem(der: &CertificateDer<'_>, length: usize, end: &str) -> String {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = base64
            .as_bytes()
            .chunks(length)
            .map(<[u8]>::to_vec)
            .collect();
        let lines = String::from_utf8(lines.join(end.as_bytes())).unwrap();
        format!("-----BEGIN CERTIFICATE-----{end}{lines}{end}-----END CERTIFICATE-----{end}")
    }

    fn verdict(verifier: &dyn ServerCertVerifier, chain: &[CertificateDer<'_>]) -> String {
        let name = ServerName::try_from("store.example").unwrap();
        let (end_entity, intermediates) = chain.split_first().unwrap();
        let verdict =
            verifier.verify_server_cert(end_entity, intermediates, &name, &[], UnixTime::now());
        format!("{verdict:?}")
    }

    #[test]
    fn the_verdict_is_what_rustls_says_of_the_whole_bundle() {
        let (first, other) = (authority("first"), authority("other"));
        let (namesake, between) = (authority("first"), below(&first, "between"));
        let lonely = authority("lonely");
        let der = |authority: &Authority| authority.der().clone();
        let chains = [
            vec![leaf(&first)],
            vec![leaf(&namesake)],
            vec![leaf(&between)],
            vec![leaf(&between), der(&between)],
            vec![leaf(&between), der(&other), der(&between), der(&first)],
            vec![leaf(&other), der(&between)],
            vec![der(&lonely)],
            vec![CertificateDer::from(vec![0x30, 0x03, 0x02, 0x01, 0x07])],
        ];
        let known = [&first, &other, &namesake, &between, &lonely].map(der);
        let provider = tls::provider();
        let mut trusted = 0;
        for members in 1_u32..1 << known.len() {
            let members: Vec<_> = (0..known.len())
                .filter(|member| members & 1 << member != 0)
                .map(|member| &known[member])
                .collect();
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(members.iter().map(|&der| der.clone()));
            let whole =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                    .build()
                    .unwrap();
            for (length, end) in [(64, "\n"), (76, "\r\n"), (10, "\n"), (1 << 20, "\n")] {
                let text: String = members.iter().map(|der| pem(der, length, end)).collect();
                let bundle = Bundle::Text(PathBuf::new(), text.into_bytes());
                let named = Authorities::new(vec![bundle], &provider);
                for (number, chain) in chains.iter().enumerate() {
                    let expected = verdict(&*whole, chain);
                    trusted += usize::from(expected.starts_with("Ok"));
                    assert_eq!(
                        verdict(&named, chain),
                        expected,
                        "chain {number}, lines of {length}, {} authorities",
                        members.len()
                    );
                }
            }
        }
        assert!(trusted > 100, "{trusted}");
    }

    #[test]
    fn of_others_nothing_is_taken_in() {
        let authorities: Vec<_> = (0..9)
            .map(|number| authority(&number.to_string()))
            .collect();
        let text: String = authorities
            .iter()
            .map(|authority| authority.pem())
            .collect();
        let bundle = Bundle::Text(PathBuf::new(), text.into_bytes());
        let all = Authorities::new(vec![bundle], &tls::provider());
        let name = names::issuer(authorities[4].der()).unwrap();
        assert_eq!(all.named(&[name]).unwrap().len(), 1);
        assert_eq!(all.named(&[b"nobody"]).unwrap().len(), 0);
    }

    #[test]
    fn a_bundle_without_certificates_says_so() {
        let bundle = Bundle::Text(PathBuf::from("/etc/bundle.pem"), b"nothing".to_vec());
        let error = Authorities::new(vec![bundle], &tls::provider())
            .named(&[])
            .unwrap_err();
        assert_eq!(error.what(), "this system has no certificate authorities");
        assert_eq!(error.causes(), ["looked in `/etc/bundle.pem`"]);
    }
}
