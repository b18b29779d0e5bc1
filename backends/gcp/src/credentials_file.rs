//! The files that hold credentials, in all kinds that Google's tools write.
//!
//! Source: AIP-4112 (service account keys), AIP-4113 (users), AIP-4117 (external accounts), and what gcloud writes.

use core::str::FromStr;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::{Error, Kind as ErrorKind, SecretString};
use serde::Deserialize;

use crate::impersonation::Impersonation;
use crate::name::{Project, ServiceAccount, UniverseDomain};

/// A file with credentials, and what messages call it.
#[derive(Debug)]
pub(crate) struct CredentialsFile {
    pub(crate) origin: String,
    pub(crate) content: Content,
}

/// What `type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ServiceAccount,
    AuthorizedUser,
    ExternalAccount,
    ExternalAccountAuthorizedUser,
    ImpersonatedServiceAccount,
}

/// All fields of all kinds: which of them must be there is up to the kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content {
    r#type: Option<String>,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    universe_domain: Option<String>,

    pub(crate) client_email: Option<String>,
    pub(crate) private_key_id: Option<String>,
    pub(crate) private_key: Option<SecretString>,

    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) token_uri: Option<String>,

    pub(crate) audience: Option<String>,
    pub(crate) subject_token_type: Option<String>,
    pub(crate) token_url: Option<String>,
    pub(crate) credential_source: Option<CredentialSource>,
    pub(crate) workforce_pool_user_project: Option<String>,

    service_account_impersonation_url: Option<String>,
    delegates: Vec<String>,
    source_credentials: Option<Box<Self>>,
}

/// Where an external account has its token from: one group of these.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CredentialSource {
    pub(crate) file: Option<PathBuf>,
    pub(crate) url: Option<String>,
    pub(crate) headers: BTreeMap<String, SecretString>,
    pub(crate) format: Option<Format>,
    pub(crate) executable: Option<Executable>,
    pub(crate) environment_id: Option<String>,
    pub(crate) regional_cred_verification_url: Option<String>,
    pub(crate) certificate: Option<serde::de::IgnoredAny>,
}

/// How the token is written down there: as it is, or in a field of a JSON object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Format {
    pub(crate) r#type: Option<String>,
    pub(crate) subject_token_field_name: Option<String>,
}

/// The program that prints the token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Executable {
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) timeout_millis: Option<u64>,
    #[serde(default)]
    pub(crate) output_file: Option<PathBuf>,
}

impl CredentialsFile {
    /// Reads a file. The parser's own words are left out: they may quote it.
    pub(crate) fn parse(content: &[u8], path: &Path) -> Result<Self, Error> {
        let origin = format!("`{}`", path.display());
        let unreadable = |why: String| {
            Error::new(
                ErrorKind::Invalid,
                format!("the Google credentials in {origin} can't be read"),
            )
            .because(why)
            .help("it must be a file as `gcloud` or the console writes it")
        };
        // A structure could be read from an array too.
        if !content.trim_ascii_start().starts_with(b"{") {
            return Err(unreadable("it is not a JSON object".to_owned()));
        }
        let content = serde_json::from_slice(content).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            unreadable(match error.is_data() {
                true => format!("what is at {place} is of another type than it must be"),
                false => format!("it is not JSON from {place} on"),
            })
        })?;
        Ok(Self { origin, content })
    }

    pub(crate) fn kind(&self) -> Result<Kind, Error> {
        let known = match self.content.r#type.as_deref() {
            Some("service_account") => Kind::ServiceAccount,
            Some("authorized_user") => Kind::AuthorizedUser,
            Some("external_account") => Kind::ExternalAccount,
            Some("external_account_authorized_user") => Kind::ExternalAccountAuthorizedUser,
            Some("impersonated_service_account") => Kind::ImpersonatedServiceAccount,
            Some("gdch_service_account") => {
                return Err(self
                    .invalid("is a key of Google Distributed Cloud, which has no Secret Manager"));
            }
            Some(_) => {
                return Err(self.invalid("has a `type` that is none of Google's").help(
                    "known are `service_account`, `authorized_user`, `external_account`, `external_account_authorized_user` and \
                     `impersonated_service_account`",
                ));
            }
            None => return Err(self.lacks("type")),
        };
        Ok(known)
    }

    pub(crate) fn project(&self) -> Result<Option<Project>, Error> {
        self.named("project_id", self.content.project_id.as_deref())
    }

    pub(crate) fn quota_project(&self) -> Result<Option<Project>, Error> {
        self.named("quota_project_id", self.content.quota_project_id.as_deref())
    }

    pub(crate) fn universe(&self) -> Result<Option<UniverseDomain>, Error> {
        self.named("universe_domain", self.content.universe_domain.as_deref())
    }

    /// Whom the holder of these credentials is to become, if anybody.
    pub(crate) fn impersonation(&self) -> Result<Option<Impersonation>, Error> {
        let Some(url) = &self.content.service_account_impersonation_url else {
            return Ok(None);
        };
        let account = url
            .rsplit_once("/serviceAccounts/")
            .and_then(|(_, account)| account.strip_suffix(":generateAccessToken"))
            .ok_or_else(|| {
                self.invalid("has a `service_account_impersonation_url` that does not end in `/serviceAccounts/EMAIL:generateAccessToken`")
            })?;
        let account: Option<ServiceAccount> =
            self.named("service_account_impersonation_url", Some(account))?;
        let mut delegates = Vec::new();
        for delegate in &self.content.delegates {
            // gcloud writes them as resources.
            let email = delegate.rsplit('/').next();
            delegates.extend(self.named("delegates", email)?);
        }
        Ok(account.map(|account| Impersonation {
            url: url.clone(),
            account,
            delegates,
        }))
    }

    /// The credentials inside of these.
    pub(crate) fn source_credentials(&self) -> Result<Self, Error> {
        let content = self.need(
            "source_credentials",
            self.content.source_credentials.as_deref(),
        )?;
        Ok(Self {
            origin: self.origin.clone(),
            content: content.clone(),
        })
    }

    /// A field that credentials of its kind must have.
    pub(crate) fn need<'a, T: ?Sized>(
        &self,
        field: &str,
        value: Option<&'a T>,
    ) -> Result<&'a T, Error> {
        value.ok_or_else(|| self.lacks(field))
    }

    /// The error for a field that is not there.
    pub(crate) fn lacks(&self, field: &str) -> Error {
        self.invalid(&format!("has no `{field}`"))
            .help("it must be a file as `gcloud` or the console writes it, whole")
    }

    pub(crate) fn invalid(&self, why: &str) -> Error {
        Error::new(
            ErrorKind::Invalid,
            format!("the file with Google credentials {} {why}", self.origin),
        )
    }

    /// A field that names something, checked.
    fn named<T: FromStr<Err = String>>(
        &self,
        field: &str,
        text: Option<&str>,
    ) -> Result<Option<T>, Error> {
        text.filter(|text| !text.is_empty())
            .map(|text| {
                // It may be anything, a secret in the wrong place above all.
                text.parse().map_err(|_: String| {
                    self.invalid(&format!("has a `{field}` that can't be one"))
                })
            })
            .transpose()
    }
}

impl Format {
    /// What `type` says, if anything: `text` is what it is without it.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.r#type.as_deref().filter(|kind| !kind.is_empty())
    }
}
