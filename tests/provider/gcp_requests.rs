//! What Google Secret Manager is asked, and what is made of its answers that are secrets.

use serde_json::json;
use test_servers::provider::error_text;
use test_servers::proxy::{Proxy, Route};
use test_servers::{Authority, GoogleServer, Provider, Response, VersionState};

use crate::BINARY;

pub(crate) const URL: &str = "sparse+https://crates.example.com/index/";
pub(crate) const STORED: &str = "st0red-s3cret-token";
pub(crate) const PROJECT: &str = "acme";
pub(crate) const ACCOUNT: &str = "cargo-ci@acme.iam.gserviceaccount.com";

/// The provider with one backend of type gcp: keys of the backend, keys of the source.
pub(crate) fn provider(backend: &str, source: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "[backends.store]\ntype = \"gcp\"\n{backend}\n\
             [registries.\"{URL}\"]\nsources = [ {{ backend = \"store\", {source} }} ]\n"
        ))
        .secret(STORED)
}

/// The keys of a backend at this server.
pub(crate) fn at(server: &GoogleServer) -> String {
    format!("project = \"{PROJECT}\"\nendpoint = \"{}\"", server.url())
}

/// With this file as `GOOGLE_APPLICATION_CREDENTIALS`.
pub(crate) fn with_file(provider: Provider, content: &str) -> Provider {
    let provider = provider.file("credentials.json", content);
    let path = provider.home().join("credentials.json");
    provider.env("GOOGLE_APPLICATION_CREDENTIALS", path)
}

/// Asks, and expects the secret.
pub(crate) fn get(provider: &Provider) {
    let answer = provider.get(URL, "read");
    assert_eq!(answer["Ok"]["token"], STORED, "{answer}");
}

/// A server with the secret in it, which the account may read, and the account's key.
fn store() -> (GoogleServer, String) {
    let server = GoogleServer::start();
    server.put(
        PROJECT,
        "cargo",
        format!("{{\"token\":\"{STORED}\"}}").as_bytes(),
    );
    server.allow(&format!("serviceAccount:{ACCOUNT}"), "projects/acme");
    let key = server.service_account_key(ACCOUNT).to_string();
    (server, key)
}

/// The paths of the requests so far.
pub(crate) fn paths(server: &GoogleServer) -> Vec<String> {
    let requests = server.requests();
    requests.into_iter().map(|request| request.path).collect()
}

#[test]
fn one_request_is_all_where_the_key_is_here() {
    let (server, key) = store();
    let provider = provider(&at(&server), "secret = \"cargo\", field = \"token\"");
    get(&with_file(provider, &key));
    let [request] = &server.requests()[..] else {
        panic!("one request: {:?}", server.requests());
    };
    assert_eq!(request.method, "GET");
    assert_eq!(
        request.path,
        "/v1/projects/acme/secrets/cargo/versions/latest:access"
    );
    assert_eq!(request.header("x-goog-user-project"), None);
    let authorization = request.header("authorization").unwrap_or_default();
    assert!(authorization.starts_with("Bearer ey"), "{authorization}");
}

#[test]
fn secrets_in_all_their_names() {
    let (server, key) = store();
    server.put(PROJECT, "plain", STORED.as_bytes());
    server.put(PROJECT, "plain", b"another");
    server.set_alias("projects/acme/secrets/plain", "stable", 1);
    server.put_regional(
        PROJECT,
        "europe-west3",
        "regional",
        format!("{STORED}\r\n").as_bytes(),
    );
    let number = server.project_number(PROJECT);
    for source in [
        "secret = \"plain\", version = 1".to_owned(),
        "secret = \"plain\", version = \"1\"".to_owned(),
        "secret = \"plain\", version = \"stable\"".to_owned(),
        "name = \"projects/acme/secrets/plain/versions/1\"".to_owned(),
        "name = \"projects/acme/secrets/cargo\", field = \"token\"".to_owned(),
        format!("secret = \"plain\", project = \"{number}\", version = 1"),
        "secret = \"regional\", location = \"europe-west3\"".to_owned(),
        "name = \"projects/acme/locations/europe-west3/secrets/regional\"".to_owned(),
    ] {
        get(&with_file(provider(&at(&server), &source), &key));
    }
}

