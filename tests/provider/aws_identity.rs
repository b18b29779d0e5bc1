//! Who we are to AWS.

use serde_json::json;
use test_servers::provider::error_text;
use test_servers::secrets_manager::ACCOUNT;
use test_servers::{FaultServer, Issuer, Provider, Response, SecretsManager, Server};

use crate::BINARY;
use crate::aws_requests::{STORED, URL, equipped, get, provider};

const SOURCE: &str = "secret = \"prod/cargo\"";

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn store() -> SecretsManager {
    let server = SecretsManager::start();
    server.put("prod/cargo", STORED);
    server
}

/// The operations, in order; of STS with what they ask for.
fn operations(server: &SecretsManager) -> Vec<String> {
    let operation = |request: &test_servers::Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let parameter = |name: &str| {
            let pair = body
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            test_servers::http::percent_decode(pair.unwrap_or_default())
        };
        match request.header("x-amz-target") {
            Some(target) => target.to_owned(),
            None => format!(
                "{} {} {} {} {}",
                parameter("Action"),
                parameter("RoleArn").rsplit('/').next().unwrap_or_default(),
                parameter("RoleSessionName"),
                parameter("ExternalId"),
                parameter("DurationSeconds")
            ),
        }
    };
    server.requests().iter().map(operation).collect()
}

const READ: &str = "secretsmanager.GetSecretValue";

