//! Throw-away certificates.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::server::{Tls, TlsVersion};

/// A certificate authority that lives as long as the test, ECDSA P-256.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its private key, both in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub cert_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
}

impl Authority {
    /// Makes one; no two are alike.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // A name of its own: clients look issuers up by name, and two authorities of one name would be mixed up.
        params.distinguished_name.push(
            DnType::CommonName,
            format!("test authority {}", crate::random::text(6)),
        );
        let issuer =
            CertifiedIssuer::self_signed(params, key()).expect("the parameters make a certificate");
        let pem = issuer.pem();
        Self { issuer, pem }
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server certificate for these host names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Certificate {
        self.issue(params(names, ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// A server certificate that ended long ago.
    #[must_use]
    pub fn expired_server(&self, names: &[&str]) -> Certificate {
        let mut params = params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.issue(params)
    }

    /// A client certificate with this common name.
    #[must_use]
    pub fn client(&self, common_name: &str) -> Certificate {
        let mut params = params(&[], ExtendedKeyUsagePurpose::ClientAuth);
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Certificate {
        let key = key();
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the parameters make a certificate");
        Certificate {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn params(names: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are host names or addresses");
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("the operating system has random numbers")
}

/// The rustls configuration of a server.
pub(crate) fn server_config(tls: &Tls) -> ServerConfig {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(tls.version))
        .expect("ring speaks both versions");
    let builder = match &tls.client_authority_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)), provider)
                .build()
                .expect("the authority is a root"),
        ),
    };
    let (chain, key) = identity(&tls.certificate);
    let mut config = builder
        .with_single_cert(chain, key)
        .expect("the key belongs to the certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// The rustls configuration of a client that trusts one authority.
pub(crate) fn client_config(
    ca_pem: &str,
    client: Option<&Certificate>,
    version: TlsVersion,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions(version))
        .expect("ring speaks both versions")
        .with_root_certificates(roots(ca_pem));
    match client {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let (chain, key) = identity(certificate);
            builder
                .with_client_auth_cert(chain, key)
                .expect("the key belongs to the certificate")
        }
    }
}

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn versions(version: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match version {
        TlsVersion::Both => &BOTH,
        TlsVersion::Tls12 => &BOTH[1..],
        TlsVersion::Tls13 => &BOTH[..1],
    }
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots
            .add(certificate.expect("the bundle is PEM"))
            .expect("the bundle holds certificates");
    }
    roots
}

fn identity(certificate: &Certificate) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(certificate.cert_pem.as_bytes());
    let chain = chain
        .collect::<Result<_, _>>()
        .expect("the certificate is PEM");
    let key =
        PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).expect("the key is PEM");
    (chain, key)
}
