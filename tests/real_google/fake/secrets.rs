//! Secret Manager by Google's client, at the fake's address, at Google's own through the proxy, and over gRPC.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_servers::random;

use super::Came::{GivenUp, Read, Refused};
use super::{Came, compare, steps};

/// What the steps that are refused for a right end with.
const DENIED: Option<&str> = Some("IAM_PERMISSION_DENIED");

#[test]
fn the_client_reads_lists_adds_disables_and_destroys() {
    let value = random::text(16);
    let steps = steps("secrets", &value);
    for transport in ["rest", "google", "grpc"] {
        let came: Vec<Value> = steps
            .iter()
            .filter(|step| step["transport"] == transport)
            .filter(|step| !step["step"].as_str().unwrap().contains("host"))
            .cloned()
            .collect();
        compare(&came, &expected(transport, &value));
    }
}

#[test]
fn what_is_in_a_location_is_at_its_host_alone() {
    let value = random::text(16);
    let steps = steps("secrets", &value);
    let at_hosts: Vec<Value> = steps
        .into_iter()
        .filter(|step| step["step"].as_str().unwrap().contains("host"))
        .collect();
    let nowhere = || Refused(404, None, "<ins>That’s all we know.</ins>\n".to_owned());
    compare(
        &at_hosts,
        &[
            (
                "read in a location at its host",
                Read(json!(format!("{value}-there"))),
            ),
            ("read in none at its host", nowhere()),
            ("read in a location at another location's host", nowhere()),
            ("read in none at another location's host", nowhere()),
            ("read in a location at the host of all", nowhere()),
            (
                "read in none at the host of all",
                Read(json!(format!("{value}-everywhere"))),
            ),
        ],
    );
}

fn expected(transport: &str, value: &str) -> Vec<(&'static str, Came)> {
    let names = Names {
        // Google answers by the project's number, whatever was asked.
        given: format!("projects/123456789/secrets/cargo-{transport}"),
        asked: format!("projects/acme/secrets/cargo-{transport}"),
        transport,
    };
    let mut expected = versions(&names, value);
    expected.extend(rights(&names, value));
    expected.extend(aliases(&names, value));
    expected.extend(states(&names));
    expected.extend(troubles(&names, value));
    expected
}

struct Names<'a> {
    given: String,
    asked: String,
    transport: &'a str,
}

impl Names<'_> {
    fn version(&self, number: u8, state: &str) -> Came {
        Read(json!(format!("{}/versions/{number} {state}", self.given)))
    }

    fn none(&self) -> Came {
        let end = format!("Secret [{}] not found or has no versions.", self.given);
        Refused(404, None, end)
    }

    fn no_version(&self, version: &str) -> Came {
        let end = format!(
            "Secret Version [{}/versions/{version}] not found.",
            self.given
        );
        Refused(404, None, end)
    }

    fn in_state(&self, state: &str) -> Came {
        let end = format!(
            "Secret Version [{}/versions/2] is in {state} state.",
            self.given
        );
        Refused(400, None, end)
    }
}

fn denied(permission: &str, resource: &str) -> Came {
    let end = format!(
        "Permission 'secretmanager.{permission}' denied for resource '{resource}' (or it may not exist)."
    );
    Refused(403, DENIED, end)
}

fn all_bytes() -> Value {
    let bytes: Vec<u8> = (0..=255).collect();
    json!(STANDARD.encode(bytes))
}

