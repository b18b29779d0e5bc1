//! Who we are to Google.

use serde_json::{Value, json};
use test_servers::provider::error_text;
use test_servers::{GoogleServer, Issuer, Provider, Response, Server};

use crate::gcp_requests::{ACCOUNT, PROJECT, STORED, URL, at, get, paths, provider, with_file};

const SOURCE: &str = "secret = \"cargo\"";
const POOL: &str = "projects/123456789/locations/global/workloadIdentityPools/ci";
const READ: &str = "/v1/projects/acme/secrets/cargo/versions/latest:access";

fn of_pool() -> String {
    format!("{POOL}/providers/github")
}

/// The subject of the issuer's jobs, as a policy names it.
fn subject(issuer: &Issuer) -> String {
    let claims = issuer.claims("x", &Value::Null);
    format!(
        "principal://iam.googleapis.com/{POOL}/subject/{}",
        claims["sub"].as_str().expect("a job has a subject")
    )
}

fn store(member: &str) -> GoogleServer {
    let server = GoogleServer::start();
    server.put(PROJECT, "cargo", STORED.as_bytes());
    server.allow(member, "projects/acme/secrets/cargo");
    server
}

fn service_account() -> String {
    format!("serviceAccount:{ACCOUNT}")
}

/// The backend with `auth` by this issuer's token, and more keys in it.
fn federated(server: &GoogleServer, more: &str) -> String {
    let url = server.url();
    format!(
        "{}\n[backends.store.auth]\nmethod = \"workload-identity\"\nprovider = \"{}\"\nsts-endpoint = \"{url}\"\niam-endpoint = \"{url}\"\n{more}",
        at(server),
        of_pool()
    )
}

fn in_github(provider: Provider, issuer: &Issuer) -> Provider {
    issuer
        .github_env()
        .into_iter()
        .fold(provider, |provider, (name, value)| {
            provider.env(name, value)
        })
        .secret(issuer.request_token())
}

#[test]
fn a_jobs_token_goes_straight_to_sts() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    get(&in_github(
        provider(&federated(&server, ""), SOURCE),
        &issuer,
    ));
    let audience = issuer.requests()[0].parameter("audience");
    assert_eq!(
        audience.as_deref(),
        Some(&*format!("https://iam.googleapis.com/{}", of_pool()))
    );
    assert_eq!(paths(&server), ["/v1/token", READ]);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_service_account_is_become_on_the_way() {
    let issuer = Issuer::start();
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &["https://corp.example.com"], None);
    let between = "between@acme.iam.gserviceaccount.com";
    let auth = format!("service-account = \"{ACCOUNT}\"\naudience = \"https://corp.example.com\"");

    server.let_impersonate(&subject(&issuer), ACCOUNT);
    get(&in_github(
        provider(&federated(&server, &auth), SOURCE),
        &issuer,
    ));
    let become_account = format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
    assert_eq!(paths(&server), ["/v1/token", &become_account, READ]);
    assert_eq!(
        server.requests()[1].json().unwrap(),
        json!({ "scope": ["https://www.googleapis.com/auth/cloud-platform"], "delegates": [], "lifetime": "900s" })
    );

    // By a delegate, and no other way.
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &["https://corp.example.com"], None);
    server.let_impersonate(&subject(&issuer), between);
    server.let_impersonate(&format!("serviceAccount:{between}"), ACCOUNT);
    let delegated = format!("{auth}\ndelegates = [ \"{between}\" ]");
    get(&in_github(
        provider(&federated(&server, &delegated), SOURCE),
        &issuer,
    ));
    let direct = in_github(provider(&federated(&server, &auth), SOURCE), &issuer);
    let text = error_text(&direct.get(URL, "read"));
    assert!(
        text.starts_with(&format!(
            "Google does not let `{}` act as `{ACCOUNT}`",
            subject(&issuer)
        )),
        "{text}"
    );
    let command = format!(
        "gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.workloadIdentityUser --member={}",
        subject(&issuer)
    );
    assert!(text.ends_with(&command), "{text}");

    // To be a delegate's first link is more than to become it.
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &["https://corp.example.com"], None);
    let chain = in_github(provider(&federated(&server, &delegated), SOURCE), &issuer);
    let text = error_text(&chain.get(URL, "read"));
    let role = format!("binding {between} --role=roles/iam.serviceAccountTokenCreator ");
    assert!(text.contains(&role), "{text}");
}

