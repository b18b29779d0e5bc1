//! What Vault's audit log says that really arrived.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::vault::vault;

/// The requests of one test, in the order of their arrival, root's left out.
#[derive(Debug)]
pub(crate) struct Trail(Vec<Value>);

impl Trail {
    /// Reads it: the entries that hold one of the marks, which are names that only one test uses, or accessors.
    pub(crate) fn of(marks: &[&str]) -> Self {
        let log = fs::read_to_string(vault().audit_log()).unwrap();
        // Vault may be writing the last line for another test.
        let complete = log.rfind('\n').map_or("", |end| &log[..end]);
        let entries = complete
            .lines()
            .filter(|line| marks.iter().any(|mark| line.contains(mark)))
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|entry| entry["auth"]["display_name"] != "root");
        Self(entries.collect())
    }

    /// Operation and path of each request: `read secret/data/ci/cargo`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.0
            .iter()
            .filter(|entry| entry["type"] == "request")
            .map(|entry| &entry["request"])
            .map(|request| format!("{} {}", text(&request["operation"]), text(&request["path"])))
            .collect()
    }

    /// The number of TCP connections over which they came.
    pub(crate) fn connections(&self) -> usize {
        let ports: BTreeSet<_> = self
            .0
            .iter()
            .filter_map(|entry| entry["request"]["remote_port"].as_u64())
            .collect();
        ports.len()
    }

    /// The accessors of the tokens that logins gave.
    pub(crate) fn logins(&self) -> Vec<String> {
        self.0
            .iter()
            .filter(|entry| entry["type"] == "response")
            .filter_map(|entry| entry["response"]["auth"]["accessor"].as_str())
            .map(str::to_owned)
            .collect()
    }
}

/// Whether the token with this accessor is alive.
pub(crate) fn is_alive(accessor: &str) -> bool {
    let body = serde_json::json!({ "accessor": accessor });
    let answer = vault().root_answer("POST", "auth/token/lookup-accessor", &body);
    let is_alive = answer.status == 200;
    assert!(
        is_alive || answer.text().contains("invalid accessor"),
        "{}",
        answer.text()
    );
    is_alive
}
