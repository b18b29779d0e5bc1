//! What can go wrong before AWS says a word, and answers that are none: an error inside the deadline, without secrets.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use test_servers::aws::{Keys, refused};
use test_servers::provider::{error_text, get_request};
use test_servers::{
    AwsServer, Fault, FaultServer, Provider, Response, Server, random, refused_port,
};

use crate::BINARY;
use crate::team::{URL, answer, config, in_region, with_keys};

fn keys() -> Keys {
    Keys {
        id: "AKIAEXAMPLEEXAMPLE00".into(),
        secret: random::alphanumeric(40),
        token: Some(random::text(48)),
    }
}

/// The provider that asks at an address.
fn at(address: &str, keys: &Keys) -> Provider {
    let provider = Provider::new(BINARY)
        .config(&config(&in_region(), "secret = \"cargo\""))
        .env("AWS_ENDPOINT_URL", address);
    with_keys(provider, keys)
}

fn said(provider: &Provider) -> String {
    error_text(&provider.get(URL, "read"))
}

/// A double with one secret.
fn aws() -> (AwsServer, Keys) {
    let aws = AwsServer::start();
    aws.put("cargo", "late-but-well-t0ken");
    let keys = aws.session("arn:aws:sts::123456789012:assumed-role/ci/x");
    (aws, keys)
}

#[test]
fn no_region() {
    let (aws, keys) = aws();
    let provider = with_keys(
        Provider::new(BINARY)
            .config(&config("", "secret = \"cargo\""))
            .env("AWS_ENDPOINT_URL", aws.url()),
        &keys,
    );
    let text = said(&provider);
    assert!(text.starts_with("no AWS region here: "), "{text}");
    assert!(
        text.ends_with("help: set `region` on the backend"),
        "{text}"
    );
    let text = said(&provider.env("AWS_REGION", "nowhere"));
    assert!(text.contains("`nowhere` is not a region"), "{text}");
    assert_eq!(aws.connections(), 0);
}

#[test]
fn no_identity() {
    let (aws, _) = aws();
    let provider = Provider::new(BINARY)
        .config(&config(&in_region(), "secret = \"cargo\""))
        .env("AWS_ENDPOINT_URL", aws.url());
    let text = said(&provider);
    assert!(text.starts_with("no AWS identity here: "), "{text}");
    assert!(text.contains("method = \"web-identity\""), "{text}");
    // Half a key is none.
    let text = said(&provider.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00"));
    assert!(text.contains("AWS"), "{text}");
    assert_eq!(aws.connections(), 0);
}

#[test]
fn an_endpoint_that_refuses() {
    let port = refused_port();
    let text = said(&at(&port.url(), &keys()));
    assert!(
        text.starts_with(&format!("can't reach `{}`\n", port.url())),
        "{text}"
    );
}

#[test]
fn an_endpoint_that_is_no_url_or_plain_http() {
    for (address, words) in [
        ("not a url", "not a url"),
        ("http://aws.example.com", "plain HTTP"),
    ] {
        let text = said(&at(address, &keys()));
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn no_answer_before_the_deadline() {
    let hole = FaultServer::start(Fault::BlackHole);
    let hang = Server::start(|_| Response::hang());
    for address in [hole.url(), hole.https_url(), hang.url()] {
        let text = said(&at(&address, &keys()).within("500ms"));
        assert!(text.contains("within 500ms"), "{text}");
    }
}

#[test]
fn an_answer_that_drips() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _request = stream.read(&mut [0; 4096]).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{\"SecretString\":\"dripping-s3cret")
            .unwrap();
        // Bytes come as long as somebody takes them, and never all of them.
        let mut drop_by_drop = [0_u8; 1];
        stream
            .set_read_timeout(Some(std::time::Duration::from_millis(20)))
            .unwrap();
        loop {
            match stream.read(&mut drop_by_drop) {
                Ok(0) => break,
                _ if stream.write_all(b"x").is_err() => break,
                _ => {}
            }
        }
    });
    let text = said(
        &at(&address, &keys())
            .within("500ms")
            .secret("dripping-s3cret"),
    );
    assert!(text.contains("within 500ms"), "{text}");
    server.join().unwrap();
}

#[test]
fn connections_that_break() {
    for fault in [
        Fault::Close,
        Fault::Reset,
        Fault::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
    ] {
        let server = FaultServer::start(fault.clone());
        let text = said(&at(&server.url(), &keys()));
        assert!(text.contains(&server.url()), "{fault:?}: {text}");
    }
    let body = br#"{"SecretString":"cut-off-s3cret"#;
    let mut response = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n".to_vec();
    response.extend_from_slice(body);
    let bytes = response.len();
    let server = FaultServer::start(Fault::CutAfter { response, bytes });
    let text = said(&at(&server.url(), &keys()).secret("cut-off-s3cret"));
    assert!(text.contains("gave no whole answer"), "{text}");
}

#[test]
fn failures_that_pass() {
    for (status, code) in [
        (400, "ThrottlingException"),
        (429, "TooManyRequestsException"),
        (500, "InternalServiceError"),
        (503, "ServiceUnavailable"),
    ] {
        let (aws, keys) = aws();
        let failures = AtomicUsize::new(0);
        aws.intercept(move |_| {
            (failures.fetch_add(1, Ordering::SeqCst) < 2).then(|| refused(status, code, "later"))
        });
        let given = at(&aws.url(), &keys).get(URL, "read");
        assert_eq!(given, answer("late-but-well-t0ken"), "{code}");
        assert_eq!(aws.operations().len(), 3);
    }
}

