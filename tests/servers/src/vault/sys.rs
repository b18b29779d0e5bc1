//! What Vault says about itself, and how it is set up: `sys/…`.

use serde_json::{Value, json};

use super::answer;
use super::jwt_auth::JwtAuth;
use super::kv::{Kv, Operation};
use super::policy::Policy;
use super::state::{Caller, State};
use crate::clock::unix_now;
use crate::http::Response;

/// The version that this double stands for.
const VERSION: &str = "1.21.1";

/// `sys/health`, which wants no token.
pub(super) fn health(sealed: bool) -> Response {
    let mut body = json!({
        "initialized": true,
        "sealed": sealed,
        "standby": sealed,
        "performance_standby": false,
        "replication_performance_mode": if sealed { "unknown" } else { "disabled" },
        "replication_dr_mode": if sealed { "unknown" } else { "disabled" },
        "server_time_utc": unix_now(),
        "version": VERSION,
        "enterprise": false,
        "echo_duration_ms": 0,
        "clock_skew_ms": 0,
        "replication_primary_canary_age_ms": 0,
    });
    if !sealed {
        body["cluster_name"] = "vault-cluster-00000000".into();
        body["cluster_id"] = "00000000-0000-0000-0000-000000000000".into();
    }
    answer::json(if sealed { 503 } else { 200 }, &body)
}

/// Everything below `sys/` that wants a token and the right.
pub(super) fn answer(
    state: &mut State,
    operation: Operation,
    path: &str,
    body: &Value,
) -> Response {
    let (area, name) = match path.split_once('/') {
        Some(("policies", rest)) => ("policies", rest.strip_prefix("acl/").unwrap_or_default()),
        Some(parts) => parts,
        None => (path, ""),
    };
    match (area, operation) {
        ("policies", Operation::Write) => write_policy(state, name, body),
        ("policies", Operation::Delete) => {
            state.policies.remove(name);
            answer::done()
        }
        ("auth", Operation::Write) => enable_auth(state, name, body),
        ("auth", Operation::Delete) => {
            state.auth.remove(&mount(name));
            answer::done()
        }
        ("mounts", Operation::Write) => enable_engine(state, name, body),
        ("mounts", Operation::Delete) => {
            state.engines.remove(&mount(name));
            answer::done()
        }
        ("seal", Operation::Write) => {
            state.sealed = true;
            answer::done()
        }
        _ => answer::errors(404, &["unsupported path"]),
    }
}

/// `sys/internal/ui/mounts/<path>`: which engine a path belongs to. Any token may ask about mounts that it may use.
pub(super) fn mount_of(state: &State, caller: &Caller, path: &str) -> Response {
    let path = format!("{}/", path.trim_end_matches('/'));
    let visible = state
        .engine_of(&path)
        .filter(|mount| state.touches(caller, mount));
    let Some(mount) = visible else {
        let text = format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}\""
        );
        return answer::error(403, &text);
    };
    let description = if mount == "secret/" {
        "key/value secret storage"
    } else {
        ""
    };
    let data = json!({
        "accessor": "kv_00000000",
        "config": { "default_lease_ttl": 2_764_800, "force_no_cache": false, "max_lease_ttl": 2_764_800 },
        "deprecation_status": "supported",
        "description": description,
        "external_entropy_access": false,
        "local": false,
        "options": { "version": state.engines[mount].version() },
        "path": mount,
        "plugin_version": "",
        "running_plugin_version": "v0.25.0+builtin",
        "running_sha256": "",
        "seal_wrap": false,
        "type": "kv",
        "uuid": "00000000-0000-0000-0000-000000000000",
    });
    answer::data("", data)
}

fn write_policy(state: &mut State, name: &str, body: &Value) -> Response {
    let Some(policy) = body["policy"].as_str().and_then(Policy::parse) else {
        return answer::error(400, "failed to parse policy");
    };
    state.policies.insert(name.to_owned(), policy);
    answer::done()
}

fn enable_auth(state: &mut State, name: &str, body: &Value) -> Response {
    if state.auth.contains_key(&mount(name)) {
        return answer::error(400, &format!("path is already in use at {}", mount(name)));
    }
    if body["type"] != "jwt" {
        return answer::error(400, "the double has the jwt auth method only");
    }
    state.auth.insert(mount(name), JwtAuth::default());
    answer::done()
}

fn enable_engine(state: &mut State, name: &str, body: &Value) -> Response {
    if state.engines.contains_key(&mount(name)) {
        return answer::error(400, &format!("path is already in use at {}", mount(name)));
    }
    if !matches!(body["type"].as_str(), Some("kv" | "kv-v2")) {
        return answer::error(400, "the double has the kv engine only");
    }
    let second = body["type"] == "kv-v2" || body["options"]["version"] == "2";
    let engine = if second {
        Kv::V2(Default::default())
    } else {
        Kv::V1(Default::default())
    };
    state.engines.insert(mount(name), engine);
    answer::done()
}

fn mount(name: &str) -> String {
    format!("{}/", name.trim_end_matches('/'))
}
