//! Application default credentials of every kind, by `google-auth`: each reads the secret of its own principal, over every
//! transport, and not the one that is nobody's.

use test_servers::random;

use super::steps;

/// Each kind, and whom the client asks on its way to a token: not a thing more.
const KINDS: [(&str, &[&str]); 19] = [
    ("service account, signed for the service", &[]),
    ("service account, signed for a scope", &[]),
    (
        "service account, token of the key's token_uri",
        &["POST /token"],
    ),
    // The client does not look at any other address than Google's.
    ("authorized user", &["POST oauth2.googleapis.com/token"]),
    (
        "authorized user in gcloud's file",
        &["POST oauth2.googleapis.com/token"],
    ),
    ("user of a workforce pool", &["POST /v1/oauthtoken"]),
    ("external account from a file", &["POST /v1/token"]),
    ("external account from a file of JSON", &["POST /v1/token"]),
    (
        "external account from a URL",
        &["GET /page/text", "POST /v1/token"],
    ),
    (
        "external account from a URL of JSON",
        &["GET /page/json", "POST /v1/token"],
    ),
    ("external account from an executable", &["POST /v1/token"]),
    ("external account by an attribute", &["POST /v1/token"]),
    (
        "external account of AWS, keys in the environment",
        &["POST /v1/token"],
    ),
    (
        "external account of AWS, keys of the machine",
        &[
            "PUT /latest/api/token",
            "GET /latest/meta-data/placement/availability-zone",
            "GET /latest/meta-data/iam/security-credentials",
            "GET /latest/meta-data/iam/security-credentials/runner",
            "POST /v1/token",
        ],
    ),
    (
        "external account through a service account",
        &[
            "POST /v1/token",
            "POST /v1/projects/-/serviceAccounts/for-a-workload@acme.iam.gserviceaccount.com:generateAccessToken",
        ],
    ),
    (
        "external account at Google's hosts",
        &[
            "POST sts.googleapis.com/v1/token",
            "POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/at-google@acme.iam.gserviceaccount.com:generateAccessToken",
        ],
    ),
    // Of the file's address, the client takes the account alone.
    (
        "impersonated service account",
        &[
            "POST oauth2.googleapis.com/token",
            "POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/for-a-user@acme.iam.gserviceaccount.com:generateAccessToken",
        ],
    ),
    (
        "impersonated service account through delegates",
        &[
            "POST /token",
            "POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/last@acme.iam.gserviceaccount.com:generateAccessToken",
        ],
    ),
    (
        "the machine's service account",
        &[
            "GET /",
            "GET /computeMetadata/v1/project/project-id",
            "GET /computeMetadata/v1/instance/service-accounts/default/",
            "GET /computeMetadata/v1/instance/service-accounts/default/token",
            "GET /computeMetadata/v1/universe/universe-domain",
        ],
    ),
];

#[test]
fn every_kind_reads_its_own_secret_and_no_other() {
    let value = random::text(16);
    let steps = steps("credentials", &value);
    for (step, (kind, asked)) in steps.iter().zip(KINDS) {
        assert_eq!(step["step"], kind, "{step:#}");
        for transport in ["rest", "google", "grpc"] {
            let own = &step["reads"][transport];
            assert_eq!(own["read"], format!("{value} {kind}"), "{step:#}");
            let other = &step["reads"][format!("{transport} not its own")]["refused"];
            assert_eq!(other["code"], 403, "{step:#}");
            assert_eq!(other["reason"], "IAM_PERMISSION_DENIED", "{step:#}");
            assert_eq!(
                other["metadata"]["permission"],
                "secretmanager.versions.access"
            );
        }
        let before: Vec<&str> = step["asked"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|request| request.as_str())
            .filter(|request| !request.contains("/secrets/") && !request.starts_with("GRPC "))
            .collect();
        assert_eq!(before, asked, "{step:#}");
    }
    assert_eq!(steps.len(), KINDS.len());
}
