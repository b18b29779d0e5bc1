//! What things are called at Google, checked when it is read: most of it becomes a part of a URL.

use core::fmt;
use core::str::FromStr;

use cargo_credential_bridge_backend::http;

/// The address prefix under which Google's IAM names things, in every universe.
const IAM: &str = "iam.googleapis.com/";

/// Text of one form, by a rule and the words for what breaks it.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is:expr, $like:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(String);

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let is: fn(&str) -> bool = $is;
                match is(text) {
                    true => Ok(Self(text.to_owned())),
                    false => Err(format!(concat!("`{}` is not ", $like), text)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A secret's own name, without its project.
    SecretId,
    |text| is_made_of(text, 255, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
    "the name of a secret: letters, digits, `-` and `_`; the full resource name goes into `name`"
);
name!(
    /// A project, by its id or its number.
    Project,
    |text| is_made_of(text, 100, |byte| byte.is_ascii_lowercase()
        || byte.is_ascii_digit()
        || b"-.:".contains(&byte)),
    "the id or the number of a project"
);
name!(
    /// A region that keeps a secret to itself: `europe-west3`.
    Location,
    |text| is_made_of(text, 63, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
    "a location: a location is like `europe-west3`"
);
name!(
    /// A version: its number, an alias, or `latest`.
    Version,
    |text| is_made_of(text, 63, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
    "a version: a version is a number, an alias or `latest`"
);
name!(
    /// A service account, by its email address or its unique id.
    ServiceAccount,
    |text| is_made_of(text, 254, |byte| byte.is_ascii_alphanumeric() || b"-_.@:+".contains(&byte)),
    "a service account: it is like `cargo-ci@project.iam.gserviceaccount.com`"
);
name!(
    /// The domain of all services of one Google Cloud: `googleapis.com`, or that of a sovereign one.
    UniverseDomain,
    |text| text.contains('.')
        && is_made_of(text, 200, |byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)),
    "a universe domain: it is like `googleapis.com`"
);

impl Version {
    /// The newest one.
    pub(crate) fn latest() -> Self {
        Self("latest".to_owned())
    }

    pub(crate) fn numbered(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl Default for UniverseDomain {
    fn default() -> Self {
        Self("googleapis.com".to_owned())
    }
}

fn is_made_of(text: &str, longest: usize, is_legal: impl Fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(is_legal)
}

/// A secret by its full resource name, with a version or without.
///
/// Source: the pages of Secret Manager's REST API, `projects.secrets` and `projects.locations.secrets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceName {
    pub(crate) project: Project,
    pub(crate) location: Option<Location>,
    pub(crate) secret: SecretId,
    pub(crate) version: Option<Version>,
}

/// A secret as a resource, without its version.
pub(crate) fn secret_resource(
    project: &Project,
    location: Option<&Location>,
    secret: &SecretId,
) -> String {
    match location {
        None => format!("projects/{project}/secrets/{secret}"),
        Some(location) => format!("projects/{project}/locations/{location}/secrets/{secret}"),
    }
}

impl FromStr for ResourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        let (project, location, rest) = match parts[..] {
            ["projects", project, "locations", location, ref rest @ ..] => {
                (project, Some(location), rest)
            }
            ["projects", project, ref rest @ ..] => (project, None, rest),
            _ => return Err(not_a_resource_name(text)),
        };
        let (secret, version) = match *rest {
            ["secrets", secret] => (secret, None),
            ["secrets", secret, "versions", version] => (secret, Some(version)),
            _ => return Err(not_a_resource_name(text)),
        };
        Ok(Self {
            project: project.parse()?,
            location: location.map(str::parse).transpose()?,
            secret: secret.parse()?,
            version: version.map(str::parse).transpose()?,
        })
    }
}

fn not_a_resource_name(text: &str) -> String {
    format!(
        "`{text}` is not the full name of a secret: it is like `projects/p/secrets/s`, or \
         `projects/p/locations/l/secrets/s/versions/1`"
    )
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&secret_resource(
            &self.project,
            self.location.as_ref(),
            &self.secret,
        ))?;
        match &self.version {
            Some(version) => write!(f, "/versions/{version}"),
            None => Ok(()),
        }
    }
}