#[test]
fn where_the_project_is_from() {
    let (server, key) = store();
    server.attach(ACCOUNT);
    let source = "secret = \"cargo\", field = \"token\"";
    let endpoint = format!("endpoint = \"{}\"", server.url());
    // What the key file says.
    get(&with_file(provider(&endpoint, source), &key));
    // What the variable says comes before that.
    let elsewhere = with_file(provider(&endpoint, source), &key)
        .env("GOOGLE_CLOUD_PROJECT", "elsewhere")
        .get(URL, "read");
    assert!(elsewhere.to_string().contains("elsewhere"), "{elsewhere}");
    // What the metadata server says.
    let machine = || provider(&endpoint, source).env("GCE_METADATA_HOST", server.host());
    get(&machine());
    // Who has logged in is not sent elsewhere because somebody does not answer now, or knows no project.
    server.answer_next("/project-id", Response::disconnect());
    let text = error_text(&machine().get(URL, "read"));
    assert!(text.contains("gave no whole answer"), "{text}");
    server.answer_next("/project-id", Response::empty(404));
    let text = error_text(&machine().get(URL, "read"));
    assert!(text.starts_with("the secret has no project"), "{text}");
}

#[test]
fn what_is_charged_and_where_from() {
    let (server, key) = store();
    let source = "secret = \"cargo\", field = \"token\"";
    let mut file: serde_json::Value = serde_json::from_str(&key).unwrap();
    file["quota_project_id"] = "from-file".into();
    let file = file.to_string();
    for (backend, variable, expected) in [
        ("", None, "from-file"),
        ("", Some("from-variable"), "from-variable"),
        (
            "\nquota-project = \"from-config\"",
            Some("from-variable"),
            "from-config",
        ),
    ] {
        let mut provider = with_file(
            provider(&format!("{}{backend}", at(&server)), source),
            &file,
        );
        if let Some(variable) = variable {
            provider = provider.env("GOOGLE_CLOUD_QUOTA_PROJECT", variable);
        }
        provider.get(URL, "read");
        let last = server.requests().pop().unwrap();
        assert_eq!(last.header("x-goog-user-project"), Some(expected));
    }
}

/// Only a proxy can lead to Google's own names here.
#[test]
fn regions_and_universes_have_endpoints_of_their_own() {
    const GLOBAL: &str = "secretmanager.googleapis.com";
    const REGIONAL: &str = "secretmanager.europe-west3.rep.googleapis.com";
    const GIVEN: &str = "secretmanager.given.goog";
    const VARIABLE: &str = "secretmanager.variable.goog";
    const OF_FILE: &str = "secretmanager.file.goog";
    let authority = Authority::new();
    let names = [GLOBAL, REGIONAL, GIVEN, VARIABLE, OF_FILE];
    let server = GoogleServer::start_tls(&authority.server(&names));
    server.put(PROJECT, "s", STORED.as_bytes());
    server.put_regional(PROJECT, "europe-west3", "s", STORED.as_bytes());
    server.allow(&format!("serviceAccount:{ACCOUNT}"), "projects/acme");
    let port = server.port();
    let proxy = Proxy::start(move |_| Route::Port(port));

    let here = "secret = \"s\"";
    let there = "secret = \"s\", location = \"europe-west3\"";
    let given = "universe-domain = \"given.goog\"";
    for (backend, source, variable, file, expected) in [
        ("", here, None, None, GLOBAL),
        ("", there, None, None, REGIONAL),
        ("", here, None, Some("file.goog"), OF_FILE),
        ("", here, Some("variable.goog"), Some("file.goog"), VARIABLE),
        (given, here, Some("variable.goog"), Some("file.goog"), GIVEN),
    ] {
        let mut key = server.service_account_key(ACCOUNT);
        if let Some(universe) = file {
            key["universe_domain"] = universe.into();
        }
        let mut provider = with_file(provider(backend, source), &key.to_string())
            .env("HTTPS_PROXY", proxy.url())
            .file("ca.pem", authority.pem());
        let trusted = provider.home().join("ca.pem");
        provider = provider.env("SSL_CERT_FILE", trusted);
        if let Some(universe) = variable {
            provider = provider.env("GOOGLE_CLOUD_UNIVERSE_DOMAIN", universe);
        }
        get(&provider);
        assert_eq!(proxy.asked().pop(), Some(format!("{expected}:443")));
    }

    // A machine is in the universe that its metadata server names.
    let metadata = GoogleServer::start();
    metadata.attach(ACCOUNT);
    let token = json!({ "access_token": server.token_for(&format!("serviceAccount:{ACCOUNT}")) });
    let google = |response: Response| response.header("Metadata-Flavor", "Google");
    metadata.answer_next("/token", google(Response::json(200, &token)));
    metadata.answer_next(
        "/universe-domain",
        google(Response::text(200, "given.goog")),
    );
    let machine = provider("project = \"acme\"", here)
        .env("HTTPS_PROXY", proxy.url())
        .env("GCE_METADATA_HOST", metadata.host())
        .file("ca.pem", authority.pem());
    let trusted = machine.home().join("ca.pem");
    get(&machine.env("SSL_CERT_FILE", trusted));
    assert_eq!(proxy.asked().pop(), Some(format!("{GIVEN}:443")));
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    let authority = Authority::new();
    let server = GoogleServer::start_tls(&authority.server(&["127.0.0.1"]));
    server.put(PROJECT, "cargo", STORED.as_bytes());
    server.allow(&format!("serviceAccount:{ACCOUNT}"), "projects/acme");
    let key = server.service_account_key(ACCOUNT).to_string();
    let named = |backend: &str| {
        with_file(
            provider(&format!("{}{backend}", at(&server)), "secret = \"cargo\""),
            &key,
        )
        .file(".cargo/ca.pem", authority.pem())
    };
    get(&named("\nca-file = \"ca.pem\""));
    let by_variable = named("");
    let path = by_variable.home().join(".cargo/ca.pem");
    get(&by_variable.env("SSL_CERT_FILE", path));
}

