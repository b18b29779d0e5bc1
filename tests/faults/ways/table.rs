//! All ways, with what each is set up by.

use super::{Asked, By, OWN_KEY, REQUEST_TOKEN, Step, VAULT_TOKEN, WRAPPING, Way};

const GITHUB: &[(&str, &str)] = &[
    (
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "$URL/github/token?api-version=2.0",
    ),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
    ("AWS_ENDPOINT_URL", "$URL"),
];
const KEYS: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", OWN_KEY),
    ("AWS_ENDPOINT_URL", "$URL"),
];
const INSTANCE: &[(&str, &str)] = &[
    ("AWS_EC2_METADATA_DISABLED", "false"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://$HOST"),
    ("AWS_ENDPOINT_URL", "$URL"),
];
const CONTAINER: &[(&str, &str)] = &[
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "$URL/v1/credentials"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-s3cret-token"),
    ("AWS_ENDPOINT_URL", "$URL"),
];
const MACHINE: &[(&str, &str)] = &[("GCE_METADATA_HOST", "$HOST")];
pub(super) const USER: &[(&str, &str)] = &[("GOOGLE_APPLICATION_CREDENTIALS", "~/user.json")];
const GIVEN: &[(&str, &str)] = &[("VAULT_TOKEN", VAULT_TOKEN)];
const INPUTS: &[(&str, &str)] = &[("SECRET_ID", WRAPPING)];

const KV: &str = r#"path = "ci/cargo", field = "token""#;
const CARGO: &str = r#"secret = "cargo", field = "token""#;

macro_rules! vault {
    ($more:literal) => {
        concat!("type = \"vault\"\naddress = \"$URL\"\n", $more)
    };
}
macro_rules! aws {
    ($more:literal) => {
        concat!("type = \"aws\"\nregion = \"eu-west-1\"\n", $more)
    };
}
macro_rules! gcp {
    ($more:literal) => {
        concat!(
            "type = \"gcp\"\nproject = \"acme\"\nendpoint = \"$URL\"\n",
            $more
        )
    };
}

const fn step(request: &'static str, name: &'static str, by: By) -> Step {
    Step { request, name, by }
}

/// All of them.
pub(crate) const WAYS: &[Way] = &[
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!(
            r#"auth = { method = "jwt", role = "ci", audience = "vault", identity = "github-actions" }"#
        ),
        source: KV,
        variables: GITHUB,
        requests: &[
            step("GET /github/token", "GitHub's token", By::Mint),
            step("POST /v1/auth/jwt/login", "jwt login", By::Vault),
            step("GET /v1/secret/data/ci/cargo", "read, KV 2", By::Read),
            step("POST /v1/auth/token/revoke-self", "revocation", By::After),
        ],
    },
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!(
            r#"auth = { method = "kubernetes", role = "ci", identity = { file = "sa-token" } }"#
        ),
        source: KV,
        variables: &[],
        requests: &[step(
            "POST /v1/auth/kubernetes/login",
            "kubernetes login",
            By::Vault,
        )],
    },
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!(
            r#"auth = { method = "approle", role-id = "r0le", secret-id = { env = "SECRET_ID" }, wrapped = true }"#
        ),
        source: KV,
        variables: INPUTS,
        requests: &[
            step("POST /v1/sys/wrapping/unwrap", "unwrap", By::Vault),
            step("POST /v1/auth/approle/login", "approle login", By::Vault),
        ],
    },
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!(
            "client-cert = \"client.pem\"\nclient-key = \"client-key.pem\"\nauth = { method = \"cert\", role = \"ci\" }"
        ),
        source: KV,
        variables: &[],
        requests: &[step("POST /v1/auth/cert/login", "cert login", By::Vault)],
    },
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!(r#"auth = { method = "aws", role = "ci", region = "eu-west-1" }"#),
        source: KV,
        variables: KEYS,
        requests: &[step("POST /v1/auth/aws/login", "aws login", By::Vault)],
    },
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!(r#"auth = { method = "gcp", role = "ci", type = "gce" }"#),
        source: KV,
        variables: MACHINE,
        requests: &[
            step(
                "GET /computeMetadata/v1/instance/service-accounts/default/identity",
                "machine's identity",
                By::Machine,
            ),
            step("POST /v1/auth/gcp/login", "gcp login", By::Vault),
        ],
    },
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!(
            r#"auth = { method = "gcp", role = "ci", service-account = "ci@acme.iam.gserviceaccount.com", iam-endpoint = "$URL" }"#
        ),
        source: KV,
        variables: USER,
        requests: &[
            step("POST /token", "user's sign-in", By::Us),
            step(
                "POST /v1/projects/-/serviceAccounts/ci@acme.iam.gserviceaccount.com:signJwt",
                "signJwt",
                By::Us,
            ),
        ],
    },
    Way {
        name: "Vault",
        asked: Asked::Get,
        backend: vault!("kv-version = 1\nmount = \"kv1\""),
        source: KV,
        variables: GIVEN,
        requests: &[step("GET /v1/kv1/ci/cargo", "read, KV 1", By::Read)],
    },
    Way {
        name: "Vault, cargo login",
        asked: Asked::Login,
        backend: vault!(""),
        source: r#"path = "ci/cargo", field = "token", write = true"#,
        variables: GIVEN,
        requests: &[
            step("GET /v1/secret/data/ci/cargo", "read", By::Vault),
            step("POST /v1/secret/data/ci/cargo", "write", By::Vault),
        ],
    },
    Way {
        name: "Vault, cargo logout",
        asked: Asked::Logout,
        backend: vault!(""),
        source: r#"path = "ci/cargo", field = "token", write = true"#,
        variables: GIVEN,
        requests: &[
            step("GET /v1/secret/data/ci/cargo", "read", By::Vault),
            step("POST /v1/secret/data/ci/cargo", "write", By::Vault),
        ],
    },
    Way {
        name: "Vault, cargo logout",
        asked: Asked::Logout,
        backend: vault!(""),
        source: r#"path = "ci/cargo", write = true"#,
        variables: GIVEN,
        requests: &[step(
            "DELETE /v1/secret/data/ci/cargo",
            "deletion",
            By::Vault,
        )],
    },
    Way {
        name: "AWS",
        asked: Asked::Get,
        backend: aws!(
            r#"auth = { method = "web-identity", role-arn = "arn:aws:iam::123456789012:role/ci", identity = "github-actions" }"#
        ),
        source: CARGO,
        variables: GITHUB,
        requests: &[
            step("GET /github/token", "GitHub's token", By::Mint),
            step("POST AssumeRoleWithWebIdentity", "web identity", By::Sdk),
            step("POST GetSecretValue", "read", By::Sdk),
        ],
    },
    Way {
        name: "AWS",
        asked: Asked::Get,
        backend: aws!(r#"role-arn = "arn:aws:iam::123456789012:role/ci""#),
        source: CARGO,
        variables: KEYS,
        requests: &[step("POST AssumeRole", "AssumeRole", By::Sdk)],
    },
    Way {
        name: "AWS",
        asked: Asked::Get,
        backend: aws!(""),
        source: CARGO,
        variables: INSTANCE,
        requests: &[
            step("PUT /latest/api/token", "IMDS session", By::Instance),
            step(
                "GET /latest/meta-data/iam/security-credentials/",
                "IMDS role",
                By::Role,
            ),
            step(
                "GET /latest/meta-data/iam/security-credentials/ci",
                "IMDS keys",
                By::Keys,
            ),
        ],
    },
    Way {
        name: "AWS",
        asked: Asked::Get,
        backend: aws!(""),
        source: CARGO,
        variables: CONTAINER,
        requests: &[step(
            "GET /v1/credentials",
            "container's keys",
            By::Container,
        )],
    },
    Way {
        name: "AWS, cargo login",
        asked: Asked::Login,
        backend: aws!(""),
        source: r#"secret = "cargo", field = "token", write = true"#,
        variables: KEYS,
        requests: &[
            step("POST GetSecretValue", "read", By::Sdk),
            step("POST PutSecretValue", "write", By::Sdk),
            step("POST UpdateSecretVersionStage", "label", By::Sdk),
        ],
    },
    Way {
        name: "AWS, cargo logout",
        asked: Asked::Logout,
        backend: aws!(""),
        source: r#"secret = "cargo", write = true"#,
        variables: KEYS,
        requests: &[step("POST DeleteSecret", "deletion", By::Sdk)],
    },
    Way {
        name: "Google",
        asked: Asked::Get,
        backend: gcp!(
            r#"auth = { method = "workload-identity", provider = "projects/1/locations/global/workloadIdentityPools/ci/providers/github", service-account = "ci@acme.iam.gserviceaccount.com", identity = "github-actions", sts-endpoint = "$URL", iam-endpoint = "$URL" }"#
        ),
        source: CARGO,
        variables: GITHUB,
        requests: &[
            step("GET /github/token", "GitHub's token", By::Mint),
            step("POST /v1/token", "STS", By::Us),
            step(
                "POST /v1/projects/-/serviceAccounts/ci@acme.iam.gserviceaccount.com:generateAccessToken",
                "impersonation",
                By::Us,
            ),
            step(
                "GET /v1/projects/acme/secrets/cargo/versions/latest:access",
                "read",
                By::Us,
            ),
        ],
    },
    Way {
        name: "Google",
        asked: Asked::Get,
        backend: gcp!(""),
        source: CARGO,
        variables: MACHINE,
        requests: &[step(
            "GET /computeMetadata/v1/instance/service-accounts/default/token",
            "machine's token",
            By::Machine,
        )],
    },
    Way {
        name: "Google, cargo login",
        asked: Asked::Login,
        backend: gcp!(""),
        source: r#"secret = "cargo", field = "token", write = true"#,
        variables: MACHINE,
        requests: &[
            step(
                "GET /v1/projects/acme/secrets/cargo/versions/latest:access",
                "read",
                By::Us,
            ),
            step(
                "POST /v1/projects/acme/secrets/cargo:addVersion",
                "write",
                By::Once,
            ),
        ],
    },
    Way {
        name: "Google, cargo logout",
        asked: Asked::Logout,
        backend: gcp!(""),
        source: r#"secret = "cargo", write = true"#,
        variables: MACHINE,
        requests: &[step(
            "POST /v1/projects/acme/secrets/cargo/versions/1:disable",
            "disabling",
            By::Us,
        )],
    },
];
