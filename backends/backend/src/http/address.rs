//! What an address says about the way to it.

use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::{Error, Kind};

/// Sets the proxy: the one that was given, else the environment's, and none at all to this machine.
pub(super) fn proxied(
    builder: reqwest::ClientBuilder,
    address: &Url,
    proxy: Option<&SecretString>,
) -> Result<reqwest::ClientBuilder, Error> {
    if is_loopback(address) {
        return Ok(builder.no_proxy());
    }
    let Some(proxy) = proxy else {
        return Ok(builder);
    };
    let proxy = reqwest::Proxy::all(proxy.expose_secret()).map_err(|error| {
        // A proxy's address may hold its password, and so may the parser's words.
        Error::new(Kind::Invalid, "the proxy's address is not a URL").because(
            if error.is_builder() {
                ""
            } else {
                "it can't be used"
            },
        )
    })?;
    Ok(builder.no_proxy().proxy(proxy))
}

/// The address of a service, as a setting gives it: with a host, and nothing in it that is not for everyone.
///
/// # Errors
///
/// What is wrong with it.
pub fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(format!("`{text}` must start with `https://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an endpoint holds no user name and no password".to_owned());
    }
    Ok(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Link-local, as all clouds have it, the names and fixed addresses of AWS and Google, and whoever is `named` besides.
pub(super) fn is_metadata(url: &Url, named: Option<&str>) -> bool {
    let named = named.and_then(|named| Url::parse(&format!("http://{}", named.trim())).ok());
    if named.is_some_and(|named| origin(&named) == origin(url)) {
        return true;
    }
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_link_local(),
        Some(Host::Ipv6(ip)) => {
            let own = [[0xfd00, 0x0ec2], [0xfd20, 0x00ce]];
            ip.is_unicast_link_local() || own.iter().any(|own| ip.segments()[..2] == *own)
        }
        Some(Host::Domain(name)) => name == "metadata.google.internal",
        None => false,
    }
}

/// Scheme, host and port; for a socket, its path.
pub(super) fn origin(url: &Url) -> String {
    match url.host() {
        Some(_) => url.origin().ascii_serialization(),
        None => url.to_string(),
    }
}

/// `target` at the scheme, host and port of `url`.
pub(super) fn with_origin_of(target: Url, url: &Url) -> Url {
    let mut same = url.clone();
    same.set_path(target.path());
    same.set_query(target.query());
    same
}

/// Finds the host of the address, whatever name is asked for: the counterpart of putting the
/// name of the certificate in its place.
pub(super) struct ActualHost {
    name: String,
    host: String,
}

impl ActualHost {
    pub(super) fn of(address: &Url, name: &str) -> Result<Arc<Self>, Error> {
        let host = match (Host::parse(name), address.host()) {
            (Ok(Host::Domain(_)), Some(Host::Ipv6(host))) => host.to_string(),
            (Ok(Host::Domain(_)), Some(host)) => host.to_string(),
            _ => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("`{name}` is not a DNS name, as the server's name in TLS must be"),
                ));
            }
        };
        Ok(Arc::new(Self {
            name: name.to_owned(),
            host,
        }))
    }
}

impl Resolve for ActualHost {
    fn resolve(&self, name: Name) -> Resolving {
        // A proxy has a name too.
        let host = match name.as_str().eq_ignore_ascii_case(&self.name) {
            true => self.host.clone(),
            false => name.as_str().to_owned(),
        };
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_addresses() {
        for address in [
            "http://169.254.169.254/",
            "http://[fd00:ec2::254]/",
            "http://metadata.google.internal/",
        ] {
            assert!(
                is_metadata(&Url::parse(address).unwrap(), None),
                "{address}"
            );
        }
        let other = Url::parse("http://example.com:8080/x").unwrap();
        assert!(!is_metadata(&other, Some("example.com")));
        assert!(is_metadata(&other, Some("Example.com:8080")));
        let default = Url::parse("http://example.com/x").unwrap();
        assert!(is_metadata(&default, Some("example.com:80")));
    }
}
