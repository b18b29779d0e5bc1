use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

use cargo_credential_bridge_backend::http::{Roots, Settings};
use cargo_credential_bridge_backend::{Context, Environment, Error, Kind, OneOrMany, Value};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::metadata;
use crate::method::Method;
use crate::name::{
    self, Endpoint, Location, Project, ResourceName, SecretId, UniverseDomain, Version,
};

/// `[backends.NAME]` with `type = "gcp"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    pub(crate) project: Option<Value<Project>>,
    endpoint: Option<Value<Endpoint>>,
    universe_domain: Option<Value<UniverseDomain>>,
    quota_project: Option<Value<Project>>,
    ca_file: Option<Value<PathBuf>>,
    auth: Option<OneOrMany<Method>>,
    #[serde(default, deserialize_with = "not_empty")]
    index_url_annotation: Option<String>,
}

/// A secret in Google Secret Manager.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WireReference")]
pub struct Reference(pub(crate) Named);

/// The two ways to name a secret, and the version where that is named apart.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    Short {
        secret: Value<SecretId>,
        project: Option<Value<Project>>,
        location: Option<Value<Location>>,
        version: Option<Version>,
    },
    Full {
        name: Value<ResourceName>,
        version: Option<Version>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireReference {
    secret: Option<Value<SecretId>>,
    name: Option<Value<ResourceName>>,
    project: Option<Value<Project>>,
    location: Option<Value<Location>>,
    version: Option<WireVersion>,
}

/// `version = "latest"`, `version = "3"` or `version = 3`.
struct WireVersion(Version);

/// The settings of one instance, complete.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) project: Option<Project>,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) universe: Option<UniverseDomain>,
    pub(crate) quota_project: Option<Project>,
    pub(crate) http: Settings,
    /// The first whose inputs exist here; empty for Application Default Credentials.
    pub(crate) methods: Vec<Method>,
    /// The annotation that says which registries a secret is for.
    pub(crate) index_url_annotation: Option<String>,
}

/// Which version of which secret, as Google calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretVersion {
    pub(crate) project: Project,
    pub(crate) location: Option<Location>,
    pub(crate) secret: SecretId,
    pub(crate) version: Version,
}

impl Config {
    /// Everything that is given or supplied by the job.
    pub(crate) fn resolve(&self, context: &Context) -> Result<Resolved, Error> {
        let environment = &context.environment;
        let ca_file = Value::resolve_optional(self.ca_file.as_ref(), "ca-file", environment)?;
        let roots = match ca_file {
            None => Roots::System,
            Some(path) => Roots::in_file("ca-file", &path, environment)?,
        };
        Ok(Resolved {
            project: given_or_variable(
                self.project.as_ref(),
                "project",
                "GOOGLE_CLOUD_PROJECT",
                environment,
            )?,
            endpoint: Value::resolve_optional(self.endpoint.as_ref(), "endpoint", environment)?,
            universe: given_or_variable(
                self.universe_domain.as_ref(),
                "universe-domain",
                "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
                environment,
            )?,
            quota_project: given_or_variable(
                self.quota_project.as_ref(),
                "quota-project",
                "GOOGLE_CLOUD_QUOTA_PROJECT",
                environment,
            )?,
            http: Settings {
                roots,
                metadata_host: environment.var(metadata::VARIABLE)?,
                ..Settings::default()
            },
            methods: self.auth.clone().map(|auth| auth.0).unwrap_or_default(),
            index_url_annotation: self.index_url_annotation.clone(),
        })
    }
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(name) if name.is_empty() => Err(de::Error::custom("the name is empty")),
        name => Ok(name),
    }
}

/// A setting, or what Google's own clients read in its place.
pub(crate) fn given_or_variable<T>(
    value: Option<&Value<T>>,
    key: &str,
    variable: &str,
    environment: &Environment,
) -> Result<Option<T>, Error>
where
    T: FromStr<Err = String> + Clone,
{
    if value.is_some() {
        return Value::resolve_optional(value, key, environment);
    }
    let Some(text) = environment.var(variable)? else {
        return Ok(None);
    };
    text.trim().parse().map(Some).map_err(|why: String| {
        Error::new(Kind::Invalid, format!("`{variable}` is no use")).because(why)
    })
}

impl Reference {
    /// The secret's whole name; `project` is that of the backend.
    pub(crate) fn resolve(
        &self,
        project: Option<&Project>,
        environment: &Environment,
    ) -> Result<SecretVersion, Error> {
        match &self.0 {
            Named::Short {
                secret,
                project: own,
                location,
                version,
            } => Ok(SecretVersion {
                secret: secret.resolve("secret", environment)?,
                project: Value::resolve_optional(own.as_ref(), "project", environment)?
                    .or_else(|| project.cloned())
                    .ok_or_else(no_project)?,
                location: Value::resolve_optional(location.as_ref(), "location", environment)?,
                version: version.clone().unwrap_or_else(Version::latest),
            }),
            Named::Full { name, version } => {
                let name = name.resolve("name", environment)?;
                Ok(SecretVersion {
                    project: name.project,
                    location: name.location,
                    secret: name.secret,
                    version: version
                        .clone()
                        .or(name.version)
                        .unwrap_or_else(Version::latest),
                })
            }
        }
    }

    /// Whether the secret is named with its project, so that nobody need be asked for one.
    pub(crate) fn has_project(&self) -> bool {
        !matches!(self.0, Named::Short { project: None, .. })
    }
}

