//! The JWT auth method: a token of an identity provider for a token of Vault.
//!
//! <https://developer.hashicorp.com/vault/api-docs/auth/jwt>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tokens::Grant;
use crate::clock::unix_now;
use crate::issuer::Issuer;
use crate::jwt::{Distrust, verify};
use crate::random;

/// Vault's tolerance between two clocks, in seconds.
const CLOCK_SKEW: i64 = 60;
/// What Vault adds or takes where a token has no `exp` or no `nbf`, in seconds.
const LEEWAY: i64 = 150;
/// How long tokens live if the role does not say, in seconds: the system's default, 32 days.
const DEFAULT_TTL: i64 = 2_764_800;

/// A role of the JWT auth method: who may log in with it, and what they get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The keys that the method trusts from now on, in PEM. They belong to the method, as in Vault, not to the role.
    pub public_keys_pem: Vec<String>,
    /// The audiences of which the token must have one.
    pub bound_audiences: Vec<String>,
    /// The subject that the token must have.
    pub bound_subject: Option<String>,
    /// Claims that the token must have, each with one of these values.
    pub bound_claims: BTreeMap<String, Vec<String>>,
    /// The claim that names the identity; `sub` if empty.
    pub user_claim: String,
    /// The policies of the tokens that it gives, besides `default`.
    pub policies: Vec<String>,
    /// How long these live, in seconds; 0 is the system's default.
    pub ttl: i64,
    /// Whether these are batch tokens.
    pub batch: bool,
}

impl Role {
    /// A role for the tokens of this issuer with this audience; the tokens it gives live five minutes.
    #[must_use]
    pub fn new(issuer: &Issuer, audience: &str, policies: &[&str]) -> Self {
        Self {
            public_keys_pem: vec![issuer.public_key_pem()],
            bound_audiences: vec![audience.to_owned()],
            policies: policies.iter().map(|&policy| policy.to_owned()).collect(),
            ttl: 300,
            ..Self::default()
        }
    }

    /// Demands a claim with this value.
    #[must_use]
    pub fn claim(mut self, name: &str, value: &str) -> Self {
        self.bound_claims
            .entry(name.to_owned())
            .or_default()
            .push(value.to_owned());
        self
    }
}

/// A mounted JWT auth method.
#[derive(Debug, Default)]
pub(super) struct JwtAuth {
    pub(super) public_keys_pem: Vec<String>,
    pub(super) bound_issuer: String,
    pub(super) roles: BTreeMap<String, Role>,
}

impl JwtAuth {
    /// `auth/<mount>/config`.
    pub(super) fn configure(&mut self, body: &Value) {
        self.public_keys_pem = strings(&body["jwt_validation_pubkeys"]);
        body["bound_issuer"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut self.bound_issuer);
    }

    /// `auth/<mount>/role/<name>`.
    pub(super) fn write_role(&mut self, name: &str, body: &Value) {
        let policies = if body["token_policies"].is_null() {
            &body["policies"]
        } else {
            &body["token_policies"]
        };
        let claims = body["bound_claims"].as_object().into_iter().flatten();
        let role = Role {
            public_keys_pem: Vec::new(),
            bound_audiences: strings(&body["bound_audiences"]),
            bound_subject: body["bound_subject"]
                .as_str()
                .filter(|subject| !subject.is_empty())
                .map(str::to_owned),
            bound_claims: claims
                .map(|(claim, values)| (claim.clone(), strings(values)))
                .collect(),
            user_claim: body["user_claim"].as_str().unwrap_or_default().to_owned(),
            policies: strings(policies),
            ttl: seconds(&body["token_ttl"]),
            batch: body["token_type"] == "batch",
        };
        self.roles.insert(name.to_owned(), role);
    }

