use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::http::{ClientCertificate, Retry, Roots, Settings};
use cargo_credential_bridge_backend::{Context, Error, Kind, OneOrMany, SecretSlice, Value};
use serde::Deserialize;
use url::Url;

use crate::dialect::{Dialect, Variable};
use crate::method::Method;
use crate::path::VaultPath;

/// `[backends.NAME]` with `type = "vault"` or `"openbao"`. What is not given comes from `VAULT_*`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    address: Option<Value<Address>>,
    pub(crate) namespace: Option<Value>,
    pub(crate) mount: Option<Value<VaultPath>>,
    #[serde(default)]
    pub(crate) kv_version: KvVersion,
    ca_file: Option<Value<PathBuf>>,
    tls_server_name: Option<Value>,
    client_cert: Option<Value<PathBuf>>,
    client_key: Option<Value<PathBuf>>,
    #[serde(default)]
    allow_http: bool,
    auth: Option<OneOrMany<Method>>,
}

/// A secret in Vault.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WireReference")]
pub struct Reference(pub(crate) Place);

/// Where a secret is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In the KV engine of the instance.
    Kv {
        path: Value<VaultPath>,
        version: Option<u64>,
    },
    /// At any path that can be read, as a dynamic secret is.
    Raw { path: Value<VaultPath> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireReference {
    path: Option<Value<VaultPath>>,
    version: Option<u64>,
    raw_path: Option<Value<VaultPath>>,
}

/// The version of a KV engine.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "u8")]
pub(crate) enum KvVersion {
    V1,
    #[default]
    V2,
}

/// An address with which a server can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(Url);

/// The settings of one instance, complete.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) address: Url,
    /// Whether the address is a Vault Agent's, which may put in a token of its own.
    pub(crate) is_agent: bool,
    pub(crate) namespace: Option<String>,
    pub(crate) mount: VaultPath,
    pub(crate) kv_version: KvVersion,
    pub(crate) http: Settings,
    pub(crate) auth: Vec<Method>,
}

impl Config {
    /// Everything that is given, supplied by the job, or in Vault's own variables.
    pub(crate) fn resolve(
        &self,
        name: &str,
        dialect: Dialect,
        context: &Context,
    ) -> Result<Resolved, Error> {
        let environment = &context.environment;
        let var = |suffix: &str| dialect.var(environment, suffix);
        let text = |value: &Option<Value>, key: &str, suffix: &str| match value {
            Some(value) => value.resolve(key, environment).map(Some),
            None => Ok(var(suffix)?.map(|variable| variable.value)),
        };
        let (address, is_agent) = self.address(name, dialect, context)?;
        let mount = match &self.mount {
            Some(mount) => mount.resolve("mount", environment)?,
            None => default_mount(),
        };
        let mut http = Settings {
            roots: self.roots(dialect, context)?,
            certificate: self.certificate(dialect, context)?,
            server_name: text(&self.tls_server_name, "tls-server-name", "TLS_SERVER_NAME")?,
            allow_http: self.allow_http,
            has_keys: true,
            ..Settings::default()
        };
        http.proxy = match var("PROXY_ADDR")? {
            Some(proxy) => Some(proxy.value.into()),
            None => var("HTTP_PROXY")?.map(|proxy| proxy.value.into()),
        };
        if let Some(retries) = var("MAX_RETRIES")? {
            let retries: u32 = retries
                .value
                .parse()
                .map_err(|_| no_use(&retries, "a number"))?;
            http.retry = Retry {
                tries: retries.saturating_add(1),
                ..http.retry
            };
        }
        if let Some(timeout) = var("CLIENT_TIMEOUT")? {
            // To Vault's own client, zero is no limit.
            http.try_timeout = Some(duration(&timeout)?).filter(|timeout| !timeout.is_zero());
        }
        Ok(Resolved {
            address,
            is_agent,
            namespace: text(&self.namespace, "namespace", "NAMESPACE")?,
            mount,
            kv_version: self.kv_version,
            http,
            auth: self
                .auth
                .as_ref()
                .map(|auth| auth.0.clone())
                .unwrap_or_default(),
        })
    }

    fn address(
        &self,
        name: &str,
        dialect: Dialect,
        context: &Context,
    ) -> Result<(Url, bool), Error> {
        let environment = &context.environment;
        if let Some(address) = &self.address {
            let address = address.resolve("address", environment)?.0;
            // Only an agent listens on a socket.
            let is_agent = address.scheme() == "unix";
            return Ok((address, is_agent));
        }
        for (suffix, is_agent) in [("AGENT_ADDR", true), ("ADDR", false)] {
            if let Some(variable) = dialect.var(environment, suffix)? {
                let address: Address = variable
                    .value
                    .parse()
                    .map_err(|why| no_use(&variable, "an address").because(why))?;
                return Ok((address.0, is_agent));
            }
        }
        Err(Error::new(
            Kind::NotAvailable,
            format!(
                "no address for {dialect} here: neither `address` in `[backends.{name}]` nor `{}_ADDR` is set",
                dialect.prefix()
            ),
        ))
    }

