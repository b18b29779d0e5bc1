use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

use cargo_credential_bridge_backend::http::{self, Roots, Settings};
use cargo_credential_bridge_backend::{Context, Environment, Error, OneOrMany, Value};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::method::Method;
use crate::name::{Region, RoleArn, SecretId};

/// `[backends.NAME]` with `type = "aws"`. What is not given is the SDK's to find.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WireConfig")]
pub struct Config {
    pub(crate) regions: Vec<Value<Region>>,
    pub(crate) profile: Option<Value>,
    endpoint: Option<Value<Endpoint>>,
    ca_file: Option<Value<PathBuf>>,
    roles: Vec<Value<RoleArn>>,
    external_id: Option<Value>,
    session_name: Option<Value>,
    auth: Vec<Method>,
    index_url_tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireConfig {
    region: Option<Value<Region>>,
    regions: Option<Vec<Value<Region>>>,
    profile: Option<Value>,
    endpoint: Option<Value<Endpoint>>,
    ca_file: Option<Value<PathBuf>>,
    role_arn: Option<Roles>,
    external_id: Option<Value>,
    session_name: Option<Value>,
    auth: Option<OneOrMany<Method>>,
    index_url_tag: Option<String>,
}

/// One role, or an array of them, assumed in order.
struct Roles(Vec<Value<RoleArn>>);

/// A secret in AWS Secrets Manager.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WireReference")]
pub struct Reference {
    pub(crate) secret: Value<SecretId>,
    pub(crate) version: Version,
}

/// Which version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// The one that is labelled `AWSCURRENT`.
    Current,
    /// The one with this staging label.
    Stage(String),
    /// The one with this id.
    Id(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireReference {
    secret: Value<SecretId>,
    stage: Option<String>,
    version_id: Option<String>,
}

/// The address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(String);

/// The settings of one instance, complete.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// In the order in which they are tried; empty if the SDK is to find one.
    pub(crate) regions: Vec<Region>,
    pub(crate) profile: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) http: Settings,
    pub(crate) identity: Identity,
    /// The tag that says which registries a secret is for.
    pub(crate) index_url_tag: Option<String>,
}

/// Who we are to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// The first whose inputs exist here.
    pub(crate) methods: Vec<Method>,
    /// Roles to assume on top, in order.
    pub(crate) roles: Vec<RoleArn>,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: Option<String>,
}

impl Config {
    /// Everything that is given or supplied by the job.
    pub(crate) fn resolve(&self, context: &Context) -> Result<Resolved, Error> {
        let environment = &context.environment;
        let text = |value: &Option<Value>, key: &str| {
            Value::resolve_optional(value.as_ref(), key, environment)
        };
        let endpoint = Value::resolve_optional(self.endpoint.as_ref(), "endpoint", environment)?;
        Ok(Resolved {
            regions: all(&self.regions, "region", environment)?,
            profile: text(&self.profile, "profile")?,
            endpoint: endpoint.map(|endpoint| endpoint.0),
            http: Settings {
                roots: roots(self.ca_file.as_ref(), environment)?,
                ..Settings::default()
            },
            identity: Identity {
                methods: self.auth.clone(),
                roles: all(&self.roles, "role-arn", environment)?,
                external_id: text(&self.external_id, "external-id")?,
                session_name: text(&self.session_name, "session-name")?,
            },
            index_url_tag: self.index_url_tag.clone(),
        })
    }
}

fn all<T>(values: &[Value<T>], key: &str, environment: &Environment) -> Result<Vec<T>, Error>
where
    T: FromStr + Clone,
    T::Err: fmt::Display,
{
    values
        .iter()
        .map(|value| value.resolve(key, environment))
        .collect()
}

/// Whom to trust: `ca-file`, else `AWS_CA_BUNDLE`, which AWS's other SDKs and its command line read and the SDK for
/// Rust does not, else the system's.
pub(crate) fn roots(
    ca_file: Option<&Value<PathBuf>>,
    environment: &Environment,
) -> Result<Roots, Error> {
    let (origin, path) = match ca_file {
        Some(path) => ("ca-file", path.resolve("ca-file", environment)?),
        None => match environment.var("AWS_CA_BUNDLE")? {
            Some(path) => ("AWS_CA_BUNDLE", environment.path_from_variable(path)),
            None => return Ok(Roots::System),
        },
    };
    Roots::in_file(origin, &path, environment)
}

impl TryFrom<WireConfig> for Config {
    type Error = &'static str;

