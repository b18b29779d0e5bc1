//! What Vault's audit log says that really arrived.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The requests of all commands.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) logins: usize,
    pub(crate) reads: usize,
    pub(crate) revocations: usize,
    /// What no command should ask.
    pub(crate) others: Vec<String>,
    /// By the accessor of its token, what each login was used for.
    uses: HashMap<String, Uses>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Uses {
    reads: usize,
    revocations: usize,
}

impl Trail {
    /// Reads the log.
    pub(crate) fn read(log: &Path) -> Self {
        let text = fs::read_to_string(log).expect("Vault keeps an audit log");
        let mut trail = Self::default();
        for line in text.lines() {
            let entry = serde_json::from_str(line).expect("every line is JSON");
            trail.add(&entry);
        }
        trail
    }

    /// How many logins were used for one read and then revoked, and for nothing else.
    pub(crate) fn clean_logins(&self) -> usize {
        let clean = Uses {
            reads: 1,
            revocations: 1,
        };
        self.uses.values().filter(|uses| **uses == clean).count()
    }

    fn add(&mut self, entry: &Value) {
        let text = |pointer: &str| {
            entry
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        if text("/auth/display_name") == "root" {
            return;
        }
        let (operation, path) = (text("/request/operation"), text("/request/path"));
        // Vault's own, when it begins to write.
        if path == "sys/audit/test" {
            return;
        }
        if text("/type") == "response" {
            if let Some(accessor) = entry
                .pointer("/response/auth/accessor")
                .and_then(Value::as_str)
            {
                self.uses.entry(accessor.to_owned()).or_default();
            }
            return;
        }
        let uses = || text("/auth/accessor").to_owned();
        match (operation, path) {
            ("update", "auth/jwt/login") => self.logins += 1,
            ("read", "secret/data/ci/cargo") => {
                self.reads += 1;
                self.uses.entry(uses()).or_default().reads += 1;
            }
            ("update", "auth/token/revoke-self") => {
                self.revocations += 1;
                self.uses.entry(uses()).or_default().revocations += 1;
            }
            _ => self.others.push(format!("{operation} {path}")),
        }
    }
}
