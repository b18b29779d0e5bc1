//! What AWS is asked, and what is made of its answers that are secrets.

use test_servers::secrets_manager::Keys;
use test_servers::{Authority, FaultServer, Provider, Response, SecretsManager, Server};

use crate::BINARY;

pub(crate) const URL: &str = "sparse+https://crates.example.com/index/";
pub(crate) const STORED: &str = "st0red-s3cret-token";

/// The provider with one backend of type aws: keys of the backend, keys of the source.
pub(crate) fn provider(backend: &str, source: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.store]\ntype = \"aws\"\n{backend}\n\
             [registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", {source} }} ]\n"
        ))
        .secret(STORED)
}

/// With these keys in the environment, and every endpoint at `url`.
pub(crate) fn equipped(provider: Provider, keys: &Keys, url: &str) -> Provider {
    provider
        .env("AWS_ACCESS_KEY_ID", &keys.id)
        .env("AWS_SECRET_ACCESS_KEY", &keys.secret)
        .env("AWS_ENDPOINT_URL", url)
        .secret(&keys.secret)
}

/// Asks, and expects the secret.
pub(crate) fn get(provider: &Provider) {
    let answer = provider.get(URL, "read");
    assert_eq!(answer["Ok"]["token"], STORED, "{answer}");
}

fn store() -> (SecretsManager, Keys, String) {
    let server = SecretsManager::start();
    let keys = server.user("ci");
    let arn = server.put("prod/cargo", &format!("{{\"token\":\"{STORED}\"}}"));
    (server, keys, arn)
}

