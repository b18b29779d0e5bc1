//! Secret Manager: versions, read whole or described.
//!
//! <https://cloud.google.com/secret-manager/docs/reference/rest>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::{ApiError, answer, no_such_page};
use super::state::{Api, Permission, State};
use crate::clock::rfc3339_now;
use crate::http::{Request, Response};

const SERVICE: &str = "secretmanager.googleapis.com";

/// What became of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionState {
    /// It can be read.
    #[default]
    Enabled,
    /// It can't be read, but can be enabled again.
    Disabled,
    /// It is gone for good.
    Destroyed,
}

impl VersionState {
    fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Destroyed => "DESTROYED",
        }
    }
}

/// A secret with its versions; the first is number 1.
#[derive(Debug, Default)]
pub(super) struct Secret {
    versions: Vec<Version>,
    /// Names of versions that somebody chose.
    pub(super) aliases: Vec<(String, u64)>,
    /// What people keep beside all versions.
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Version {
    payload: Vec<u8>,
    created: String,
    state: VersionState,
}

impl Secret {
    /// Adds a version and gives its number.
    pub(super) fn add(&mut self, payload: &[u8]) -> u64 {
        self.versions.push(Version {
            payload: payload.to_vec(),
            created: rfc3339_now(),
            state: VersionState::Enabled,
        });
        self.versions.len() as u64
    }

    pub(super) fn set(&mut self, number: u64, state: VersionState) {
        let index = usize::try_from(number - 1).expect("numbers of versions are small");
        self.versions[index].state = state;
    }

    /// What Google says of it, which leaves out what is empty.
    fn described(&self, name: &str) -> Value {
        let mut described = json!({
            "name": name, "replication": { "automatic": {} }, "createTime": rfc3339_now(),
            "etag": "\"162b5dae4ce7f9\"",
        });
        if !self.annotations.is_empty() {
            described["annotations"] = json!(self.annotations);
        }
        described
    }