#[test]
fn a_jobs_token_goes_straight_to_sts() {
    let (server, issuer) = (store(), Issuer::start());
    let auth = format!(
        "region = \"eu-west-1\"\nauth = {{ method = \"web-identity\", role-arn = \"{}\", identity = \"github-actions\" }}",
        role("ci")
    );
    let provider = provider(&auth, SOURCE).env("AWS_ENDPOINT_URL", server.url());
    get(&provider.in_github(&issuer));
    let audience = issuer.requests()[0].parameter("audience");
    assert_eq!(audience.as_deref(), Some("sts.amazonaws.com"));
    assert_eq!(
        operations(&server),
        [
            "AssumeRoleWithWebIdentity ci cargo-credential-bridge  900",
            READ
        ]
    );
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[test]
fn roles_are_assumed_on_top_in_order() {
    let server = store();
    let keys = server.user("ci");
    let backend = format!(
        "region = \"eu-west-1\"\nrole-arn = [\"{}\", \"{}\"]\nexternal-id = \"x-7\"\nsession-name = \"build\"",
        role("hub"),
        role("spoke")
    );
    get(&equipped(provider(&backend, SOURCE), &keys, &server.url()));
    assert_eq!(
        operations(&server),
        [
            "AssumeRole hub build x-7 900",
            "AssumeRole spoke build x-7 900",
            READ
        ]
    );
}

#[test]
fn the_first_method_whose_inputs_exist_is_taken() {
    let server = store();
    let keys = server.user("laptop");
    let backend = format!(
        "region = \"eu-west-1\"\nauth = [ {{ method = \"web-identity\", role-arn = \"{}\", identity = {{ env = \"JOB\" }} }}, {{ method = \"default\" }} ]",
        role("ci")
    );
    get(&equipped(provider(&backend, SOURCE), &keys, &server.url()));
    assert_eq!(operations(&server), [READ]);
    let issuer = Issuer::start();
    get(&equipped(provider(&backend, SOURCE), &keys, &server.url())
        .env("JOB", issuer.token("sts.amazonaws.com")));
    assert_eq!(operations(&server).len(), 3);
}

#[test]
fn who_is_refused_is_not_somebody_else() {
    let server = store();
    let (keys, issuer) = (server.user("laptop"), Issuer::start());
    let token = issuer.token("sts.amazonaws.com");
    let backend = format!(
        "region = \"eu-west-1\"\nauth = [ {{ method = \"web-identity\", role-arn = \"{}\", identity = {{ env = \"JOB\" }} }}, {{ method = \"default\" }} ]",
        role("refused")
    );
    let provider = equipped(provider(&backend, SOURCE), &keys, &server.url())
        .env("JOB", &token)
        .secret(&token);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with(&format!(
            "AWS refused the web identity login as role `{}`",
            role("refused")
        )),
        "{text}"
    );
    let host = issuer.url().replace("http://", "").replace("https://", "");
    for part in [
        "AssumeRoleWithWebIdentity answered AccessDenied (request double)".to_owned(),
        "\"Action\":\"sts:AssumeRoleWithWebIdentity\"".to_owned(),
        format!("{host}:aud\":\"sts.amazonaws.com\""),
        format!("{host}:sub\":\""),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(operations(&server).len(), 1);
}

#[test]
fn a_role_that_does_not_trust_us_is_named_with_both_policies() {
    let server = store();
    let keys = server.user("ci");
    let backend = format!(
        "region = \"eu-west-1\"\nrole-arn = [\"{}\", \"{}\"]",
        role("hub"),
        role("refused")
    );
    let text =
        error_text(&equipped(provider(&backend, SOURCE), &keys, &server.url()).get(URL, "read"));
    let hub = format!("`arn:aws:sts::{ACCOUNT}:assumed-role/hub/cargo-credential-bridge`");
    assert!(
        text.starts_with(&format!("AWS does not let {hub} assume the role")),
        "{text}"
    );
    for part in [
        format!(
            "{{\"Action\":\"sts:AssumeRole\",\"Effect\":\"Allow\",\"Resource\":\"{}\"}}",
            role("refused")
        ),
        format!("\"Principal\":{{\"AWS\":\"{}\"}}", role("hub")),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
}

#[test]
fn a_profile_that_is_named_counts_alone() {
    let server = store();
    let (keys, other) = (server.user("profile"), server.user("environment"));
    let config = format!(
        "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile corp]\nrole_arn = {}\nsource_profile = base\n[profile bare]\nregion = eu-west-1\n\
         [profile one]\nrole_arn = {r}\nsource_profile = two\n[profile two]\nrole_arn = {r}\nsource_profile = one\n",
        keys.id,
        keys.secret,
        role("ci"),
        r = role("x"),
    );
    let ask = |profile: &str| {
        let backend = format!("region = \"eu-west-1\"\nprofile = \"{profile}\"");
        equipped(provider(&backend, SOURCE), &other, &server.url()).file(".aws/config", &config)
    };
    get(&ask("base"));
    let by = server.requests()[0]
        .header("authorization")
        .unwrap()
        .to_owned();
    assert!(by.contains(&keys.id), "{by}");
    get(&ask("corp"));
    for (profile, what, words) in [
        (
            "nope",
            "no AWS identity here: the profile `nope` gives none",
            "could not find source profile nope",
        ),
        (
            "bare",
            "no AWS identity here: the profile `bare` gives none",
            "there are no keys in it",
        ),
        (
            "one",
            "the AWS configuration of this machine makes no sense",
            "profile formed an infinite loop",
        ),
    ] {
        let text = error_text(&ask(profile).get(URL, "read"));
        assert!(text.starts_with(what), "{text}");
        // In the SDK's own words, and once: each of its errors repeats the one below it.
        assert_eq!(text.matches(words).count(), 1, "{text}");
    }
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn nobody_waits_for_metadata_twice() {
    let silent = FaultServer::start(test_servers::Fault::BlackHole);
    let run = |backend: &str| {
        let text = error_text(
            &provider(backend, SOURCE)
                .env("AWS_EC2_METADATA_DISABLED", "false")
                .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.url())
                .get(URL, "read"),
        );
        assert!(text.starts_with("no AWS "), "{text}");
    };
    run("");
    run("region = \"eu-west-1\"");
    assert_eq!(silent.connections(), 2);
}

/// Neither has a code of AWS, and neither says that we are nobody.
#[test]
fn who_can_not_answer_now_has_not_refused() {
    let backend = "region = \"eu-west-1\"";
    let container = Server::start(|_| Response::text(429, "later"));
    let url = format!("{}/role", container.url());
    let of_a_container = provider(backend, SOURCE).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url);
    let sts = Server::start(|_| Response::text(503, "<html>down</html>"));
    let keys = store().user("base");
    let config = format!(
        "[default]\nrole_arn = {}\nsource_profile = base\n[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        role("ci"),
        keys.id,
        keys.secret,
    );
    let of_a_role = provider(backend, SOURCE)
        .env("AWS_ENDPOINT_URL", sts.url())
        .file(".aws/config", &config);
    for (provider, status) in [(of_a_container, 429), (of_a_role, 503)] {
        let text = error_text(&provider.get(URL, "read"));
        let what = "what gives this machine its AWS identity can't answer now\n";
        assert!(text.starts_with(what), "{text}");
        assert!(text.contains(&format!("HTTP status {status}")), "{text}");
    }
}

/// Vault's own auth method for AWS, with the same identities.
#[test]
fn vault_is_shown_a_signed_request() {
    let vault = Server::start(|request| match request.path.ends_with("/login") {
        true => Response::json(
            200,
            &json!({ "auth": { "client_token": "hvs.l0gin-s3cret" } }),
        ),
        false => Response::json(200, &json!({ "data": { "data": { "token": STORED } } })),
    });
    let aws = store();
    let keys = aws.user("ci");
    let config = format!(
        "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nauth = {{ method = \"aws\", role = \"cargo-ci\", server-id = \"vault.example.com\", region = \"eu-west-1\" }}\n\
         [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
        vault.url()
    );
    let provider = Provider::new(BINARY)
        .config(&config)
        .secret("hvs.l0gin-s3cret")
        .secret(STORED);
    get(&equipped(provider, &keys, &aws.url()));
    let login = &vault.requests()[0];
    assert_eq!(login.path, "/v1/auth/aws/login");
    let body = login.json().unwrap();
    let decoded = |key: &str| {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(body[key].as_str().unwrap())
            .unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        (&body["role"], &body["iam_http_request_method"]),
        (&json!("cargo-ci"), &json!("POST"))
    );
    assert_eq!(
        decoded("iam_request_url"),
        "https://sts.eu-west-1.amazonaws.com/"
    );
    assert_eq!(
        decoded("iam_request_body"),
        "Action=GetCallerIdentity&Version=2011-06-15"
    );
    let headers: serde_json::Value = serde_json::from_str(&decoded("iam_request_headers")).unwrap();
    assert_eq!(
        headers["X-Vault-AWS-IAM-Server-ID"],
        json!(["vault.example.com"])
    );
    let authorization = headers["authorization"][0].as_str().unwrap();
    assert!(
        authorization.contains(&format!("Credential={}/", keys.id)),
        "{authorization}"
    );
    assert!(
        authorization.contains("x-vault-aws-iam-server-id"),
        "{authorization}"
    );
}

/// Nobody waits for metadata where the job has a region.
#[test]
fn keys_for_vault_are_traded_in_the_region_of_the_job() {
    let vault = Server::start(|_| Response::empty(403));
    let silent = FaultServer::start(test_servers::Fault::BlackHole);
    let config = format!(
        "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nauth = {{ method = \"aws\", role = \"cargo-ci\" }}\n\
         [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
        vault.url()
    );
    for (variable, of_profile, expected) in [
        ("AWS_DEFAULT_REGION", "us-west-2", "eu-north-1"),
        ("UNRELATED", "us-west-2", "us-west-2"),
    ] {
        let aws = store();
        let keys = aws.user("base");
        let profiles = format!(
            "[default]\nregion = {of_profile}\nrole_arn = {}\nsource_profile = base\n[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            role("ci"),
            keys.id,
            keys.secret,
        );
        error_text(
            &Provider::new(BINARY)
                .config(&config)
                .file(".aws/config", &profiles)
                .env("AWS_ENDPOINT_URL", aws.url())
                .env("AWS_EC2_METADATA_DISABLED", "false")
                .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.url())
                .env(variable, "eu-north-1")
                .get(URL, "read"),
        );
        let by = aws.requests()[0]
            .header("authorization")
            .unwrap()
            .to_owned();
        assert!(by.contains(&format!("/{expected}/sts/")), "{by}");
    }
    assert_eq!(silent.connections(), 0);
}

/// On a laptop without AWS, what comes behind its auth method is taken.
#[test]
fn vault_goes_on_where_there_is_no_aws() {
    let vault =
        Server::start(|_| Response::json(200, &json!({ "data": { "data": { "token": STORED } } })));
    let config = format!(
        "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nauth = [ {{ method = \"aws\", region = \"eu-west-1\" }}, {{ method = \"token\" }} ]\n\
         [registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
        vault.url()
    );
    get(&Provider::new(BINARY)
        .config(&config)
        .env("VAULT_TOKEN", "hvs.own")
        .secret(STORED));
    assert_eq!(vault.requests()[0].header("x-vault-token"), Some("hvs.own"));
}
