//! What Google answers to the exchange of an identity, to the access of a version after it, and to who asks for its annotations.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use cargo_credential_bridge_gcp::Gcp;
use serde_json::json;

use crate::TOKEN;
use crate::store::{Asked, ask, bound_to, payload};

/// The secret is the one of the access, and bound as the annotations say; the token that it was read by is in no message.
pub(crate) fn laws(data: &[u8]) {
    let config = |address: &str| {
        json!({
            "project": "ci-secrets",
            "endpoint": address,
            "index-url-annotation": "index-url",
            "auth": {
                "method": "workload-identity", "sts-endpoint": address,
                "provider": "projects/1/locations/global/workloadIdentityPools/p/providers/x",
                "identity": { "env": "IDENTITY" },
            },
        })
    };
    let Asked { outcome, answers } = ask::<Gcp>(data, config, json!({ "secret": "cargo" }));
    let Some(login) = answers.first() else {
        return;
    };
    let is_login = login.status == 200 && login.json["access_token"] == TOKEN;
    match outcome {
        Err(error) => assert!(
            !is_login || !format!("{error:?}").contains(TOKEN),
            "{error:?}"
        ),
        Ok(fetched) => {
            let [accessed, described] = answers.last_chunk().expect("both were needed");
            let data = accessed.json["payload"]["data"]
                .as_str()
                .unwrap_or_default();
            let data = STANDARD_NO_PAD
                .decode(data.trim_end_matches('='))
                .or_else(|_| STANDARD.decode(data));
            assert_eq!(Some(payload(&fetched)), data.ok().as_deref());
            assert_eq!(described.status, 200);
            let said = described.json["annotations"]["index-url"].as_str();
            assert_eq!(bound_to(&fetched), said);
        }
    }
}