#[test]
fn one_signed_request_is_all() {
    let (server, keys, _) = store();
    let provider = provider(
        "region = \"eu-west-1\"",
        r#"secret = "prod/cargo", field = "token""#,
    );
    get(&equipped(provider, &keys, &server.url()));
    let [request] = &server.requests()[..] else {
        panic!("one request: {:?}", server.requests());
    };
    let header = |name: &str| request.header(name).unwrap_or_default();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/")
    );
    assert_eq!(header("x-amz-target"), "secretsmanager.GetSecretValue");
    assert_eq!(header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(request.body, br#"{"SecretId":"prod/cargo"}"#);
    let scope = "/eu-west-1/secretsmanager/aws4_request, SignedHeaders=";
    let authorization = header("authorization");
    assert!(
        authorization.starts_with(&format!("AWS4-HMAC-SHA256 Credential={}/", keys.id)),
        "{authorization}"
    );
    assert!(authorization.contains(scope), "{authorization}");
}

#[test]
fn versions_and_shapes() {
    let (server, keys, _) = store();
    server.put_stage("prod/cargo", "AWSPREVIOUS", "other");
    server.put_stage("staged", "AWSPENDING", STORED);
    server.put_binary("binary", format!("{{\"token\":\"{STORED}\"}}").as_bytes());
    server.put("line", &format!("{STORED}\r\n"));
    for source in [
        r#"secret = "prod/cargo", stage = "AWSCURRENT", field = "token""#,
        r#"secret = "staged", stage = "AWSPENDING""#,
        r#"secret = "binary", field = "token""#,
        r#"secret = "line""#,
    ] {
        get(&equipped(
            provider("region = \"eu-west-1\"", source),
            &keys,
            &server.url(),
        ));
    }
}

/// The region of each request, as it was signed.
fn regions(requests: &[test_servers::Request]) -> Vec<String> {
    requests
        .iter()
        .map(|request| {
            let scope = request.header("authorization").unwrap_or_default();
            scope.split('/').nth(2).unwrap_or_default().to_owned()
        })
        .collect()
}

#[test]
fn where_the_region_is_from() {
    let (server, keys, arn) = store();
    let partial = arn.rsplit_once('-').unwrap().0.to_owned();
    let by = |id: &str| format!("secret = \"{id}\", field = \"token\"");
    for (backend, source, variables, region) in [
        (
            "",
            by("prod/cargo"),
            vec![("AWS_REGION", "eu-north-1")],
            "eu-north-1",
        ),
        (
            "",
            by("prod/cargo"),
            vec![("AWS_DEFAULT_REGION", "eu-south-1")],
            "eu-south-1",
        ),
        (
            "region = \"eu-west-2\"",
            by("prod/cargo"),
            vec![("AWS_REGION", "eu-north-1")],
            "eu-west-2",
        ),
        // What an ARN says is nearer to the secret than what the machine says.
        (
            "",
            by(&arn),
            vec![("AWS_REGION", "eu-north-1")],
            "eu-west-1",
        ),
        ("", by(&partial), vec![], "eu-west-1"),
        ("profile = \"corp\"", by("prod/cargo"), vec![], "ca-west-1"),
    ] {
        let before = server.requests().len();
        let profile = format!(
            "[profile corp]\nregion = ca-west-1\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            keys.id, keys.secret
        );
        let provider = provider(backend, &source).file(".aws/config", &profile);
        let provider = equipped(provider, &keys, &server.url());
        get(&variables
            .into_iter()
            .fold(provider, |provider, (name, value)| {
                provider.env(name, value)
            }));
        assert_eq!(
            regions(&server.requests()[before..]),
            [region],
            "{backend} {source}"
        );
    }
}

#[test]
fn without_a_region_or_keys_the_machine_is_not_the_place() {
    let (server, keys, _) = store();
    let none = provider("", r#"secret = "prod/cargo""#);
    let text =
        test_servers::provider::error_text(&equipped(none, &keys, &server.url()).get(URL, "read"));
    assert!(text.starts_with("no AWS region here"), "{text}");
    let none = provider("region = \"eu-west-1\"", r#"secret = "prod/cargo""#);
    let text = test_servers::provider::error_text(&none.get(URL, "read"));
    assert!(text.starts_with("no AWS identity here"), "{text}");
    assert!(server.requests().is_empty());
}

#[test]
fn the_next_region_is_asked_only_if_nobody_answers() {
    let away = Server::start(|request| {
        let is_first = request
            .header("authorization")
            .is_some_and(|scope| scope.contains("/eu-west-1/"));
        let body = if is_first {
            return Response::json(503, &serde_json::json!({ "__type": "ServiceUnavailable" }));
        } else {
            serde_json::json!({ "Name": "prod/cargo", "SecretString": STORED })
        };
        Response::json(200, &body)
    });
    let (server, keys, _) = store();
    let source =
        r#"secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/cargo-a1b2c3""#;
    let backend = "regions = [\"eu-west-1\", \"eu-central-1\"]";
    let run = equipped(provider(backend, source), &keys, &away.url())
        .run(test_servers::provider::get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], STORED, "{run:?}");
    assert!(
        run.stderr.contains("from the region `eu-central-1`"),
        "{}",
        run.stderr
    );
    assert_eq!(
        regions(&away.requests()),
        ["eu-west-1", "eu-west-1", "eu-west-1", "eu-central-1"]
    );
    let last = away.requests().pop().unwrap().json().unwrap();
    assert!(
        last["SecretId"]
            .as_str()
            .unwrap()
            .starts_with("arn:aws:secretsmanager:eu-central-1:"),
        "{last}"
    );

    server.refuse(
        "prod/cargo",
        "AccessDeniedException",
        "User: $user is not authorized",
    );
    let denied = equipped(
        provider(backend, r#"secret = "prod/cargo""#),
        &keys,
        &server.url(),
    );
    test_servers::provider::error_text(&denied.get(URL, "read"));
    assert_eq!(regions(&server.requests()), ["eu-west-1"]);
}

#[test]
fn tries_are_counted() {
    for (variable, tries) in [(None, 3), (Some("1"), 1)] {
        let server = Server::start(|_| {
            Response::json(
                500,
                &serde_json::json!({ "__type": "InternalServiceError" }),
            )
        });
        let (_, keys, _) = store();
        let provider = equipped(
            provider("region = \"eu-west-1\"", "secret = \"x\""),
            &keys,
            &server.url(),
        );
        let provider = variable
            .into_iter()
            .fold(provider, |provider, tries: &str| {
                provider.env("AWS_MAX_ATTEMPTS", tries)
            });
        let text = test_servers::provider::error_text(&provider.get(URL, "read"));
        assert!(text.starts_with("AWS can't answer now"), "{text}");
        assert_eq!(server.requests().len(), tries);
    }
}

#[test]
fn the_bundle_of_aws_is_trusted() {
    let authority = Authority::new();
    let server = SecretsManager::start_tls(&authority.server(&["127.0.0.1"]));
    let keys = server.user("ci");
    server.put("x", STORED);
    let provider = |backend: &str| {
        let provider = provider(
            &format!("region = \"eu-west-1\"\n{backend}"),
            "secret = \"x\"",
        );
        let path = provider.home().join("ca.pem");
        let provider = equipped(
            provider.file("ca.pem", authority.pem()),
            &keys,
            &server.url(),
        );
        (provider, path)
    };
    let (from_variable, path) = provider("");
    get(&from_variable.env("AWS_CA_BUNDLE", path));
    let (from_key, _) = provider("ca-file = \"~/ca.pem\"");
    get(&from_key.env("AWS_CA_BUNDLE", "/nonexistent"));
    let (with_neither, _) = provider("");
    let text = test_servers::provider::error_text(&with_neither.get(URL, "read"));
    assert!(text.starts_with("no secure connection to"), "{text}");
}

#[test]
fn plain_http_stays_on_this_machine() {
    let (_, keys, _) = store();
    let provider = provider(
        "region = \"eu-west-1\"\nendpoint = \"http://aws.example.com\"",
        "secret = \"x\"",
    );
    let text = test_servers::provider::error_text(
        &equipped(provider, &keys, "http://127.0.0.1:1").get(URL, "read"),
    );
    assert!(text.contains("is plain HTTP"), "{text}");
}

#[test]
fn a_black_hole_ends_at_the_deadline() {
    let hole = FaultServer::start(test_servers::Fault::BlackHole);
    let (_, keys, _) = store();
    let provider = Provider::new(BINARY).config(&format!(
        "timeout = \"1s\"\n[backends.store]\ntype = \"aws\"\nregion = \"eu-west-1\"\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", secret = \"x\" }} ]\n"
    ));
    let text = test_servers::provider::error_text(
        &equipped(provider, &keys, &hole.url()).get(URL, "read"),
    );
    assert!(text.contains("did not answer within 1s"), "{text}");
}
