//! The login by Google identity: who is asked for the statement, what it says, and what Vault is shown.

use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{GoogleServer, Provider, Request, Response, Server};

use super::{SOURCE, TOKEN, URL, address, get, lines, provider, vault};

const ACCOUNT: &str = "ci@acme.iam.gserviceaccount.com";
const LOGIN: &str = "POST /v1/auth/gcp/login";
const READ: &str = "GET /v1/secret/data/ci/cargo";
const REVOKE: &str = "POST /v1/auth/token/revoke-self";
const IDENTITY: &str = "/computeMetadata/v1/instance/service-accounts/default/identity";

/// The provider with the method, and its Vault.
fn with(auth: &str, server: &Server) -> Provider {
    let auth =
        format!("auth = [ {{ method = \"gcp\", role = \"ci\"{auth} }}, {{ method = \"token\" }} ]");
    provider(&format!("{}\n{auth}", address(server)), SOURCE)
}

fn by(provider: Provider, file: &Value) -> Provider {
    let provider = provider.file("credentials.json", &file.to_string());
    let path = provider.home().join("credentials.json");
    provider.env("GOOGLE_APPLICATION_CREDENTIALS", path)
}

/// What Vault was shown: the statement, beside the role.
fn shown(server: &Server) -> String {
    assert_eq!(lines(server), [LOGIN, READ, REVOKE]);
    let body = server.requests()[0].json().expect("a login is JSON");
    let jwt = body["jwt"].as_str().expect("it has a statement").to_owned();
    assert_eq!(body, json!({ "jwt": jwt, "role": "ci" }));
    jwt
}

fn asked(google: &GoogleServer) -> Vec<String> {
    let requests = google.requests();
    requests
        .iter()
        .map(|request| request.path.clone())
        .collect()
}

#[test]
fn an_account_signs_where_somebody_may_have_it_sign() {
    let (server, google) = (Server::start(vault), GoogleServer::start());
    google.let_impersonate("user:pat@example.com", ACCOUNT);
    let auth = format!(
        ", service-account = \"{ACCOUNT}\", iam-endpoint = \"{}\"",
        google.url()
    );
    get(&by(
        with(&auth, &server),
        &google.authorized_user("pat@example.com"),
    ));
    let sign = format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:signJwt");
    assert_eq!(asked(&google)[1..], [sign]);
    let (signer, claims) = google.signed_by(&shown(&server)).unwrap();
    assert_eq!(signer, ACCOUNT);
    let expires = claims["exp"].as_u64().unwrap();
    assert_eq!(
        claims,
        json!({ "sub": ACCOUNT, "aud": "vault/ci", "exp": expires })
    );
}

#[test]
fn the_metadata_server_states_what_machine_this_is() {
    let (server, google) = (Server::start(vault), GoogleServer::start());
    google.attach(ACCOUNT);
    get(&with(", type = \"gce\"", &server).env("GCE_METADATA_HOST", google.host()));
    let [request] = &google.requests()[..] else {
        panic!("one request: {:?}", asked(&google));
    };
    assert_eq!(request.path, IDENTITY);
    assert_eq!(
        request.query,
        "audience=http%3A%2F%2Fvault%2Fci&format=full"
    );
    let (signer, claims) = google.signed_by(&shown(&server)).unwrap();
    assert_eq!(
        (signer.as_str(), &claims["aud"]),
        (ACCOUNT, &json!("http://vault/ci"))
    );
}

#[test]
fn a_machine_without_a_service_account_leaves_it_to_the_next_method() {
    for kind in ["iam", "gce"] {
        let (server, google) = (Server::start(vault), GoogleServer::start());
        let provider =
            with(&format!(", type = \"{kind}\""), &server).env("GCE_METADATA_HOST", google.host());
        let text = error_text(&provider.get(URL, "read"));
        assert!(
            text.contains("\nno Google identity here: this machine has no service account: GET "),
            "{text}"
        );
        get(&provider.env("VAULT_TOKEN", TOKEN));
        assert_eq!(lines(&server), [READ], "{kind}");
    }
}

/// For as long as it holds it is a login.
#[test]
fn a_statement_that_vault_repeats_is_not_repeated() {
    let server = Server::start(|request: &Request| {
        let body = request.json().expect("a login is JSON");
        Response::json(
            400,
            &json!({ "errors": [format!("no good: {}", body["jwt"])] }),
        )
    });
    let google = GoogleServer::start();
    google.attach(ACCOUNT);
    let provider = with(", type = \"gce\"", &server).env("GCE_METADATA_HOST", google.host());
    let text = error_text(&provider.get(URL, "read"));
    let body = server.requests()[0].json().unwrap();
    assert!(text.contains("\nno good: "), "{text}");
    assert!(!text.contains(body["jwt"].as_str().unwrap()), "{text}");
}
