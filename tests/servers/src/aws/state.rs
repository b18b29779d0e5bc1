//! What the double knows: keys, roles and secrets.

use std::collections::{HashMap, HashSet};

use super::Keys;
use super::answer::{Language, Refused};
use super::sigv4::{Fault, Signature};
use super::sts::Trust;
use crate::clock::unix_now;
use crate::http::Request;

use crate::random;

#[derive(Debug, Default)]
pub(super) struct State {
    keys: HashMap<String, (Keys, Principal)>,
    pub(super) roles: HashMap<String, Trust>,
    /// Roles that trust no issuer.
    pub(super) plain_roles: HashSet<String>,
    pub(super) secrets: HashMap<String, String>,
    pub(super) denied: HashSet<String>,
    /// How far its clock is before everybody else's, in seconds.
    pub(super) ahead: i64,
}

/// Who somebody is.
#[derive(Clone, Debug)]
pub(super) struct Principal {
    pub(super) arn: String,
    pub(super) has_expired: bool,
}

impl State {
    /// A key of a user that lasts.
    pub(super) fn user(&mut self, arn: &str) -> Keys {
        self.add(arn, "AKIA", None)
    }

    /// A key of a session.
    pub(super) fn session(&mut self, arn: &str) -> Keys {
        self.add(arn, "ASIA", Some(random::text(48)))
    }

    /// Ends a session.
    pub(super) fn expire(&mut self, key: &str) {
        if let Some((_, principal)) = self.keys.get_mut(key) {
            principal.has_expired = true;
        }
    }

    fn add(&mut self, arn: &str, prefix: &str, token: Option<String>) -> Keys {
        let keys = Keys {
            id: format!("{prefix}{}", random::alphanumeric(16).to_uppercase()),
            secret: random::alphanumeric(40),
            token,
        };
        let principal = Principal {
            arn: arn.to_owned(),
            has_expired: false,
        };
        self.keys.insert(keys.id.clone(), (keys.clone(), principal));
        keys
    }

    pub(super) fn now(&self) -> i64 {
        unix_now() + self.ahead
    }

    /// Who asks, by the signature.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        language: Language,
    ) -> Result<Principal, Refused> {
        let is_json = language == Language::Json;
        let code = |json, xml| if is_json { json } else { xml };
        let Some(signature) = Signature::of(request) else {
            let code = code(
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
            );
            return Err(Refused::new(403, code, "Missing Authentication Token"));
        };
        let known = self.keys.get(signature.key);
        let Some((keys, principal)) =
            known.filter(|(keys, _)| keys.token.as_deref() == signature.token)
        else {
            return Err(Refused::new(
                if is_json { 400 } else { 403 },
                code("UnrecognizedClientException", "InvalidClientTokenId"),
                "The security token included in the request is invalid.",
            ));
        };
        if principal.has_expired {
            return Err(Refused::new(
                if is_json { 400 } else { 403 },
                code("ExpiredTokenException", "ExpiredToken"),
                "The security token included in the request is expired",
            ));
        }
        let wrong = code("InvalidSignatureException", "SignatureDoesNotMatch");
        match signature.check(request, &keys.secret, self.now()) {
            Ok(()) => Ok(principal.clone()),
            Err(Fault::Time) => Err(Refused::new(
                if is_json { 400 } else { 403 },
                wrong,
                "Signature expired: it is not of the server's time (5 min.)",
            )),
            Err(Fault::Value) => Err(Refused::new(
                if is_json { 400 } else { 403 },
                wrong,
                "The request signature we calculated does not match the signature you provided.",
            )),
        }
    }
}
