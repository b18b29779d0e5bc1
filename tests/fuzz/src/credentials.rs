//! A file with Google credentials.

use std::time::Duration;

use cargo_credential_bridge_backend::Backend as _;
use cargo_credential_bridge_gcp::Gcp;
use serde_json::{Value, json};

use crate::TOKEN;
use crate::store::{assert_told, context};

/// The fields of such files that are secrets.
const SECRET: [&str; 3] = ["private_key", "client_secret", "refresh_token"];

/// It can be used, or there is a reason that holds nothing of what is secret in it. Nothing is sent to where it says.
pub(crate) fn laws(data: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("there is room for a folder");
    }
    FOLDER.with(|folder| {
        let path = folder.path().join("credentials.json");
        std::fs::write(&path, data).expect("a file can be written");
        let config = json!({
            "project": "ci-secrets", "endpoint": "http://127.0.0.1:1",
            "auth": { "method": "adc", "credentials-file": path },
        });
        let config = serde_json::from_value(config).expect("the config makes sense");
        // No time: whatever asks somebody ends by that.
        let Err(error) = Gcp::open("fuzzed", &config, &context(Duration::ZERO, [])) else {
            return;
        };
        assert_told(&error);
        let text = String::from_utf8_lossy(data);
        let file: Value = serde_json::from_slice(data).unwrap_or_default();
        let secrets = SECRET.iter().filter(|name| {
            file[**name]
                .as_str()
                .is_some_and(|value| value.contains(TOKEN))
        });
        if secrets.count() == text.matches(TOKEN).count() {
            assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
        }
    });
}
