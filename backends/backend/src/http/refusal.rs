//! Failures below HTTP, told apart by type and never by text.

use core::error::Error as StdError;

use rustls::{CertificateError, Error as TlsError, InvalidMessage, OtherError};

use super::client::Keys;
use crate::{Deadline, Error, Kind};

const REACHABLE: &str =
    "check the address, and that this machine may reach it (proxy, firewall, VPN)";

/// What the user gets for a failed connection or a broken answer.
///
/// `request` is its method and URL, `origin` whom it was for.
pub(super) fn classify(
    error: &reqwest::Error,
    origin: &str,
    request: &str,
    deadline: Deadline,
    keys: Keys,
) -> Error {
    if let Some(tls) = tls_error(error) {
        if let Some(own) = own_error(tls) {
            return own.clone().because(request);
        }
        return Error::new(
            Kind::Unavailable,
            format!("no secure connection to `{origin}`"),
        )
        .because(request)
        .because(tls.to_string())
        .help(tls_help(tls, keys));
    }
    if error.is_timeout() && deadline.remaining().is_zero() {
        return timeout(origin, request, deadline);
    }
    let (what, help) = if error.is_connect() {
        (format!("can't reach `{origin}`"), REACHABLE)
    } else if error.is_timeout() {
        (format!("`{origin}` took too long to answer"), REACHABLE)
    } else if origin.starts_with("https:") || error.is_body() || error.is_decode() {
        (
            format!("`{origin}` gave no whole answer"),
            "see what stands between it and this machine (load balancer, proxy)",
        )
    } else {
        (
            format!("`{origin}` gave no whole answer"),
            "check the address: if the server speaks TLS on this port, it must be `https://…`",
        )
    };
    let failure = Error::new(Kind::Unavailable, what).because(request);
    // The outermost cause only repeats at which step it was, in the words of the HTTP library.
    match error.source().map(|step| step.source().unwrap_or(step)) {
        Some(source) => failure.because_of(source),
        None => failure,
    }
    .help(help)
}

/// The deadline came first.
pub(super) fn timeout(origin: &str, request: &str, deadline: Deadline) -> Error {
    Error::new(
        Kind::Timeout,
        format!("`{origin}` did not answer within {:?}", deadline.total()),
    )
    .because(request)
    .help("check the address, and that this machine may reach it; `timeout` in the config sets the limit")
}

/// Whether sending the same request again may help: nothing was sent yet, and the name, the route or the
/// port may come back. A refused certificate will be refused again.
pub(super) fn is_transient(error: &reqwest::Error) -> bool {
    error.is_connect() && tls_error(error).is_none()
}

/// Whether the connection was there and broke before the answer was whole. What took too long may take as long again.
pub(super) fn is_broken_off(error: &reqwest::Error) -> bool {
    !error.is_connect()
        && !error.is_timeout()
        && (error.is_request() || error.is_body() || error.is_decode())
        && tls_error(error).is_none()
}

/// The TLS error somewhere below `error`. An [`std::io::Error`] hides the error it carries from
/// [`source`](StdError::source), so it is opened.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        next = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

/// What a verifier of ours could not do.
fn own_error(error: &TlsError) -> Option<&Error> {
    match error {
        TlsError::Other(OtherError(error)) => error.downcast_ref(),
        _ => None,
    }
}

fn tls_help(error: &TlsError, keys: Keys) -> String {
    let has_keys = keys.is_complete;
    let help = match error {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => {
            return format!(
                "its certificate authority is not trusted here: set {} to the authority's certificate; verification is \
                 never switched off",
                keys.authority
            );
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) if has_keys => {
            "its certificate is for another name: use that name in the address, or set `tls-server-name` on \
             the backend"
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name: use that name in the address",
        TlsError::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => {
            "its certificate has expired: it must be renewed at the server (or this machine's clock is wrong)"
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "its certificate is not valid yet: is this machine's clock right?",
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it does not speak TLS on this port: is its address `http://…`, or another port?"
        }
        TlsError::AlertReceived(_) if has_keys => {
            "the server ended the handshake: does it want a client certificate (`client-cert`, `client-key`), \
             or a TLS version older than 1.2?"
        }
        TlsError::AlertReceived(_) => {
            "the server ended the handshake: does it want a client certificate, which this backend does not have, or a \
             TLS version older than 1.2?"
        }
        TlsError::PeerIncompatible(_) => "the server must offer TLS 1.2 or 1.3",
        _ => "check the server's certificate, and what stands between it and this machine",
    };
    help.to_owned()
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, PeerIncompatible};

    use super::*;

    #[test]
    fn what_helps_with_tls_is_told_by_the_type_of_the_failure() {
        use CertificateError::{Expired, NotValidForName, NotValidYet, Revoked, UnknownIssuer};

        let certificate = TlsError::InvalidCertificate;
        let alert = TlsError::AlertReceived(AlertDescription::HandshakeFailure);
        for (error, is_complete, words) in [
            (
                certificate(UnknownIssuer),
                true,
                "set `ca-file` to the authority's",
            ),
            (
                certificate(NotValidForName),
                true,
                "or set `tls-server-name`",
            ),
            (
                certificate(NotValidForName),
                false,
                "use that name in the address",
            ),
            (certificate(Expired), true, "has expired"),
            (certificate(NotValidYet), true, "is not valid yet"),
            (certificate(Revoked), true, "check the server's certificate"),
            (
                InvalidMessage::InvalidContentType.into(),
                true,
                "does not speak TLS",
            ),
            (alert.clone(), true, "(`client-cert`, `client-key`)"),
            (alert, false, "which this backend does not have"),
            (
                PeerIncompatible::Tls12NotOffered.into(),
                true,
                "must offer TLS 1.2 or 1.3",
            ),
        ] {
            let keys = Keys {
                is_complete,
                authority: "`ca-file`",
            };
            let help = tls_help(&error, keys);
            assert!(help.contains(words), "{error}: {help}");
            assert_eq!(
                help.contains("tls-server-name"),
                words.contains("tls-server-name")
            );
        }
    }

    #[test]
    fn a_failure_of_tls_is_found_below_others() {
        let tls = TlsError::InvalidCertificate(CertificateError::Expired);
        let below = std::io::Error::other(std::io::Error::other(tls.clone()));
        assert_eq!(tls_error(&below), Some(&tls));
        assert_eq!(tls_error(&std::io::Error::other("reset")), None);
    }
}