/// A provider of a workload identity pool: who vouches for the jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider(String);

impl Provider {
    /// What STS takes as the audience of the exchange. It is the same in every universe.
    pub(crate) fn resource(&self) -> String {
        format!("//{IAM}{}", self.0)
    }

    /// The audience that Google wants in a job's token, unless the provider lists others.
    pub(crate) fn default_audience(&self) -> String {
        format!("https://{IAM}{}", self.0)
    }

    /// The member that stands for `subject` in a policy.
    ///
    /// Source: the page "Principal identifiers" of Google's IAM.
    pub(crate) fn principal(&self, subject: &str) -> String {
        let pool = self.0.split("/providers/").next().unwrap_or_default();
        format!("principal://{IAM}{pool}/subject/{subject}")
    }
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The page of a provider shows it in all of these forms.
        let bare = text
            .strip_prefix("https:")
            .unwrap_or(text)
            .strip_prefix("//")
            .and_then(|text| text.strip_prefix(IAM))
            .unwrap_or(text);
        let parts: Vec<_> = bare.split('/').collect();
        let [
            "projects",
            project,
            "locations",
            "global",
            "workloadIdentityPools",
            pool,
            "providers",
            provider,
        ] = parts[..]
        else {
            return Err(format!(
                "`{text}` is not a provider: it is like `projects/123456789/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`"
            ));
        };
        let is_id = |text| {
            is_made_of(text, 64, |byte| {
                byte.is_ascii_alphanumeric() || byte == b'-'
            })
        };
        if !is_id(pool) || !is_id(provider) {
            return Err(format!(
                "`{text}` has a pool or a provider that can't be one"
            ));
        }
        if !is_made_of(project, 20, |byte| byte.is_ascii_digit()) {
            return Err(format!(
                "the project of a provider is given by its number, and not as `{project}`: \
                 `gcloud projects describe {project} --format='value(projectNumber)'`"
            ));
        }
        Ok(Self(bare.to_owned()))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of a service, without the path of its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(String);

impl Endpoint {
    /// The address of a path below it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Google's own for a service: `secretmanager` in `googleapis.com`.
    pub(crate) fn of(service: &str, universe: &UniverseDomain) -> Self {
        Self(format!("https://{service}.{universe}"))
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = http::endpoint(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("`{text}` must end with its path"));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for text in [
            "projects/p/secrets/s",
            "projects/123/secrets/s/versions/latest",
            "projects/example.com:p/locations/europe-west3/secrets/s/versions/7",
        ] {
            let name: ResourceName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
        }
        for text in [
            "s",
            "projects/p/secrets",
            "projects/p/secrets/s/versions",
            "projects/p/secrets/a b",
            "projects/../secrets/s/versions/1/x",
            "projects/p/locations//secrets/s",
        ] {
            assert!(text.parse::<ResourceName>().is_err(), "{text}");
        }
        assert!("a/b".parse::<SecretId>().is_err());
        assert!("s?x=1".parse::<SecretId>().is_err());
    }

    #[test]
    fn a_provider_in_all_its_forms() {
        let bare = "projects/123/locations/global/workloadIdentityPools/ci/providers/github";
        for prefix in ["", "//iam.googleapis.com/", "https://iam.googleapis.com/"] {
            let provider: Provider = format!("{prefix}{bare}").parse().unwrap();
            assert_eq!(provider.resource(), format!("//iam.googleapis.com/{bare}"));
            assert_eq!(
                provider.default_audience(),
                format!("https://iam.googleapis.com/{bare}")
            );
            assert_eq!(
                provider.principal("repo:acme/app"),
                "principal://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/ci/subject/repo:acme/app"
            );
        }
        let by_id = bare.replace("123", "acme").parse::<Provider>().unwrap_err();
        assert!(by_id.contains("gcloud projects describe acme"), "{by_id}");
        assert!("ci/github".parse::<Provider>().is_err());
    }
}
