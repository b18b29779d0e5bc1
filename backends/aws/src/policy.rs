//! What must be granted, as a person pastes it.

use cargo_credential_bridge_backend::identity::WorkloadToken;
use serde_json::{Value, json};

use crate::name::{Arn, Region, RoleArn, SecretId};

/// What stands in an ARN where nobody has said which account it is.
const UNKNOWN_ACCOUNT: &str = "ACCOUNT";

/// What is done with a secret, each of which takes rights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// Reading what is known of it.
    Describe,
    /// Reading it and replacing all of it.
    Write,
    /// Reading it and changing a field, if it is still what was read.
    WriteField,
    /// Reading it and scheduling its deletion.
    Delete,
}

impl Access {
    /// In messages.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Describe => "read the tags of",
            Self::Write | Self::WriteField => "write",
            Self::Delete => "delete",
        }
    }

    /// As a policy lists them.
    ///
    /// Source: the page "Actions, resources, and condition keys for AWS Secrets Manager".
    pub(crate) fn actions(self) -> Value {
        let read = "secretsmanager:GetSecretValue";
        let put = "secretsmanager:PutSecretValue";
        match self {
            Self::Read => read.into(),
            Self::Describe => "secretsmanager:DescribeSecret".into(),
            Self::Write => json!([read, put]),
            Self::WriteField => json!([read, put, "secretsmanager:UpdateSecretVersionStage"]),
            Self::Delete => json!([read, "secretsmanager:DeleteSecret"]),
        }
    }

    /// What it takes of a key of one's own.
    pub(crate) fn key_actions(self) -> Value {
        match self {
            Self::Read | Self::Describe | Self::Delete => "kms:Decrypt".into(),
            Self::Write | Self::WriteField => json!(["kms:Decrypt", "kms:GenerateDataKey"]),
        }
    }
}

/// The statement that allows `action`, one or an array of them, on `resource`.
pub(crate) fn statement(action: impl Into<Value>, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action.into(), "Resource": resource })
}

/// The ARN that a policy must name for a secret: AWS puts six characters of its own behind the name.
///
/// Source: the page "Permissions policy examples" of Secrets Manager's guide.
pub(crate) fn secret_resource(
    secret: &SecretId,
    region: &Region,
    principal: Option<&str>,
) -> String {
    if let Some(arn) = Arn::parse(secret.as_str()) {
        let name = without_suffix(arn.resource);
        return format!(
            "arn:{}:{}:{region}:{}:{name}-??????",
            arn.partition, arn.service, arn.account
        );
    }
    let principal = principal.and_then(Arn::parse);
    let (partition, account) =
        principal.map_or(("aws", UNKNOWN_ACCOUNT), |arn| (arn.partition, arn.account));
    format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{secret}-??????")
}

/// The resource of an ARN without AWS's six characters, where it ends like that. A name may end so as well, but a whole
/// ARN is what AWS shows and people copy.
fn without_suffix(resource: &str) -> &str {
    match resource.rsplit_once('-') {
        Some((name, suffix))
            if suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            name
        }
        _ => resource,
    }
}

/// The statement of a role's trust policy by which it trusts `token`. There is none if the token does not state whom it
/// is from, for and about: with a condition less it would let in others as well.
pub(crate) fn web_identity_trust(role: &RoleArn, token: &WorkloadToken) -> Option<Value> {
    trust_of(role, |name| token.claim(name))
}

fn trust_of(role: &RoleArn, claim: impl Fn(&str) -> Vec<String>) -> Option<Value> {
    let issuer = claim("iss").pop()?;
    // IAM knows an issuer by its URL without the scheme.
    let issuer = issuer
        .split_once("://")
        .map_or(issuer.as_str(), |(_, rest)| rest);
    let (partition, (account, _)) = (role.partition(), role.account_and_name());
    let mut conditions = serde_json::Map::new();
    for name in ["aud", "sub"] {
        let mut stated = claim(name);
        let stated = match stated.len() {
            0 => return None,
            1 => stated.remove(0).into(),
            _ => stated.into(),
        };
        conditions.insert(format!("{issuer}:{name}"), stated);
    }
    Some(json!({
        "Effect": "Allow",
        "Principal": { "Federated": format!("arn:{partition}:iam::{account}:oidc-provider/{issuer}") },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": conditions },
    }))
}

