//! What is signed: by a service account for itself, which the fake verifies, and for Vault's auth method `gcp`, which
//! Google's library does.

use serde_json::json;

use super::Came::{Read, Refused};
use super::{compare, steps};

#[test]
fn googles_library_verifies_what_is_signed() {
    let denied = json!({ "error": {
        "code": 403,
        "message": "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).",
        "status": "PERMISSION_DENIED",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "IAM_PERMISSION_DENIED",
            "domain": "iam.googleapis.com",
            "metadata": { "permission": "iam.serviceAccounts.signJwt" },
        }],
    } });
    let engine = json!({
        "instance_id": "4520031799277581759", "instance_name": "runner", "zone": "europe-west1-b",
        "project_id": "acme", "project_number": 123_456_789,
        "instance_creation_timestamp": 1_767_225_600,
    });
    let identity = |email: &str| json!({ "iss": "https://accounts.google.com", "aud": "https://vault.example.com", "email": email });
    let mut machine = identity("of-the-machine@acme.iam.gserviceaccount.com");
    machine["google"] = json!({ "compute_engine": engine });
    let refused = |reason| {
        Refused(
            401,
            Some(reason),
            "identity/sign-in/web/devconsole-project.".to_owned(),
        )
    };
    let wrong = "Token has wrong audience https://vault.example.com, expected one of ['https://vault.example.org']";
    compare(
        &steps("signatures", ""),
        &[
            ("sign for the service", Read(json!("s3cret"))),
            (
                "sign for another service",
                refused("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            ),
            ("sign for a day", refused("ACCESS_TOKEN_TYPE_UNSUPPORTED")),
            ("sign what is long over", refused("ACCESS_TOKEN_EXPIRED")),
            (
                "sign for somebody else",
                refused("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            ),
            (
                "sign with another's key",
                refused("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            ),
            (
                "sign with a key that was deleted",
                refused("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            ),
            (
                "sign a JWT",
                Read(json!({
                    "sub": "signs@acme.iam.gserviceaccount.com", "aud": "vault/ci", "names its key": true,
                })),
            ),
            ("sign bytes", Read(json!(true))),
            ("sign without a right", Read(denied)),
            ("identity of the machine", Read(machine)),
            (
                "identity for another audience",
                Read(json!({ "not verified": wrong })),
            ),
            (
                "identity of an account by IAM",
                Read(identity("signs@acme.iam.gserviceaccount.com")),
            ),
        ],
    );
}
