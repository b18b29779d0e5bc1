//! The key/value secrets engine, versions 1 and 2.
//!
//! <https://developer.hashicorp.com/vault/api-docs/secret/kv>

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answer;
use crate::clock::rfc3339_now;
use crate::http::Response;

/// How long KV v1 says that its secrets live, in seconds: the mount's default, 32 days.
const V1_TTL: i64 = 2_764_800;

/// What a request wants of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    List,
    Write,
    Delete,
}

/// A request to an engine: the path below its mount, and the rest.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) operation: Operation,
    pub(super) path: &'a str,
    pub(super) version: Option<String>,
    pub(super) body: &'a Value,
}

/// One mounted engine.
#[derive(Debug)]
pub(super) enum Kv {
    V1(BTreeMap<String, Value>),
    V2(BTreeMap<String, Secret>),
}

/// A secret of KV v2: its versions from 1, and what is said about them.
#[derive(Debug)]
pub(super) struct Secret {
    versions: Vec<Version>,
    custom_metadata: Value,
    created: String,
    updated: String,
}

#[derive(Debug)]
struct Version {
    created: String,
    deleted: String,
    destroyed: bool,
    data: Value,
}

impl Kv {
    pub(super) fn version(&self) -> &'static str {
        match self {
            Self::V1(_) => "1",
            Self::V2(_) => "2",
        }
    }

    /// Whether a write to this path changes something that exists: `update`, not `create`.
    pub(super) fn exists(&self, path: &str) -> bool {
        match self {
            Self::V1(secrets) => secrets.contains_key(path),
            Self::V2(secrets) => path
                .split_once('/')
                .is_none_or(|(kind, name)| kind != "data" || secrets.contains_key(name)),
        }
    }

    pub(super) fn answer(&mut self, ask: &Ask<'_>) -> Response {
        match self {
            Self::V1(secrets) => v1(secrets, ask),
            Self::V2(secrets) => v2(secrets, ask),
        }
    }
}

fn v1(secrets: &mut BTreeMap<String, Value>, ask: &Ask<'_>) -> Response {
    match ask.operation {
        Operation::Read => match secrets.get(ask.path) {
            Some(data) => answer::data_with_ttl("kv", data.clone(), V1_TTL),
            None => answer::not_found(),
        },
        Operation::List => list(secrets.keys(), ask.path),
        Operation::Write if ask.body.as_object().is_none_or(Map::is_empty) => {
            answer::error(400, "missing data fields")
        }
        Operation::Write => {
            secrets.insert(ask.path.to_owned(), ask.body.clone());
            answer::done()
        }
        Operation::Delete => {
            secrets.remove(ask.path);
            answer::done()
        }
    }
}

fn v2(secrets: &mut BTreeMap<String, Secret>, ask: &Ask<'_>) -> Response {
    const INVALID: &str = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API \
        endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation.";
    let (kind, name) = ask.path.split_once('/').unwrap_or((ask.path, ""));
    match (kind, ask.operation) {
        ("metadata", Operation::List) => list(secrets.keys(), name),
        ("data" | "metadata" | "delete" | "undelete" | "destroy", _) if name.is_empty() => {
            answer::not_found_with(Value::Null, Some(INVALID))
        }
        ("data", Operation::Read) => read(secrets.get(name), ask.version.as_deref()),
        ("data", Operation::Write) => write(secrets, name, ask.body),
        ("data", Operation::Delete) => {
            let secret = secrets.get_mut(name);
            each(secret, &json!({ "versions": [0] }), Version::delete)
        }
        ("metadata", Operation::Read) => secrets
            .get(name)
            .map_or_else(answer::not_found, Secret::metadata),
        ("metadata", Operation::Write) => {
            let secret = secrets.entry(name.to_owned()).or_default();
            secret.custom_metadata = ask.body["custom_metadata"].clone();
            answer::done()
        }
        ("metadata", Operation::Delete) => {
            secrets.remove(name);
            answer::done()
        }
        ("delete", Operation::Write) => each(secrets.get_mut(name), ask.body, Version::delete),
        ("undelete", Operation::Write) => each(secrets.get_mut(name), ask.body, |version| {
            version.deleted.clear()
        }),
        ("destroy", Operation::Write) => each(secrets.get_mut(name), ask.body, |version| {
            version.destroyed = true;
            version.data = Value::Null;
        }),
        ("data" | "delete" | "undelete" | "destroy", _) => answer::unsupported_operation(),
        _ => answer::not_found_with(Value::Null, Some(INVALID)),
    }
}