#[test]
fn what_arrives_damaged_is_asked_for_once_more() {
    let (server, key) = store();
    let source = "secret = \"cargo\", field = \"token\"";
    server.spoil_checksums(1);
    get(&with_file(provider(&at(&server), source), &key));
    assert_eq!(server.requests().len(), 2);

    server.spoil_checksums(2);
    let answer = with_file(provider(&at(&server), source), &key).get(URL, "read");
    let text = error_text(&answer);
    assert!(
        text.starts_with("the secret `cargo` arrived damaged, twice"),
        "{text}"
    );
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn one_login_and_one_connection_for_several_sources() {
    let (server, _) = store();
    let user = server.authorized_user("me@example.com").to_string();
    server.allow("user:me@example.com", "projects/acme");
    server.put_empty(PROJECT, "nothing");
    let provider = Provider::new(BINARY).config(&format!(
        "[backends.store]\ntype = \"gcp\"\n{}\n[registries.\"{URL}\"]\nsources = [\n\
         {{ backend = \"store\", secret = \"nothing\" }},\n{{ backend = \"store\", secret = \"cargo\", field = \"token\" }} ]\n",
        at(&server)
    ));
    get(&with_file(provider, &user));
    assert_eq!(
        paths(&server),
        [
            "/token",
            "/v1/projects/acme/secrets/nothing/versions/latest:access",
            "/v1/projects/acme/secrets/cargo/versions/latest:access",
        ]
    );
    assert_eq!(server.connections(), 1);
}

#[test]
fn versions_that_are_not_there_are_told_apart() {
    let (server, key) = store();
    server.put(PROJECT, "old", b"x");
    server.set_state("projects/acme/secrets/old", 1, VersionState::Disabled);
    server.put(PROJECT, "gone", b"x");
    server.set_state("projects/acme/secrets/gone", 1, VersionState::Destroyed);
    server.put_empty(PROJECT, "empty");
    let member = format!("serviceAccount:{ACCOUNT}");
    let note = |secret: &str| {
        let provider = with_file(
            provider(&at(&server), &format!("secret = \"{secret}\"")),
            &key,
        );
        let run = provider.run(test_servers::provider::get_request(URL, "read").as_bytes());
        assert_eq!(
            run.answer(),
            serde_json::json!({ "Err": { "kind": "not-found" } }),
            "{secret}"
        );
        run.stderr
    };
    // Who may read may not always look.
    assert!(note("old").contains("is not enabled"), "{}", note("old"));
    server.allow_viewing(&member, "projects/acme");
    for (secret, expected) in [
        (
            "old",
            "the secret `old` in Google Secret Manager is disabled; help: `gcloud secrets versions enable 1 --secret=old --project=acme` brings it back",
        ),
        (
            "gone",
            "the secret `gone` in Google Secret Manager is destroyed; help: what was destroyed can't come back",
        ),
        (
            "empty",
            "Google Secret Manager does not have the secret `empty` in the project `acme`",
        ),
        (
            "nothing",
            "Google Secret Manager does not have the secret `nothing` in the project `acme`",
        ),
    ] {
        let note = note(secret);
        assert!(note.contains(expected), "{note}");
    }
}