fn versions(names: &Names<'_>, value: &str) -> Vec<(&'static str, Came)> {
    let other = format!(
        "Secret [projects/123456789/secrets/none-{}] not found or has no versions.",
        names.transport
    );
    let exists = format!("Secret [{}] already exists.", names.given);
    vec![
        ("create", Read(json!(names.given))),
        ("create again", Refused(409, None, exists)),
        ("read without versions", names.none()),
        ("add", names.version(1, "ENABLED")),
        ("add with a checksum", names.version(2, "ENABLED")),
        (
            "add with a wrong checksum",
            Refused(
                400,
                None,
                "The provided checksum does not match the data in the secret payload.".to_owned(),
            ),
        ),
        (
            "add too much",
            Refused(400, None, "exceeds the limit of 65536 bytes.".to_owned()),
        ),
        ("read version 1", Read(json!(value))),
        ("read latest", Read(all_bytes())),
        ("read by number", Read(json!(value))),
        ("read what there is not", names.no_version("3")),
        ("read where there is none", Refused(404, None, other)),
        (
            "read another project's",
            denied(
                "versions.access",
                "projects/others/secrets/cargo/versions/latest",
            ),
        ),
    ]
}

fn rights(names: &Names<'_>, value: &str) -> Vec<(&'static str, Came)> {
    let version = format!("{}/versions/1", names.asked);
    let mut rights = vec![
        ("read without a right", denied("versions.access", &version)),
        ("read with a right", Read(json!(value))),
        (
            "look with the right to read",
            denied("versions.get", &version),
        ),
    ];
    // At Google's own hosts, it has one of its own.
    if names.transport != "google" {
        let there = names.asked.replace("acme/", "acme/locations/europe-west3/");
        rights.push(("read in a location", Read(json!(format!("{value}-there")))));
        rights.push((
            "read in a location without a right",
            denied("versions.access", &format!("{there}/versions/latest")),
        ));
    }
    rights
}

fn aliases(names: &Names<'_>, value: &str) -> Vec<(&'static str, Came)> {
    vec![
        ("name a version", Read(json!({ "stable": 1 }))),
        ("read by alias", Read(json!(value))),
        ("read by an unknown alias", names.no_version("beta")),
    ]
}

fn states(names: &Names<'_>) -> Vec<(&'static str, Came)> {
    let first = format!("{}/versions/1 ENABLED", names.given);
    let second = format!("{}/versions/2 DISABLED", names.given);
    vec![
        ("disable", names.version(2, "DISABLED")),
        ("read what is disabled", names.in_state("DISABLED")),
        ("list", Read(json!([second, first]))),
        ("list what is enabled", Read(json!([first]))),
        ("list page by page", Read(json!([second, first]))),
        ("enable", names.version(2, "ENABLED")),
        ("read what is enabled", Read(all_bytes())),
        ("destroy", names.version(2, "DESTROYED")),
        ("read what is destroyed", names.in_state("DESTROYED")),
        ("enable what is destroyed", names.in_state("DESTROYED")),
    ]
}

fn troubles(names: &Names<'_>, value: &str) -> Vec<(&'static str, Came)> {
    let wait = "wait a few minutes for the action to propagate to our systems and retry.";
    // Over REST, the client takes a 401 for a token that it has to renew, and has nothing to renew this one by.
    let unknown = |reason| match names.transport {
        "grpc" => Refused(
            401,
            Some(reason),
            "identity/sign-in/web/devconsole-project.".to_owned(),
        ),
        _ => GivenUp("The credentials do not contain the necessary fields need to refresh"),
    };
    vec![
        ("read a wrong checksum", Read(json!(false))),
        ("read it again", Read(json!(true))),
        (
            "read while the service is off",
            Refused(403, Some("SERVICE_DISABLED"), wait.to_owned()),
        ),
        (
            "read with a token that nobody knows",
            unknown("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ),
        (
            "read with a token that ran out",
            unknown("ACCESS_TOKEN_EXPIRED"),
        ),
        (
            "read with another scope",
            Refused(
                403,
                Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
                "Request had insufficient authentication scopes.".to_owned(),
            ),
        ),
        (
            "read at another project's cost",
            Refused(
                403,
                Some("USER_PROJECT_DENIED"),
                "Propagation of the new permission may take a few minutes.".to_owned(),
            ),
        ),
        (
            "read at another project's cost with the right to",
            Read(json!(value)),
        ),
        ("delete", Read(Value::Null)),
        ("read what is deleted", names.none()),
    ]
}
