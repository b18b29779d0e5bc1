//! Tokens: made by a login or by another token, used, looked up, revoked.
//!
//! <https://developer.hashicorp.com/vault/api-docs/auth/token>

use std::collections::HashMap;

use serde_json::{Value, json};

use super::answer::{self, Auth};
use crate::clock::{rfc3339_after, rfc3339_now, unix_now};
use crate::http::Response;
use crate::random;

/// A token that is known.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) display_name: String,
    pub(super) policies: Vec<String>,
    accessor: String,
    entity_id: String,
    meta: Value,
    path: String,
    /// In seconds; 0 is for ever.
    ttl: i64,
    created: i64,
    issue_time: String,
    expire_time: Option<String>,
    orphan: bool,
    batch: bool,
}

/// What a new token is for.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) display_name: String,
    pub(super) policies: Vec<String>,
    pub(super) entity_id: String,
    pub(super) meta: Value,
    pub(super) path: String,
    pub(super) ttl: i64,
    pub(super) orphan: bool,
    pub(super) batch: bool,
}

/// All tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    by_id: HashMap<String, Token>,
    root: String,
}

impl Tokens {
    pub(super) fn new(root: &str) -> Self {
        let mut tokens = Self {
            by_id: HashMap::new(),
            root: root.to_owned(),
        };
        let grant = Grant {
            display_name: "token".into(),
            policies: vec!["root".into()],
            entity_id: String::new(),
            meta: Value::Null,
            path: "auth/token/create".into(),
            ttl: 0,
            orphan: true,
            batch: false,
        };
        tokens.by_id.insert(root.to_owned(), Token::new(grant));
        tokens
    }

    /// The token with this id, unless it has expired.
    pub(super) fn find(&self, id: &str) -> Option<&Token> {
        self.by_id
            .get(id)
            .filter(|token| token.remaining() != Some(0))
    }

    /// The number of tokens that are good for something, the root token left out.
    pub(super) fn live(&self) -> usize {
        self.by_id
            .keys()
            .filter(|id| **id != self.root && self.find(id).is_some())
            .count()
    }

    /// Makes a token and the answer that hands it out.
    pub(super) fn grant(&mut self, grant: Grant, mount_type: &'static str) -> Response {
        let (prefix, length) = if grant.batch {
            ("hvb.AAAAAQ", 102)
        } else {
            ("hvs.CAESI", 64)
        };
        let id = format!("{prefix}{}", random::text(length));
        let token = Token::new(grant);
        let auth = Auth {
            client_token: id.clone(),
            accessor: token.accessor.clone(),
            policies: token.policies.clone(),
            token_policies: token.policies.clone(),
            metadata: token.meta.clone(),
            lease_duration: token.ttl,
            renewable: !token.batch,
            entity_id: token.entity_id.clone(),
            token_type: if token.batch { "batch" } else { "service" },
            orphan: token.orphan,
            mfa_requirement: None,
            num_uses: 0,
        };
        self.by_id.insert(id, token);
        answer::auth(mount_type, auth)
    }

    /// `auth/token/revoke-self`.
    pub(super) fn revoke(&mut self, id: &str) -> Response {
        if self.by_id.get(id).is_some_and(|token| token.batch) {
            return answer::error(400, "batch tokens cannot be revoked");
        }
        self.by_id.remove(id);
        answer::done()
    }

    /// `auth/token/lookup-self`.
    pub(super) fn look_up(&self, id: &str) -> Response {
        let Some(token) = self.find(id) else {
            return answer::invalid_token();
        };
        let mut data = json!({
            "accessor": token.accessor,
            "creation_time": token.created,
            "creation_ttl": token.ttl,
            "display_name": token.display_name,
            "entity_id": token.entity_id,
            "expire_time": token.expire_time,
            "explicit_max_ttl": 0,
            "id": id,
            "meta": token.meta,
            "num_uses": 0,
            "orphan": token.orphan,
            "path": token.path,
            "policies": token.policies,
            "renewable": token.ttl != 0 && !token.batch,
            "ttl": token.remaining().unwrap_or_default(),
            "type": if token.batch { "batch" } else { "service" },
        });
        data["issue_time"] = token.issue_time.clone().into();
        answer::data("token", data)
    }
}

impl Token {
    fn new(grant: Grant) -> Self {
        Self {
            display_name: grant.display_name,
            policies: grant.policies,
            accessor: if grant.batch {
                String::new()
            } else {
                random::alphanumeric(24)
            },
            entity_id: grant.entity_id,
            meta: grant.meta,
            path: grant.path,
            ttl: grant.ttl,
            created: unix_now(),
            issue_time: rfc3339_now(),
            expire_time: (grant.ttl != 0).then(|| rfc3339_after(grant.ttl)),
            orphan: grant.orphan,
            batch: grant.batch,
        }
    }

    /// The seconds left; `None` for a token without an end.
    fn remaining(&self) -> Option<i64> {
        (self.ttl != 0).then(|| (self.created + self.ttl - unix_now()).max(0))
    }

    pub(super) fn is_root(&self) -> bool {
        self.policies.iter().any(|policy| policy == "root")
    }
}
