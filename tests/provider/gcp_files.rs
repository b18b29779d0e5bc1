//! Who we are to Google by a file with credentials.

use std::fs;

use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::proxy::{Proxy, Route};
use test_servers::{Authority, GoogleServer, Issuer, Provider, Response, Server};

use crate::gcp_identity::{SOURCE, of_pool, service_account, store, subject};
use crate::gcp_requests::{ACCOUNT, PROJECT, STORED, URL, at, get, provider, with_file};

#[test]
fn who_signs_in_with_gcloud() {
    let server = store("user:me@example.com");
    let user = server.authorized_user("me@example.com");
    let secrets = ["refresh_token", "client_secret"].map(|key| user[key].as_str().unwrap());
    let user_text = user.to_string();
    let named = |provider: Provider| {
        secrets
            .iter()
            .fold(provider, |provider, secret| provider.secret(secret))
    };
    get(&named(with_file(
        provider(&at(&server), SOURCE),
        &user_text,
    )));
    get(&named(provider(&at(&server), SOURCE).file(
        ".config/gcloud/application_default_credentials.json",
        &user_text,
    )));
    let elsewhere = named(provider(&at(&server), SOURCE))
        .file("cloud/application_default_credentials.json", &user_text);
    let directory = elsewhere.home().join("cloud");
    get(&elsewhere.env("CLOUDSDK_CONFIG", directory));
    let method = "auth = { method = \"adc\", credentials-file = \"user.json\" }";
    get(
        &named(provider(&format!("{}\n{method}", at(&server)), SOURCE))
            .file(".cargo/user.json", &user_text),
    );

    // Whose sign-in has ended is told.
    let mut ended = user.clone();
    ended["refresh_token"] = json!("1//ended-s3cret");
    let text = error_text(
        &with_file(provider(&at(&server), SOURCE), &ended.to_string())
            .secret("1//ended-s3cret")
            .get(URL, "read"),
    );
    assert!(
        text.starts_with("Google refused the sign-in in `"),
        "{text}"
    );
    assert!(text.contains("invalid_grant"), "{text}");
    assert!(
        text.ends_with("`gcloud auth application-default login`"),
        "{text}"
    );
}

#[test]
fn external_accounts_by_file_and_by_url() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    let token = issuer.token(&format!("https://iam.googleapis.com/{}", of_pool()));
    let wrapped = json!({ "value": token, "count": 1 }).to_string();
    let place = {
        let (token, wrapped) = (token.clone(), wrapped.clone());
        Server::start(move |request| match request.header("x-ask") {
            Some("Bearer asked-s3cret") if request.path == "/json" => Response::text(200, &wrapped),
            Some("Bearer asked-s3cret") => Response::text(200, &token),
            _ => Response::text(401, "who are you?"),
        })
    };
    let headers = json!({ "X-Ask": "Bearer asked-s3cret" });
    let json_format = json!({ "type": "json", "subject_token_field_name": "value" });
    let home = provider(&at(&server), SOURCE);
    let path = |name: &str| home.home().join(name).display().to_string();
    for source in [
        json!({ "file": path("token") }),
        json!({ "file": path("token.json"), "format": json_format }),
        json!({ "url": format!("{}/text", place.url()), "headers": headers, "format": {} }),
        json!({ "url": format!("{}/json", place.url()), "headers": headers, "format": json_format }),
    ] {
        fs::write(home.home().join("token"), format!("{token}\n")).unwrap();
        fs::write(home.home().join("token.json"), &wrapped).unwrap();
        let file = server.external_account(&of_pool(), &source, None);
        get(&with_file(provider(&at(&server), SOURCE), &file.to_string()).secret(&token));
    }
    let source = json!({ "url": place.url(), "headers": { "X-Ask": "Bearer wr0ng-s3cret" } });
    let file = server
        .external_account(&of_pool(), &source, None)
        .to_string();
    let text = error_text(
        &with_file(provider(&at(&server), SOURCE), &file)
            .secret("wr0ng-s3cret")
            .get(URL, "read"),
    );
    assert!(text.contains("401"), "{text}");
}

#[test]
fn a_user_becomes_a_service_account() {
    let server = store(&service_account());
    server.let_impersonate(
        "user:me@example.com",
        "between@acme.iam.gserviceaccount.com",
    );
    server.let_impersonate(
        "serviceAccount:between@acme.iam.gserviceaccount.com",
        ACCOUNT,
    );
    let file = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url":
            format!("{}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken", server.url()),
        "delegates": ["projects/-/serviceAccounts/between@acme.iam.gserviceaccount.com"],
        "source_credentials": server.authorized_user("me@example.com"),
    });
    get(&with_file(
        provider(&at(&server), SOURCE),
        &file.to_string(),
    ));
}