    /// A version by its number, an alias, or `latest`, which is the newest even if it can't be read.
    fn version(&self, name: &str) -> Option<(u64, &Version)> {
        let number = match name {
            "latest" => self.versions.len() as u64,
            _ => {
                let alias = self.aliases.iter().find(|(alias, _)| alias == name);
                alias.map_or_else(|| name.parse().ok(), |&(_, number)| Some(number))?
            }
        };
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        Some((number, self.versions.get(index)?))
    }
}

/// The body that answers a read of a version of this name.
#[must_use]
pub fn payload_body(name: &str, payload: &[u8]) -> Value {
    body(name, payload, crc32c::crc32c(payload))
}

fn body(name: &str, payload: &[u8], checksum: u32) -> Value {
    let payload = json!({ "data": STANDARD.encode(payload), "dataCrc32c": checksum.to_string() });
    json!({ "name": name, "payload": payload })
}

/// Answers for everything below `/v1/projects/`, of which `path` is what follows `/v1/`.
pub(super) fn handle(
    state: &mut State,
    request: &Request,
    path: &str,
) -> Result<Response, ApiError> {
    let (resource, verb) = path.split_once(':').unwrap_or((path, ""));
    let segments: Vec<&str> = resource.split('/').collect();
    let (project, location, secret, version) = match segments[..] {
        ["projects", project, "secrets", secret] => (project, None, secret, None),
        ["projects", project, "secrets", secret, "versions", version] => {
            (project, None, secret, Some(version))
        }
        [
            "projects",
            project,
            "locations",
            location,
            "secrets",
            secret,
        ] => (project, Some(location), secret, None),
        [
            "projects",
            project,
            "locations",
            location,
            "secrets",
            secret,
            "versions",
            version,
        ] => (project, Some(location), secret, Some(version)),
        _ => return Ok(no_such_page()),
    };
    let (permission, right, method) = match (verb, version) {
        ("", None) => (
            Permission::View,
            "secretmanager.secrets.get",
            "google.cloud.secretmanager.v1.SecretManagerService.GetSecret",
        ),
        ("access", Some(_)) => (
            Permission::Access,
            "secretmanager.versions.access",
            "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
        ),
        ("", Some(_)) => (
            Permission::View,
            "secretmanager.versions.get",
            "google.cloud.secretmanager.v1.SecretManagerService.GetSecretVersion",
        ),
        _ => return Ok(no_such_page()),
    };
    if request.method != "GET" {
        return Ok(no_such_page());
    }
    let api = Api {
        service: SERVICE,
        method,
    };
    let who = state.caller(request, api)?;
    let denied = || {
        ApiError::permission_denied(format!(
            "Permission '{right}' denied for resource '{resource}' (or it may not exist)."
        ))
        .because(
            "IAM_PERMISSION_DENIED",
            "iam.googleapis.com",
            &[("permission", right), ("resource", resource)],
        )
    };
    // Whether a project exists is told to those only who have a right in it.
    let (id, number) = state.project(project).ok_or_else(denied)?;
    if state.disabled.contains(id) {
        return Err(switched_off(number));
    }
    let below = |project: &str| match location {
        None => format!("projects/{project}/secrets/{secret}"),
        Some(location) => format!("projects/{project}/locations/{location}/secrets/{secret}"),
    };
    let key = below(id);
    if !state.may(&who, permission, &key) {
        return Err(denied());
    }
    let name = below(&number.to_string());
    let known = state.secrets.get(&key);
    let Some(version) = version else {
        let known = known.ok_or_else(|| {
            ApiError::not_found(format!("Secret [{name}] not found or has no versions."))
        })?;
        return Ok(answer(200, &known.described(&name)));
    };
    let Some(known) = known.filter(|known| !known.versions.is_empty()) else {
        let message = format!("Secret [{name}] not found or has no versions.");
        return Err(ApiError::not_found(message));
    };
    let Some((number, found)) = known.version(version) else {
        let message = format!("Secret Version [{name}/versions/{version}] not found.");
        return Err(ApiError::not_found(message));
    };
    let name = format!("{name}/versions/{number}");
    if permission == Permission::View {
        let state = found.state.name();
        let described = json!({
            "name": name, "createTime": found.created, "state": state,
            "replicationStatus": { "automatic": {} }, "etag": "\"162b5dae4ce7f9\"",
        });
        return Ok(answer(200, &described));
    }
    if found.state != VersionState::Enabled {
        let message = format!(
            "Secret Version [{name}] is in {} state.",
            found.state.name()
        );
        return Err(ApiError::new(400, "FAILED_PRECONDITION", message));
    }
    let checksum = crc32c::crc32c(&found.payload);
    let is_spoiled = state.spoiled > 0;
    let checksum = if is_spoiled { !checksum } else { checksum };
    let response = answer(200, &body(&name, &found.payload, checksum));
    state.spoiled = state.spoiled.saturating_sub(1);
    Ok(response)
}

/// The refusal of a project that never switched Secret Manager on.
fn switched_off(number: u64) -> ApiError {
    let url = format!(
        "https://console.developers.google.com/apis/api/{SERVICE}/overview?project={number}"
    );
    let message = format!(
        "Secret Manager API has not been used in project {number} before or it is disabled. Enable it by visiting {url} \
         then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and \
         retry."
    );
    let (consumer, number) = (format!("projects/{number}"), number.to_string());
    let metadata = [
        ("service", SERVICE),
        ("serviceTitle", "Secret Manager API"),
        ("consumer", &consumer),
        ("containerInfo", &number),
        ("activationUrl", &url),
    ];
    ApiError::permission_denied(message)
        .because("SERVICE_DISABLED", "googleapis.com", &metadata)
        .detail(json!({
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{ "description": "Google developers console API activation", "url": url }],
        }))
}