fn read(secret: Option<&Secret>, version: Option<&str>) -> Response {
    let text = version.unwrap_or("0");
    let Ok(number) = text.parse::<usize>() else {
        let cause = format!("strconv.ParseInt: parsing \"{text}\": invalid syntax");
        let field = "error converting input for field \"version\": cannot parse '' as int";
        return answer::error(400, &format!("Field validation failed: {field}: {cause}"));
    };
    let Some(secret) = secret else {
        return answer::not_found();
    };
    let number = if number == 0 {
        secret.versions.len()
    } else {
        number
    };
    let Some(version) = number
        .checked_sub(1)
        .and_then(|index| secret.versions.get(index))
    else {
        return answer::not_found();
    };
    let gone = version.destroyed || !version.deleted.is_empty();
    let data = if gone {
        Value::Null
    } else {
        version.data.clone()
    };
    let body = json!({ "data": data, "metadata": secret.version_metadata(number) });
    if gone {
        answer::not_found_with(body, None)
    } else {
        answer::data("kv", body)
    }
}

fn write(secrets: &mut BTreeMap<String, Secret>, name: &str, body: &Value) -> Response {
    let Some(data) = body.get("data") else {
        return answer::error(400, "no data provided");
    };
    let current = secrets.get(name).map_or(0, |secret| secret.versions.len());
    if let Some(expected) = body["options"].get("cas")
        && expected.as_u64() != u64::try_from(current).ok()
    {
        return answer::error(
            400,
            "check-and-set parameter did not match the current version",
        );
    }
    let secret = secrets.entry(name.to_owned()).or_default();
    secret.push(data.clone());
    answer::data("kv", secret.version_metadata(secret.versions.len()))
}

/// Changes the versions that a body names; 0 is the newest.
fn each(
    secret: Option<&mut Secret>,
    body: &Value,
    mut change: impl FnMut(&mut Version),
) -> Response {
    let Some(numbers) = body["versions"].as_array() else {
        return answer::error(400, "No version number provided");
    };
    let Some(secret) = secret else {
        return answer::not_found();
    };
    for number in numbers
        .iter()
        .filter_map(Value::as_u64)
        .filter_map(|number| usize::try_from(number).ok())
    {
        let number = if number == 0 {
            secret.versions.len()
        } else {
            number
        };
        if let Some(version) = number
            .checked_sub(1)
            .and_then(|index| secret.versions.get_mut(index))
        {
            change(version);
        }
    }
    answer::done()
}

fn list<'a>(names: impl Iterator<Item = &'a String>, below: &str) -> Response {
    let below = below.trim_end_matches('/');
    let prefix = if below.is_empty() {
        String::new()
    } else {
        format!("{below}/")
    };
    let mut keys: Vec<&str> = names
        .filter_map(|name| name.strip_prefix(&prefix))
        .map(|name| name.find('/').map_or(name, |slash| &name[..=slash]))
        .collect();
    keys.dedup();
    if keys.is_empty() {
        answer::not_found()
    } else {
        answer::data("kv", json!({ "keys": keys }))
    }
}

impl Default for Secret {
    fn default() -> Self {
        let now = rfc3339_now();
        Self {
            versions: Vec::new(),
            custom_metadata: Value::Null,
            created: now.clone(),
            updated: now,
        }
    }
}

impl Secret {
    fn push(&mut self, data: Value) {
        let created = rfc3339_now();
        self.updated.clone_from(&created);
        self.versions.push(Version {
            created,
            deleted: String::new(),
            destroyed: false,
            data,
        });
    }

    fn version_metadata(&self, number: usize) -> Value {
        let version = &self.versions[number - 1];
        json!({
            "created_time": version.created,
            "custom_metadata": self.custom_metadata,
            "deletion_time": version.deleted,
            "destroyed": version.destroyed,
            "version": number,
        })
    }

    /// The metadata of all versions; Vault adds who wrote each, which is left out here.
    fn metadata(&self) -> Response {
        let version = |(index, version): (usize, &Version)| {
            let body = json!({
                "created_time": version.created,
                "deletion_time": version.deleted,
                "destroyed": version.destroyed,
            });
            ((index + 1).to_string(), body)
        };
        let versions: Map<String, Value> = self.versions.iter().enumerate().map(version).collect();
        answer::data(
            "kv",
            json!({
                "cas_required": false,
                "created_time": self.created,
                "current_version": self.versions.len(),
                "custom_metadata": self.custom_metadata,
                "delete_version_after": "0s",
                "max_versions": 0,
                "oldest_version": 0,
                "updated_time": self.updated,
                "versions": versions,
            }),
        )
    }
}

impl Version {
    fn delete(&mut self) {
        if self.deleted.is_empty() && !self.destroyed {
            self.deleted = rfc3339_now();
        }
    }
}