/// The statement of a role's trust policy by which it trusts `principal`.
pub(crate) fn role_trust(principal: &str, external_id: Option<&str>) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": trusted(principal) },
        "Action": "sts:AssumeRole",
    });
    if let Some(id) = external_id {
        statement["Condition"] = json!({ "StringEquals": { "sts:ExternalId": id } });
    }
    statement
}

/// The role that a session is of: what a trust policy names.
fn trusted(principal: &str) -> String {
    let Some(arn) = Arn::parse(principal) else {
        return principal.to_owned();
    };
    let mut parts = arn.resource.split('/');
    match (parts.next(), parts.next()) {
        (Some("assumed-role"), Some(role)) => {
            format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account)
        }
        _ => principal.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_of_a_secret_ends_in_six_question_marks() {
        let region = "eu-west-1".parse().unwrap();
        let resource =
            |secret: &str, principal| secret_resource(&secret.parse().unwrap(), &region, principal);
        let principal = Some("arn:aws-cn:sts::210987654321:assumed-role/ci/run");
        for (secret, principal, expected) in [
            (
                "prod/cargo",
                principal,
                "arn:aws-cn:secretsmanager:eu-west-1:210987654321:secret:prod/cargo-??????",
            ),
            (
                "prod/cargo",
                None,
                "arn:aws:secretsmanager:eu-west-1:ACCOUNT:secret:prod/cargo-??????",
            ),
            (
                "arn:aws:secretsmanager:eu-west-1:1:secret:prod/cargo-a1B2c3",
                None,
                "arn:aws:secretsmanager:eu-west-1:1:secret:prod/cargo-??????",
            ),
            (
                "arn:aws:secretsmanager:eu-west-1:1:secret:prod/cargo",
                None,
                "arn:aws:secretsmanager:eu-west-1:1:secret:prod/cargo-??????",
            ),
        ] {
            assert_eq!(resource(secret, principal), expected);
        }
    }

    #[test]
    fn a_web_identity_is_trusted_by_all_that_its_token_states() {
        let role = "arn:aws-us-gov:iam::123456789012:role/ci".parse().unwrap();
        let trust = |audiences: &[&str], subjects: &[&str]| {
            let owned = |stated: &[&str]| stated.iter().map(|&one| one.to_owned()).collect();
            trust_of(&role, |name| match name {
                "iss" => vec!["https://issuer.example.com/a".to_owned()],
                "aud" => owned(audiences),
                _ => owned(subjects),
            })
        };
        let statement = trust(&["sts"], &["pod"]).unwrap();
        assert_eq!(
            statement["Principal"]["Federated"],
            "arn:aws-us-gov:iam::123456789012:oidc-provider/issuer.example.com/a"
        );
        let audience = |statement: &Value| {
            statement["Condition"]["StringEquals"]["issuer.example.com/a:aud"].clone()
        };
        assert_eq!(audience(&statement), "sts");
        let statement = trust(&["sts", "vault"], &["pod"]).unwrap();
        assert_eq!(audience(&statement), json!(["sts", "vault"]));
        assert_eq!(trust(&[], &["pod"]), None);
        assert_eq!(trust(&["sts"], &[]), None);
    }

    #[test]
    fn a_trust_policy_names_the_role_and_not_its_session() {
        let statement = role_trust("arn:aws:sts::1:assumed-role/ci/run-7", Some("x"));
        assert_eq!(statement["Principal"]["AWS"], "arn:aws:iam::1:role/ci");
        assert_eq!(
            statement["Condition"]["StringEquals"]["sts:ExternalId"],
            "x"
        );
    }
}