/// A file of `user`, who is to become the service account.
fn impersonated(server: &GoogleServer, user: &Value) -> Value {
    json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url":
            format!("{}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken", server.url()),
        "source_credentials": user,
    })
}

/// Only a proxy can lead to Google's own names here.
#[test]
fn who_becomes_a_service_account_keeps_universe_and_project() {
    const OF_SOURCE: &str = "secretmanager.source.goog";
    const OF_FILE: &str = "secretmanager.file.goog";
    let authority = Authority::new();
    let names = [OF_SOURCE, OF_FILE, "127.0.0.1"];
    let server = GoogleServer::start_tls(&authority.server(&names));
    server.put(PROJECT, "cargo", STORED.as_bytes());
    server.allow(&service_account(), "projects/acme");
    server.let_impersonate("user:me@example.com", ACCOUNT);
    let port = server.port();
    let proxy = Proxy::start(move |_| Route::Port(port));
    let mut user = server.authorized_user("me@example.com");
    user["universe_domain"] = "source.goog".into();
    user["project_id"] = PROJECT.into();
    let plain = impersonated(&server, &user);
    let mut named = plain.clone();
    named["universe_domain"] = "file.goog".into();
    user["project_id"] = "another".into();
    named["source_credentials"] = user;
    named["project_id"] = PROJECT.into();
    for (file, expected) in [(plain, OF_SOURCE), (named, OF_FILE)] {
        let provider = with_file(provider("", SOURCE), &file.to_string())
            .env("HTTPS_PROXY", proxy.url())
            .env("NO_PROXY", "127.0.0.1")
            .file("ca.pem", authority.pem());
        let trusted = provider.home().join("ca.pem");
        get(&provider.env("SSL_CERT_FILE", trusted));
        assert_eq!(proxy.asked().pop(), Some(format!("{expected}:443")));
    }
}

#[test]
fn a_file_that_is_asked_for_must_be_there() {
    let server = store(&service_account());
    server.attach(ACCOUNT);
    let provider = provider(&at(&server), SOURCE)
        .env("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json")
        .env("GCE_METADATA_HOST", server.host());
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("`/nonexistent/key.json` does not exist"),
        "{text}"
    );
    assert!(server.requests().is_empty());
}

/// The next source is somebody else.
#[test]
fn a_file_that_leads_nowhere_does_not_make_way() {
    let server = store(&service_account());
    let source = format!("{SOURCE} }}, {{ backend = \"job\", var = \"SECOND\"");
    let backend = format!("{}\n[backends.job]\ntype = \"env\"", at(&server));
    let by_aws = json!({
        "environment_id": "aws1",
        "regional_cred_verification_url":
            "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    });
    let mut file = server.external_account(&of_pool(), &by_aws, None);
    file["subject_token_type"] = "urn:ietf:params:aws:token-type:aws4_request".into();
    let inner = impersonated(&server, &file);
    for file in [file, inner] {
        let provider = with_file(provider(&backend, &source), &file.to_string())
            .env("SECOND", "s3cond-s3cret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "eu-central-1");
        let text = error_text(&provider.get(URL, "read"));
        assert!(
            text.starts_with("the file with Google credentials `"),
            "{text}"
        );
        assert!(
            text.contains("gets its identity from where there is none"),
            "{text}"
        );
        assert!(text.contains("AWS"), "{text}");
    }
    assert!(server.requests().is_empty());
}

/// A client is accounted for by itself.
#[test]
fn a_client_without_a_secret_is_one_all_the_same() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    let token = issuer.token(&format!("https://iam.googleapis.com/{}", of_pool()));
    let ask = |client: &Value| {
        let provider = provider(&at(&server), SOURCE)
            .file("token", &token)
            .secret(&token);
        let path = provider.home().join("token").display().to_string();
        let mut file = server.external_account(&of_pool(), &json!({ "file": path }), None);
        file["workforce_pool_user_project"] = "acme".into();
        for (key, value) in client.as_object().expect("fields of the file") {
            file[key] = value.clone();
        }
        get(&with_file(provider, &file.to_string()));
        let requests = server.requests();
        let trade = requests.iter().rfind(|request| request.path == "/v1/token");
        let trade = trade.expect("the token was traded");
        let authorization = trade.header("authorization").map(str::to_owned);
        let body = String::from_utf8_lossy(&trade.body).into_owned();
        (authorization, body.contains("userProject"))
    };
    assert_eq!(ask(&json!({})), (None, true));
    assert_eq!(ask(&json!({ "client_id": "" })), (None, true));
    // `me:`, `me:s3cret`
    let bare = ask(&json!({ "client_id": "me" }));
    assert_eq!(bare, (Some("Basic bWU6".to_owned()), false));
    let whole = ask(&json!({ "client_id": "me", "client_secret": "s3cret" }));
    assert_eq!(whole, (Some("Basic bWU6czNjcmV0".to_owned()), false));
}