    /// `auth/<mount>/login`: what the new token is for, or Vault's words of refusal.
    pub(super) fn login(&self, mount: &str, body: &Value) -> Result<Grant, String> {
        let name = body["role"]
            .as_str()
            .filter(|role| !role.is_empty())
            .ok_or("missing role")?;
        if self.public_keys_pem.is_empty() {
            return Err("could not load configuration".into());
        }
        let role = self
            .roles
            .get(name)
            .ok_or_else(|| format!("role \"{name}\" could not be found"))?;
        let token = body["jwt"]
            .as_str()
            .filter(|token| !token.is_empty())
            .ok_or("missing token")?;
        let claims = verify(token, &self.public_keys_pem)
            .map_err(|distrust| format!("error verifying token signature: {}", reason(distrust)))
            .and_then(|claims| self.check_standard_claims(role, &claims).map(|()| claims))
            .map_err(|text| format!("error validating token: {text}"))?;
        check_bound_claims(role, &claims)
            .map_err(|text| format!("error validating claims: {text}"))?;
        let user_claim = if role.user_claim.is_empty() {
            "sub"
        } else {
            &role.user_claim
        };
        let user = claims[user_claim]
            .as_str()
            .ok_or_else(|| format!("claim \"{user_claim}\" not found in token"))?;
        let mut policies: Vec<String> = role
            .policies
            .iter()
            .cloned()
            .chain(["default".to_owned()])
            .collect();
        policies.sort();
        Ok(Grant {
            display_name: format!("{}-{user}", mount.trim_end_matches('/')),
            policies,
            entity_id: random::uuid(),
            meta: json!({ "role": name }),
            path: format!("auth/{mount}login"),
            ttl: if role.ttl == 0 { DEFAULT_TTL } else { role.ttl },
            orphan: true,
            batch: role.batch,
        })
    }

    fn check_standard_claims(&self, role: &Role, claims: &Value) -> Result<(), String> {
        if !self.bound_issuer.is_empty() && claims["iss"] != self.bound_issuer {
            return Err("invalid issuer (iss) claim".into());
        }
        if role
            .bound_subject
            .as_ref()
            .is_some_and(|subject| claims["sub"] != **subject)
        {
            return Err("invalid subject (sub) claim".into());
        }
        let audiences = strings(&claims["aud"]);
        if !role.bound_audiences.is_empty()
            && !audiences
                .iter()
                .any(|given| role.bound_audiences.contains(given))
        {
            return Err(
                "invalid audience (aud) claim: audience claim does not match any expected audience"
                    .into(),
            );
        }
        check_times(claims)
    }
}

fn check_times(claims: &Value) -> Result<(), String> {
    let [issued, not_before, expires] =
        ["iat", "nbf", "exp"].map(|name| claims[name].as_f64().map(floor));
    if issued.is_none() && not_before.is_none() && expires.is_none() {
        return Err(
            "no issued at (iat), not before (nbf), or expiration time (exp) claims in token".into(),
        );
    }
    let now = unix_now();
    let start = not_before
        .or(issued)
        .or_else(|| Some(expires? - LEEWAY))
        .unwrap_or(now);
    let end = expires.unwrap_or(start + LEEWAY);
    if end + CLOCK_SKEW < now {
        return Err("invalid expiration time (exp) claim: token is expired".into());
    }
    if start - CLOCK_SKEW > now {
        return Err("invalid not before (nbf) claim: token not yet valid".into());
    }
    if issued.is_some_and(|issued| issued - CLOCK_SKEW > now) {
        return Err("invalid issued at (iat) claim: token issued in the future".into());
    }
    Ok(())
}

fn check_bound_claims(role: &Role, claims: &Value) -> Result<(), String> {
    for (name, values) in &role.bound_claims {
        let given = strings(&claims[name.as_str()]);
        if given.is_empty() {
            return Err(format!("claim \"{name}\" is missing"));
        }
        if !given.iter().any(|value| values.contains(value)) {
            return Err(format!(
                "claim \"{name}\" does not match any associated bound claim values"
            ));
        }
    }
    Ok(())
}

fn reason(distrust: Distrust) -> &'static str {
    match distrust {
        Distrust::Shape => "go-jose/go-jose: compact JWS format must have three parts",
        Distrust::Encoding => "illegal base64 data at input byte 0",
        Distrust::Signature => "no known key successfully validated the token signature",
    }
}

/// A string, or a list of strings, as Vault and JWT both allow.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// A duration of Vault's API in seconds: a number, or a number with `s`, `m` or `h`.
pub(super) fn seconds(value: &Value) -> i64 {
    let Some(text) = value.as_str() else {
        return value.as_i64().unwrap_or_default();
    };
    let (number, unit) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    number.parse::<i64>().map_or(0, |number| number * unit)
}

/// RFC 7519 allows fractions of a second; whole ones decide.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a time beyond i64 saturates, which is as far away"
)]
fn floor(seconds: f64) -> i64 {
    seconds.floor() as i64
}