#[test]
fn a_refused_trade_says_what_to_look_at() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    let ask = || {
        let provider = in_github(provider(&federated(&server, ""), SOURCE), &issuer);
        error_text(&provider.get(URL, "read"))
    };
    let text = ask();
    assert!(text.contains("invalid_target"), "{text}");
    assert!(text.contains("with the number of its project"), "{text}");

    server.trust(&of_pool(), &issuer, &[], Some(("repository", "acme/other")));
    let text = ask();
    assert!(
        text.starts_with(
            "Google refused the job's token at `//iam.googleapis.com/projects/123456789/"
        ),
        "{text}"
    );
    assert!(text.contains("unauthorized_client"), "{text}");
    assert!(text.contains("attribute condition"), "{text}");
    assert!(
        text.contains("sub \\\"repo:acme/app") || text.contains("sub \"repo:acme/app"),
        "{text}"
    );

    server.trust(&of_pool(), &issuer, &["https://other.example.com"], None);
    let text = ask();
    assert!(text.contains("invalid_grant"), "{text}");
    assert!(
        text.contains(&format!(
            "we asked for a token for `https://iam.googleapis.com/{}`",
            of_pool()
        )),
        "{text}"
    );
    assert_eq!(paths(&server), ["/v1/token"; 3]);
}