    fn try_from(wire: WireConfig) -> Result<Self, Self::Error> {
        let regions = match (wire.region, wire.regions) {
            (None, None) => Vec::new(),
            (Some(region), None) => vec![region],
            (None, Some(regions)) if regions.is_empty() => {
                return Err("there is no region in `regions`");
            }
            (None, Some(regions)) => regions,
            (Some(_), Some(_)) => {
                return Err(
                    "`regions` names all regions, the first one included: leave out `region`",
                );
            }
        };
        let roles = wire.role_arn.map(|roles| roles.0).unwrap_or_default();
        if roles.is_empty() && (wire.external_id.is_some() || wire.session_name.is_some()) {
            return Err("`external-id` and `session-name` go with `role-arn`");
        }
        if wire.index_url_tag.as_deref() == Some("") {
            return Err("`index-url-tag` is empty");
        }
        Ok(Self {
            regions,
            profile: wire.profile,
            endpoint: wire.endpoint,
            ca_file: wire.ca_file,
            roles,
            external_id: wire.external_id,
            session_name: wire.session_name,
            auth: wire.auth.map(|auth| auth.0).unwrap_or_default(),
            index_url_tag: wire.index_url_tag,
        })
    }
}

impl TryFrom<WireReference> for Reference {
    type Error = &'static str;

    fn try_from(wire: WireReference) -> Result<Self, Self::Error> {
        let version = match (wire.stage, wire.version_id) {
            (None, None) => Version::Current,
            (Some(stage), None) if !stage.is_empty() => Version::Stage(stage),
            (None, Some(id)) if !id.is_empty() => Version::Id(id),
            (Some(_), Some(_)) => return Err("`stage` and `version-id` exclude each other"),
            _ => return Err("`stage` or `version-id` is empty"),
        };
        Ok(Self {
            secret: wire.secret,
            version,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.secret {
            Value::Given(secret) => write!(f, "the secret `{secret}`")?,
            Value::Supplied(supplied) => write!(f, "the secret in {supplied}")?,
        }
        match &self.version {
            Version::Current => Ok(()),
            Version::Stage(stage) => write!(f, ", stage `{stage}`"),
            Version::Id(id) => write!(f, ", version `{id}`"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        http::endpoint(text)?;
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RolesVisitor;

        impl<'de> Visitor<'de> for RolesVisitor {
            type Value = Roles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the ARN of a role, or an array of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Roles, E> {
                let value = Value::deserialize(de::value::StrDeserializer::new(text))?;
                Ok(Roles(vec![value]))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Roles, A::Error> {
                let value = Value::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Roles(vec![value]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Roles, A::Error> {
                let mut roles = Vec::new();
                while let Some(role) = seq.next_element()? {
                    roles.push(role);
                }
                Ok(Roles(roles))
            }
        }

        deserializer.deserialize_any(RolesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn roles_and_regions_in_both_forms() {
        let config = config(
            "regions = [\"eu-west-1\", { env = \"REPLICA\" }]\nrole-arn = [\"arn:aws:iam::1:role/a\", \"arn:aws:iam::2:role/b\"]\nexternal-id = \"x\"",
        )
        .unwrap();
        assert_eq!((config.regions.len(), config.roles.len()), (2, 2));
        let config: Config = toml::from_str("role-arn = \"arn:aws:iam::1:role/a\"").unwrap();
        assert_eq!(config.roles.len(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, why) in [
            (
                "region = \"x-1\"\nregions = [\"y-1\"]",
                "`regions` names all regions",
            ),
            ("regions = []", "no region in `regions`"),
            ("external-id = \"x\"", "go with `role-arn`"),
            ("index-url-tag = \"\"", "`index-url-tag` is empty"),
            ("region = \"nowhere\"", "is not a region"),
            ("endpoint = \"ftp://x\"", "must start with `https://`"),
            ("role-arn = \"ci\"", "is not the ARN of a role"),
            (
                "auth = { method = \"web-identity\" }",
                "missing field `role-arn`",
            ),
            ("auth = { method = \"magic\" }", "unknown variant `magic`"),
            ("access-key = \"AKIA\"", "unknown field `access-key`"),
        ] {
            let error = config(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_source_has_one_version() {
        let reference = |text: &str| toml::from_str::<Reference>(text);
        let shown = |text: &str| reference(text).unwrap().to_string();
        assert_eq!(shown("secret = \"prod/cargo\""), "the secret `prod/cargo`");
        assert_eq!(
            shown("secret = \"a\"\nstage = \"AWSPREVIOUS\""),
            "the secret `a`, stage `AWSPREVIOUS`"
        );
        assert_eq!(
            shown("secret = \"a\"\nversion-id = \"v\""),
            "the secret `a`, version `v`"
        );
        let both = "secret = \"a\"\nstage = \"s\"\nversion-id = \"v\"";
        assert!(
            reference(both)
                .unwrap_err()
                .message()
                .contains("exclude each other")
        );
        assert!(reference("secret = \"\"").is_err());
    }
}