#[test]
fn failures_that_do_not() {
    for (status, code, tries) in [
        (400, "ThrottlingException", 3),
        (500, "InternalServiceError", 3),
        (503, "ServiceUnavailable", 3),
        (400, "InvalidParameterException", 1),
        (400, "DecryptionFailure", 1),
    ] {
        let (aws, keys) = aws();
        aws.intercept(move |request| {
            (test_servers::aws::operation(request) == "GetSecretValue")
                .then(|| refused(status, code, "the reason of AWS"))
        });
        let text = said(&at(&aws.url(), &keys));
        assert!(
            text.contains(&format!("GetSecretValue answered {code}")),
            "{text}"
        );
        assert!(text.contains("the reason of AWS"), "{text}");
        let asked = aws.operations();
        let reads = asked
            .iter()
            .filter(|name| *name == "GetSecretValue")
            .count();
        assert_eq!(reads, tries, "{code}");
    }
    // As many as the variable of AWS's other tools says.
    let (aws, keys) = aws();
    aws.intercept(|_| Some(refused(503, "ServiceUnavailable", "later")));
    let _text = said(&at(&aws.url(), &keys).env("AWS_MAX_ATTEMPTS", "1"));
    assert_eq!(aws.operations().len(), 1);
    let text = said(&at(&aws.url(), &keys).env("AWS_MAX_ATTEMPTS", "many"));
    assert!(text.contains("AWS_MAX_ATTEMPTS"), "{text}");
}

#[test]
fn answers_that_are_not_of_aws() {
    let html = "<html><h1>Sign in to the guest network</h1></html>";
    let shown = random::alphanumeric(24);
    let bodies = [
        Response::text(200, html),
        Response::text(200, ""),
        Response::json(200, &json!({})),
        Response::json(200, &json!({ "SecretString": null })),
        Response::json(200, &json!({ "SecretString": { "token": shown } })),
        Response::json(200, &json!({ "SecretBinary": "no base64 §" })),
        Response::text(403, html),
        Response::text(502, html),
        Response::empty(302).header("location", "https://elsewhere.example.com/"),
        Response::text(200, &format!("{{\"SecretString\":\"{shown}\"")),
    ];
    for body in bodies {
        let server = {
            let body = body.clone();
            Server::start(move |_| body.clone())
        };
        let text = said(&at(&server.url(), &keys()).secret(&shown));
        assert!(!text.is_empty(), "{body:?}");
        assert!(text.contains("GetSecretValue"), "{body:?}: {text}");
    }
}

/// What gives keys may fail to, and what it said then is as secret as they are.
#[test]
fn keys_of_a_role_in_an_answer_that_makes_no_sense() {
    let shown = random::alphanumeric(40);
    let cut = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>\
         <SecretAccessKey>{shown}</SecretAccessKey><SessionToken>{shown}</SessionToken>\
         <Expiration>never</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    let server = Server::start(move |_| Response::text(200, &cut));
    let settings = format!(
        "{}\nrole-arn = \"arn:aws:iam::123456789012:role/ci\"",
        in_region()
    );
    let provider = at(&server.url(), &keys())
        .config(&config(&settings, "secret = \"cargo\""))
        .secret(&shown);
    let text = said(&provider);
    assert!(text.contains("AssumeRole"), "{text}");

    let settings = format!(
        "{}\nauth = {{ method = \"web-identity\", role-arn = \"arn:aws:iam::123456789012:role/ci\", identity = {{ env = \"ID\" }} }}",
        in_region()
    );
    let token = test_servers::Issuer::start().token("sts.amazonaws.com");
    let provider = at(&server.url(), &keys())
        .config(&config(&settings, "secret = \"cargo\""))
        .env("ID", &token)
        .secret(&token)
        .secret(&shown);
    let text = said(&provider);
    assert!(text.contains("AssumeRoleWithWebIdentity"), "{text}");
}

#[test]
fn keys_of_a_container_in_an_answer_that_makes_no_sense() {
    let shown = random::alphanumeric(40);
    for body in [
        json!({ "AccessKeyId": "ASIA", "SecretAccessKey": shown, "Token": shown, "Expiration": "never" }).to_string(),
        format!("{{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"{shown}\""),
    ] {
        let container = Server::start(move |_| Response::text(200, &body));
        let provider = Provider::new(BINARY)
            .config(&config(&in_region(), "secret = \"cargo\""))
            .env(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                format!("{}/v1/credentials", container.url()),
            )
            .secret(&shown);
        let text = said(&provider);
        assert!(text.contains("AWS identity"), "{text}");
    }
}

/// AWS repeats the request when it refuses the signature, the session's token included.
#[test]
fn a_server_that_repeats_what_it_was_sent() {
    let server = Server::start(|request| {
        let shown = request.header("x-amz-security-token").unwrap_or_default();
        refused(403, "AccessDeniedException", &format!("sent: {shown}"))
    });
    let keys = keys();
    let run = at(&server.url(), &keys).run(get_request(URL, "read").as_bytes());
    let text = error_text(&run.answer());
    assert!(text.contains("sent: [redacted]"), "{text}");
}

#[test]
fn a_file_of_authorities_that_is_not_there_or_holds_none() {
    let (aws, keys) = aws();
    let provider = at(&aws.url(), &keys).env("AWS_CA_BUNDLE", "/nowhere/ca.pem");
    let text = said(&provider);
    assert!(
        text.contains("/nowhere/ca.pem") && text.contains("AWS_CA_BUNDLE"),
        "{text}"
    );
    assert_eq!(aws.connections(), 0);
}