fn no_project() -> Error {
    Error::new(
        Kind::Invalid,
        "the secret has no project: `project` is not set, nor GOOGLE_CLOUD_PROJECT, and the credentials name none",
    )
    .help("set `project` on the backend or in the source, or name the secret in full by `name`")
}

impl SecretVersion {
    /// The secret as a resource, without its version.
    pub(crate) fn secret_resource(&self) -> String {
        name::secret_resource(&self.project, self.location.as_ref(), &self.secret)
    }
}

impl Endpoint {
    /// The URL of a version of a secret here, or of a method of it.
    pub(crate) fn version(
        &self,
        secret: &SecretVersion,
        version: &Version,
        method: &str,
    ) -> String {
        self.below(secret, &format!("/versions/{version}{method}"))
    }

    /// The URL of something below a secret here.
    pub(crate) fn below(&self, secret: &SecretVersion, below: &str) -> String {
        self.at(&format!("/v1/{}{below}", secret.secret_resource()))
    }
}

impl TryFrom<WireReference> for Reference {
    type Error = String;

    fn try_from(wire: WireReference) -> Result<Self, String> {
        let version = wire.version.map(|version| version.0);
        match (wire.secret, wire.name) {
            (Some(secret), None) => Ok(Self(Named::Short {
                secret,
                project: wire.project,
                location: wire.location,
                version,
            })),
            (None, Some(_)) if wire.project.is_some() || wire.location.is_some() => {
                Err("`name` is the full name: leave out `project` and `location`".to_owned())
            }
            (None, Some(Value::Given(name))) if name.version.is_some() && version.is_some() => {
                Err("`name` has a version in it: leave out `version`".to_owned())
            }
            (None, Some(name)) => Ok(Self(Named::Full { name, version })),
            (Some(_), Some(_)) => Err("`secret` and `name` exclude each other".to_owned()),
            (None, None) => Err("missing field `secret` (or `name`, the full name)".to_owned()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match &self.0 {
            Named::Short {
                secret, version, ..
            } => {
                match secret {
                    Value::Given(secret) => write!(f, "the secret `{secret}`")?,
                    Value::Supplied(supplied) => write!(f, "the secret in {supplied}")?,
                }
                version
            }
            Named::Full { name, version } => {
                match name {
                    Value::Given(name) => write!(f, "the secret `{name}`")?,
                    Value::Supplied(supplied) => write!(f, "the secret in {supplied}")?,
                }
                version
            }
        };
        match version {
            Some(version) => write!(f, ", version `{version}`"),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for WireVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VersionVisitor;

        impl Visitor<'_> for VersionVisitor {
            type Value = WireVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of a version, an alias or `latest`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<WireVersion, E> {
                text.parse().map(WireVersion).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<WireVersion, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<WireVersion, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
                }
            }
        }

        deserializer.deserialize_any(VersionVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Environment {
        Environment::fixed([("NAME", "projects/p/secrets/s/versions/2")], "/")
    }

    fn resolved(text: &str) -> String {
        let project = "backend".parse().ok();
        let reference: Reference = toml::from_str(text).unwrap();
        let secret = reference.resolve(project.as_ref(), &context()).unwrap();
        format!("{}/versions/{}", secret.secret_resource(), secret.version)
    }

    #[test]
    fn a_secret_in_all_its_forms() {
        for (text, expected) in [
            (
                "secret = \"s\"",
                "projects/backend/secrets/s/versions/latest",
            ),
            (
                "secret = \"s\"\nproject = \"p\"\nversion = 3",
                "projects/p/secrets/s/versions/3",
            ),
            (
                "secret = \"s\"\nlocation = \"europe-west3\"\nversion = \"stable\"",
                "projects/backend/locations/europe-west3/secrets/s/versions/stable",
            ),
            (
                "name = \"projects/p/secrets/s\"",
                "projects/p/secrets/s/versions/latest",
            ),
            (
                "name = \"projects/p/secrets/s\"\nversion = \"4\"",
                "projects/p/secrets/s/versions/4",
            ),
            (
                "name = { env = \"NAME\" }",
                "projects/p/secrets/s/versions/2",
            ),
        ] {
            assert_eq!(resolved(text), expected, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, why) in [
            ("", "missing field `secret`"),
            ("secret = \"projects/p/secrets/s\"", "goes into `name`"),
            ("name = \"s\"", "is not the full name of a secret"),
            (
                "secret = \"s\"\nname = \"projects/p/secrets/s\"",
                "exclude each other",
            ),
            (
                "name = \"projects/p/secrets/s\"\nproject = \"p\"",
                "leave out `project`",
            ),
            (
                "name = \"projects/p/secrets/s/versions/1\"\nversion = 2",
                "leave out `version`",
            ),
            (
                "secret = \"s\"\nversion = -1",
                "expected the number of a version",
            ),
            ("secret = \"s\"\nlocation = \"EU/1\"", "is not a location"),
        ] {
            let error = toml::from_str::<Reference>(text).unwrap_err();
            assert!(error.message().contains(why), "{text}: {error}");
        }
        for (text, why) in [
            (
                "endpoint = \"secretmanager.googleapis.com\"",
                "is not a URL",
            ),
            (
                "universe-domain = \"https://x.y/\"",
                "is not a universe domain",
            ),
            (
                "auth = { method = \"workload-identity\" }",
                "missing field `provider`",
            ),
            ("auth = { method = \"magic\" }", "unknown variant `magic`"),
            ("key = \"x\"", "unknown field `key`"),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err();
            assert!(error.message().contains(why), "{text}: {error}");
        }
    }
}