#[test]
fn a_token_that_has_expired_is_no_identity() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    let audience = format!("https://iam.googleapis.com/{}", of_pool());
    let token =
        issuer.sign(&issuer.claims(&audience, &json!({ "exp": 1_000_000, "iat": 999_000 })));
    let backend = federated(&server, "identity = { env = \"JOB_TOKEN\" }");
    let provider = provider(&backend, SOURCE)
        .env("JOB_TOKEN", &token)
        .secret(&token);
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("it must not have expired"), "{text}");
}

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
        json!({ "url": format!("{}/text", place.url()), "headers": headers }),
        json!({ "url": format!("{}/json", place.url()), "headers": headers, "format": json_format }),
    ] {
        std::fs::write(home.home().join("token"), format!("{token}\n")).unwrap();
        std::fs::write(home.home().join("token.json"), &wrapped).unwrap();
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

/// A program that prints this, as an external account runs it.
fn script(provider: Provider, text: &str) -> Provider {
    use std::os::unix::fs::PermissionsExt as _;
    let provider = provider.file("bin/give me.sh", &format!("#!/bin/sh\n{text}\n"));
    let path = provider.home().join("bin/give me.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))
        .expect("the file is ours");
    provider
}

#[test]
fn external_accounts_by_program() {
    let issuer = Issuer::start();
    let server = store(&service_account());
    server.trust(&of_pool(), &issuer, &[], None);
    server.let_impersonate(&subject(&issuer), ACCOUNT);
    let token = issuer.token(&format!("https://iam.googleapis.com/{}", of_pool()));
    let printed = |extra: Value| {
        let mut printed = json!({
            "version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": token,
        });
        printed
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        printed.to_string()
    };
    let ask = |text: &str, allowed: bool| {
        let provider = script(provider(&format!("{}\n", at(&server)), SOURCE), text).secret(&token);
        let command = provider.home().join("bin/give me.sh");
        let source = json!({ "executable": {
            "command": format!("'{}' 'two words' three", command.display()), "timeout_millis": 5000,
        } });
        let file = server.external_account(&of_pool(), &source, Some(ACCOUNT));
        let provider = with_file(provider, &file.to_string());
        match allowed {
            true => provider.env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1"),
            false => provider,
        }
    };
    let checks = format!(
        "[ \"$1\" = 'two words' ] && [ \"$2\" = three ] && [ \"$GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE\" = 0 ] && \
         [ \"$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE\" = '//iam.googleapis.com/{}' ] && \
         [ \"$GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE\" = 'urn:ietf:params:oauth:token-type:jwt' ] && \
         [ \"$GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL\" = '{ACCOUNT}' ] || exit 9",
        of_pool()
    );
    let print = |text: &str| format!("{checks}\ncat <<'END'\n{text}\nEND");
    get(&ask(
        &print(&printed(json!({ "expiration_time": 9_999_999_999_u64 }))),
        true,
    ));
    for (text, allowed, why) in [
        (
            print(&printed(json!({}))),
            false,
            "set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1",
        ),
        ("exit 3".to_owned(), true, "it ended with exit status: 3"),
        (format!("echo {token}"), true, "is not JSON"),
        (
            print(&printed(json!({ "version": 2 }))),
            true,
            "another `version`",
        ),
        (
            print(&printed(json!({ "expiration_time": 1000 }))),
            true,
            "has expired",
        ),
        (
            print(&printed(json!({ "token_type": "x" }))),
            true,
            "no token of the type",
        ),
        (
            print(
                r#"{"version":1,"success":false,"code":"401","message":"caller not authorized"}"#,
            ),
            true,
            "caller not authorized (401)",
        ),
    ] {
        let error = error_text(&ask(&text, allowed).get(URL, "read"));
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_program_that_hangs_is_over_with_the_deadline() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    let provider = script(provider(&at(&server), SOURCE), "exec sleep 600");
    let command = provider.home().join("bin/give me.sh");
    let source = json!({ "executable": { "command": format!("'{}'", command.display()) } });
    let file = server
        .external_account(&of_pool(), &source, None)
        .to_string();
    let path = provider.home().join(".cargo/credential-bridge.toml");
    let config = std::fs::read_to_string(path).unwrap();
    let provider = with_file(provider, &file)
        .config(&format!("timeout = \"500ms\"\n{config}"))
        .env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("it did not end within"), "{text}");
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

#[test]
fn a_machine_at_google_has_its_own() {
    let server = store(&service_account());
    let machine = || provider(&at(&server), SOURCE).env("GCE_METADATA_HOST", server.host());
    // Without a service account it is nobody.
    let text = error_text(&machine().get(URL, "read"));
    assert!(
        text.contains("this machine has no service account"),
        "{text}"
    );
    server.attach(ACCOUNT);
    get(&machine());
    // Who it is goes into the error.
    server.attach("other@acme.iam.gserviceaccount.com");
    let text = error_text(&machine().get(URL, "read"));
    assert!(
        text.starts_with(
            "Google does not let `serviceAccount:other@acme.iam.gserviceaccount.com` read"
        ),
        "{text}"
    );
}

#[test]
fn nobody_at_the_metadata_address_is_no_identity() {
    let server = store(&service_account());
    let source = format!("{SOURCE} }}, {{ backend = \"job\", var = \"SECOND\"");
    let backend = format!("{}\n[backends.job]\ntype = \"env\"", at(&server));
    let asked = |host: &str| {
        let provider = provider(&backend, &source).env("SECOND", "s3cond-s3cret");
        provider.env("GCE_METADATA_HOST", host).get(URL, "read")
    };
    let refused = test_servers::refused_port();
    let host = format!("127.0.0.1:{}", refused.port());
    assert_eq!(asked(&host)["Ok"]["token"], "s3cond-s3cret");
    // Whoever else is there is not asked for anything, and nobody takes his place.
    let other = Server::start(|_| Response::text(200, "{\"access_token\":\"x\"}"));
    let host = other.url().replace("http://", "");
    let text = error_text(&asked(&host));
    assert!(
        text.contains("without the header Metadata-Flavor"),
        "{text}"
    );
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

#[test]
fn the_first_method_whose_inputs_exist() {
    let issuer = Issuer::start();
    let server = store(&subject(&issuer));
    server.trust(&of_pool(), &issuer, &[], None);
    let url = server.url();
    let backend = format!(
        "{}\nauth = [ {{ method = \"workload-identity\", provider = \"{provider}\", sts-endpoint = \"{url}\", identity = \"gitlab\" }},\n\
         {{ method = \"workload-identity\", provider = \"{provider}\", sts-endpoint = \"{url}\", identity = \"github-actions\" }} ]",
        at(&server),
        provider = of_pool()
    );
    get(&in_github(provider(&backend, SOURCE), &issuer));
    let text = error_text(&provider(&backend, SOURCE).get(URL, "read"));
    assert!(
        text.contains("no GitLab identity here") && text.contains("no GitHub identity here"),
        "{text}"
    );
}

/// The metadata server's own words have no form.
#[test]
fn what_the_metadata_server_refuses_is_told_as_it_says_it() {
    let server = store(&service_account());
    server.attach(ACCOUNT);
    let refusal = Response::text(403, "Unable to generate access token: no binding")
        .header("Metadata-Flavor", "Google");
    server.answer_next("/token", refusal);
    let provider = provider(&at(&server), SOURCE).env("GCE_METADATA_HOST", server.host());
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("the metadata server gave no identity of this machine"),
        "{text}"
    );
    assert!(text.contains("Unable to generate access token"), "{text}");
}