    fn roots(&self, dialect: Dialect, context: &Context) -> Result<Roots, Error> {
        let environment = &context.environment;
        let var = |suffix| dialect.var(environment, suffix);
        let (origin, path) = if let Some(path) = &self.ca_file {
            (
                "`ca-file`".to_owned(),
                path.resolve("ca-file", environment)?,
            )
        } else if let Some(variable) = var("CACERT")? {
            (
                variable.name,
                environment.path_from_variable(variable.value),
            )
        } else if let Some(variable) = var("CACERT_BYTES")? {
            return Ok(Roots::Pem {
                origin: variable.name,
                pem: variable.value.into_bytes(),
            });
        } else if let Some(variable) = var("CAPATH")? {
            (
                variable.name,
                environment.path_from_variable(variable.value),
            )
        } else {
            return Ok(Roots::System);
        };
        let mut pem = Vec::new();
        for file in files(&environment.path(&path)?) {
            pem.extend(environment.read_existing(&origin, &file)?);
            pem.push(b'\n');
        }
        Ok(Roots::Pem {
            origin: format!("`{}` ({origin})", path.display()),
            pem,
        })
    }

    fn certificate(
        &self,
        dialect: Dialect,
        context: &Context,
    ) -> Result<Option<ClientCertificate>, Error> {
        let environment = &context.environment;
        let path = |value: &Option<Value<PathBuf>>, key: &str, suffix| match value {
            Some(value) => value.resolve(key, environment).map(Some),
            None => Ok(dialect
                .var(environment, suffix)?
                .map(|variable| environment.path_from_variable(variable.value))),
        };
        let certificate = path(&self.client_cert, "client-cert", "CLIENT_CERT")?;
        let key = path(&self.client_key, "client-key", "CLIENT_KEY")?;
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(ClientCertificate {
                origin: format!("`{}`", certificate.display()),
                chain: environment.read_existing("client-cert", &certificate)?,
                key: SecretSlice::from(environment.read_existing("client-key", &key)?),
            })),
            (Some(_), None) => Err(Error::new(
                Kind::Invalid,
                "`client-cert` is set without `client-key`",
            )),
            (None, Some(_)) => Err(Error::new(
                Kind::Invalid,
                "`client-key` is set without `client-cert`",
            )),
        }
    }
}

/// The file itself, or the files in the directory.
fn files(path: &Path) -> Vec<PathBuf> {
    match std::fs::read_dir(path) {
        Ok(entries) => entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect(),
        Err(_) => vec![path.to_owned()],
    }
}

/// Seconds, or a duration with units, as Vault's own client takes it.
fn duration(variable: &Variable) -> Result<Duration, Error> {
    match variable.value.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(&variable.value)
            .map_err(|_| no_use(variable, "a number of seconds or a duration such as `30s`")),
    }
}

fn no_use(variable: &Variable, expected: &str) -> Error {
    Error::new(
        Kind::Invalid,
        format!(
            "the environment variable `{}` is not {expected}",
            variable.name
        ),
    )
}

pub(crate) fn default_mount() -> VaultPath {
    "secret".parse().expect("`secret` is a path")
}

impl core::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated: a password may be in it.
        let url = Url::parse(text).map_err(|error| format!("the address is not a URL: {error}"))?;
        let is_known = matches!(url.scheme(), "https" | "http") && url.has_host()
            || url.scheme() == "unix" && !url.has_host();
        if !is_known {
            return Err("an address starts with `https://`".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address holds no user name and no password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an address has no query and no fragment".to_owned());
        }
        Ok(Self(url))
    }
}

impl TryFrom<u8> for KvVersion {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err("`kv-version` is 1 or 2"),
        }
    }
}

impl fmt::Display for KvVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "1",
            Self::V2 => "2",
        })
    }
}

impl TryFrom<WireReference> for Reference {
    type Error = &'static str;

    fn try_from(wire: WireReference) -> Result<Self, Self::Error> {
        match wire {
            WireReference {
                path: Some(path),
                version,
                raw_path: None,
            } => Ok(Self(Place::Kv { path, version })),
            WireReference {
                path: None,
                version: None,
                raw_path: Some(path),
            } => Ok(Self(Place::Raw { path })),
            WireReference {
                version: Some(_), ..
            } => Err("`version` goes with `path` only"),
            _ => Err("a source in Vault has either `path` or `raw-path`"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, path) = match &self.0 {
            Place::Kv { path, .. } => ("path", path),
            Place::Raw { path } => ("raw path", path),
        };
        match path {
            Value::Given(path) => write!(f, "the {key} `{path}`")?,
            Value::Supplied(supplied) => write!(f, "the {key} in {supplied}")?,
        }
        match self.0 {
            Place::Kv {
                version: Some(version),
                ..
            } => write!(f, ", version {version}"),
            _ => Ok(()),
        }
    }
}
