//! What things are called at AWS, checked when it is read.

use core::fmt;
use core::str::FromStr;

/// A region, such as `eu-west-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

/// The ARN of a role: `arn:aws:iam::123456789012:role/ci`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleArn(String);

/// A secret, by its name or by its ARN, whole or without the six characters at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretId(String);

/// An ARN in its parts: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
///
/// Source: the page "Amazon Resource Names (ARNs)" of AWS's general reference.
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl Region {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoleArn {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition, which is `aws` outside of China and of governments' regions.
    pub(crate) fn partition(&self) -> &str {
        Arn::parse(&self.0).map_or("aws", |arn| arn.partition)
    }

    /// The account and the name, without the path before it.
    pub(crate) fn account_and_name(&self) -> (&str, &str) {
        let arn = Arn::parse(&self.0);
        arn.map_or(("", self.as_str()), |arn| {
            let name = arn.resource.rsplit('/').next().unwrap_or_default();
            (arn.account, name)
        })
    }
}

impl SecretId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The region that an ARN names.
    pub(crate) fn region(&self) -> Option<Region> {
        Arn::parse(&self.0).map(|arn| Region(arn.region.to_owned()))
    }

    /// This secret in another region: the ARN of a replica differs in the region only.
    pub(crate) fn in_region(&self, region: &Region) -> Self {
        match Arn::parse(&self.0) {
            None => self.clone(),
            Some(arn) => Self(format!(
                "arn:{}:{}:{region}:{}:{}",
                arn.partition, arn.service, arn.account, arn.resource
            )),
        }
    }
}

impl<'a> Arn<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // It becomes a part of a host's name.
        let is_region = text.len() <= 63
            && text.split('-').count() >= 2
            && text.split('-').all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if is_region {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!(
                "`{text}` is not a region: a region is like `eu-west-1`"
            ))
        }
    }
}

impl FromStr for RoleArn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_role = Arn::parse(text).is_some_and(|arn| {
            arn.service == "iam"
                && arn.resource.starts_with("role/")
                && !arn.resource.ends_with('/')
        });
        if is_role {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not the ARN of a role: it is like `arn:aws:iam::123456789012:role/ci`"
            ))
        }
    }
}

impl FromStr for SecretId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(
                "a secret has a name or an ARN, which is neither empty nor of several lines"
                    .to_owned(),
            );
        }
        if !text.starts_with("arn:") {
            return Ok(Self(text.to_owned()));
        }
        let is_secret = Arn::parse(text).is_some_and(|arn| {
            arn.service == "secretsmanager"
                && arn.region.parse::<Region>().is_ok()
                && arn.resource.len() > "secret:".len()
                && arn.resource.starts_with("secret:")
        });
        if is_secret {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not the ARN of a secret: it is like `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/cargo-a1b2c3`"
            ))
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions() {
        for text in ["eu-west-1", "us-gov-west-1", "EU-CENTRAL-1"] {
            assert!(text.parse::<Region>().is_ok(), "{text}");
        }
        for text in [
            "",
            "x",
            "eu-west-1.evil.example",
            "eu--1",
            "eu-west-1/",
            "eu west-1",
        ] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_arn_names_its_region_and_leads_to_its_replicas() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/cargo-a1b2c3";
        let id: SecretId = arn.parse().unwrap();
        assert_eq!(id.region().unwrap().as_str(), "eu-west-1");
        let region = "eu-central-1".parse().unwrap();
        assert_eq!(
            id.in_region(&region).as_str(),
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/cargo-a1b2c3"
        );
        let id: SecretId = "prod/cargo".parse().unwrap();
        assert_eq!(id.region(), None);
        assert_eq!(id.in_region(&region), id);
    }

    #[test]
    fn what_is_no_name() {
        for text in [
            "",
            "a\nb",
            "arn:aws:iam::123456789012:role/ci",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:",
            "arn:aws:secretsmanager::123456789012:secret:x",
        ] {
            assert!(text.parse::<SecretId>().is_err(), "{text}");
        }
        for text in [
            "ci",
            "arn:aws:iam::123456789012:user/ci",
            "arn:aws:iam::1:role/",
        ] {
            assert!(text.parse::<RoleArn>().is_err(), "{text}");
        }
        let role: RoleArn = "arn:aws:iam::123456789012:role/teams/ci".parse().unwrap();
        assert_eq!(role.account_and_name(), ("123456789012", "ci"));
    }
}
