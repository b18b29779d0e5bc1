//! Everything that is asked for on the way to a token, answered well: a CI system, Vault, AWS and Google, on one port.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_servers::clock::rfc3339_after;
use test_servers::google::payload_body;
use test_servers::http::percent_decode;
use test_servers::{Request, Response};

/// What each store holds.
pub(crate) const STORED: &str = "st0red-s3cret-token";
/// The Vault token of each login.
pub(crate) const LOGIN: &str = "hvs.l0gin-s3cret-token";
/// What is in the wrapping.
pub(crate) const SECRET_ID: &str = "1nner-s3cret-id";
/// The keys that AWS gives, and the token of their session.
pub(crate) const KEY: &str = "aws-s3cret-key-of-a-session";
pub(crate) const SESSION: &str = "aws-s3ssion-token-of-a-role";
/// The token of an instance's metadata.
pub(crate) const METADATA: &str = "imds-s3ssion-token-of-a-machine";
/// What Google gives.
pub(crate) const ACCESS: &str = "ya29.acc3ss-token-of-a-job";

/// The token of the job.
pub(crate) static JWT: LazyLock<String> = LazyLock::new(|| {
    let payload =
        json!({ "iss": "https://issuer.example.com", "aud": "vault", "sub": "repo:acme/app" });
    let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
    format!("eyJhbGciOiJSUzI1NiJ9.{payload}.s1gnature-s3cret")
});

/// What a request is, whatever it is sent for: its method, and its path or operation.
pub(crate) fn name(request: &Request) -> String {
    let operation = operation(request).unwrap_or_else(|| request.path.clone());
    format!("{} {operation}", request.method)
}

/// The operation of AWS's.
fn operation(request: &Request) -> Option<String> {
    match request.header("x-amz-target") {
        Some(target) => Some(target.rsplit('.').next().unwrap_or_default().to_owned()),
        None => parameter(request, "Action"),
    }
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let value = body
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.map(percent_decode)
}

/// The answer that each request deserves.
pub(crate) fn answer(request: &Request) -> Response {
    if let Some(operation) = operation(request) {
        return aws(&operation, request);
    }
    let path = request.path.as_str();
    if let Some(path) = path.strip_prefix("/computeMetadata/v1/") {
        return metadata(path);
    }
    if path.starts_with("/latest/") {
        return instance(path);
    }
    match path {
        "/github/token" => ok(&json!({ "value": *JWT })),
        "/v1/credentials" => ok(&keys()),
        "/token" | "/v1/token" => ok(
            &json!({ "access_token": ACCESS, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600 }),
        ),
        _ if path.starts_with("/v1/projects/") => google(path),
        _ => vault(request.method.as_str(), path),
    }
}

fn ok(body: &Value) -> Response {
    Response::json(200, body)
}

fn vault(method: &str, path: &str) -> Response {
    let says = |data: Value| ok(&json!({ "request_id": "1", "lease_id": "", "data": data }));
    let metadata = |version: u64| json!({ "version": version, "deletion_time": "", "destroyed": false, "custom_metadata": null });
    match (method, path) {
        (_, "/v1/auth/token/revoke-self") | ("DELETE", _) => Response::empty(204),
        (_, "/v1/sys/wrapping/unwrap") => says(json!({ "secret_id": SECRET_ID })),
        (_, path) if path.starts_with("/v1/auth/") => ok(
            &json!({ "auth": { "client_token": LOGIN, "token_type": "service", "lease_duration": 3600, "renewable": true } }),
        ),
        ("GET", "/v1/secret/data/ci/cargo") => {
            says(json!({ "data": { "token": STORED, "user": "ci" }, "metadata": metadata(1) }))
        }
        (_, "/v1/secret/data/ci/cargo") => says(metadata(2)),
        ("GET", "/v1/kv1/ci/cargo") => says(json!({ "token": STORED })),
        _ => Response::json(404, &json!({ "errors": [] })),
    }
}

fn aws(operation: &str, request: &Request) -> Response {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cargo-a1b2c3";
    match operation {
        "GetSecretValue" => ok(
            &json!({ "ARN": ARN, "Name": "cargo", "VersionId": "v1", "SecretString": json!({ "token": STORED }).to_string(), "VersionStages": ["AWSCURRENT"] }),
        ),
        "PutSecretValue" => ok(
            &json!({ "ARN": ARN, "Name": "cargo", "VersionId": "v2", "VersionStages": ["cargo-credential-bridge"] }),
        ),
        "DeleteSecret" | "UpdateSecretVersionStage" => ok(&json!({ "ARN": ARN, "Name": "cargo" })),
        "AssumeRole" | "AssumeRoleWithWebIdentity" => sts(operation, request),
        _ => Response::json(
            400,
            &json!({ "__type": "AccessDeniedException", "Message": "no" }),
        ),
    }
}

fn sts(operation: &str, request: &Request) -> Response {
    let session = parameter(request, "RoleSessionName").unwrap_or_default();
    let end = rfc3339_after(900);
    let body = format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result><AssumedRoleUser>\
         <AssumedRoleId>AROA:{session}</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/ci/{session}</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>{KEY}</SecretAccessKey>\
         <SessionToken>{SESSION}</SessionToken><Expiration>{end}</Expiration></Credentials></{operation}Result>\
         </{operation}Response>"
    );
    Response::text(200, &body)
}

fn keys() -> Value {
    json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": rfc3339_after(-60),
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": KEY,
        "Token": SESSION,
        "Expiration": rfc3339_after(3600),
    })
}

/// The metadata of an instance of AWS's.
fn instance(path: &str) -> Response {
    let path = path.strip_prefix("/latest/").unwrap_or_default();
    match path.trim_end_matches('/') {
        "api/token" => {
            Response::text(200, METADATA).header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        }
        "meta-data/iam/security-credentials" => Response::text(200, "ci"),
        "meta-data/iam/security-credentials/ci" => ok(&keys()),
        _ => Response::empty(404),
    }
}

fn google(path: &str) -> Response {
    let (resource, method) = path.rsplit_once(':').unwrap_or((path, ""));
    let version = "projects/1/secrets/cargo/versions";
    match method {
        "generateAccessToken" => {
            ok(&json!({ "accessToken": ACCESS, "expireTime": rfc3339_after(900) }))
        }
        "signJwt" => ok(&json!({ "keyId": "1", "signedJwt": *JWT })),
        "access" => {
            let value = json!({ "token": STORED, "user": "ci" }).to_string();
            ok(&payload_body(&format!("{version}/1"), value.as_bytes()))
        }
        "addVersion" => ok(&json!({ "name": format!("{version}/2"), "state": "ENABLED" })),
        "disable" => ok(&json!({ "name": format!("{version}/1"), "state": "DISABLED" })),
        _ => Response::json(
            403,
            &json!({ "error": { "code": 403, "status": "PERMISSION_DENIED", "message": resource } }),
        ),
    }
}

/// The metadata of a machine of Google's.
fn metadata(path: &str) -> Response {
    let account = "instance/service-accounts/default/";
    let answer = match path.strip_prefix(account) {
        Some("token") => {
            ok(&json!({ "access_token": ACCESS, "expires_in": 3600, "token_type": "Bearer" }))
        }
        Some("identity") => Response::text(200, &JWT),
        Some("email") => Response::text(200, "ci@acme.iam.gserviceaccount.com"),
        _ => Response::text(404, "not found"),
    };
    answer.header("metadata-flavor", "Google")
}
