//! Cases P1 to P24 of the protocol, by their bytes. No Cargo, no server: the stores are files and variables.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::provider::{error_text, get_request};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";

const CONFIG: &str = r#"
[backends.job]
type = "env"
[backends.mounted]
type = "file"

[registries."sparse+https://crates.example.com/index/"]
sources = [ { backend = "job", var = "READ_TOKEN" } ]
publish = [ { backend = "job", var = "PUBLISH_TOKEN" } ]
yank = [ { backend = "mounted", path = "yank-token" } ]

[registries."sparse+https://one.example.com/index/"]
sources = [ { backend = "job", var = "READ_TOKEN" } ]

[registries."sparse+https://missing.example.com/index/"]
sources = [ { backend = "job", var = "NO_SUCH_TOKEN" } ]
"#;

fn provider() -> Provider {
    Provider::new(BINARY)
        .config(CONFIG)
        .env("READ_TOKEN", "r3ad-s3cret")
        .env("PUBLISH_TOKEN", "pub1ish-s3cret")
        .file(".cargo/yank-token", "y4nk-s3cret\r\n")
        .secret("r3ad-s3cret")
        .secret("pub1ish-s3cret")
        .secret("y4nk-s3cret")
}

/// The bytes of standard output for `input`.
fn exchange(input: &str) -> String {
    let run = provider().run(input.as_bytes());
    assert_eq!(run.code, Some(0), "{run:?}");
    run.stdout
}

const READ: &str = "{\"v\":[1]}\n{\"Ok\":{\"kind\":\"get\",\"token\":\"r3ad-s3cret\",\"cache\":\"session\",\"operation_independent\":false}}\n";

#[test]
fn p1_nothing_but_the_end_of_input() {
    assert_eq!(exchange(""), "{\"v\":[1]}\n");
}

#[test]
fn p2_p3_a_read_with_and_without_args_and_name() {
    let with = r#"{"v":1,"registry":{"index-url":"sparse+https://crates.example.com/index/","name":"corp"},"kind":"get","operation":"read","args":[]}"#;
    let without = r#"{"v":1,"registry":{"index-url":"sparse+https://crates.example.com/index/"},"kind":"get","operation":"read"}"#;
    assert_eq!(exchange(&format!("{with}\n")), READ);
    assert_eq!(exchange(&format!("{without}\n")), READ);
    // The last line may lack its end.
    assert_eq!(exchange(without), READ);
}

#[test]
fn p4_a_registry_that_is_not_ours() {
    let request = get_request("sparse+https://other.example.com/index/", "read");
    let run = provider().run(request.as_bytes());
    assert_eq!(
        run.stdout,
        "{\"v\":[1]}\n{\"Err\":{\"kind\":\"url-not-supported\"}}\n"
    );
    assert_eq!(
        run.stderr, "",
        "somebody else's registry is not worth a word"
    );
}

#[test]
fn p4_another_registry_of_the_same_host_is_told_of() {
    let run = provider()
        .run(get_request("sparse+https://crates.example.com/indexes/", "read").as_bytes());
    assert_eq!(
        run.stdout,
        "{\"v\":[1]}\n{\"Err\":{\"kind\":\"url-not-supported\"}}\n"
    );
    assert_eq!(
        run.stderr,
        "cargo-credential-bridge: no entry for `sparse+https://crates.example.com/indexes/`; the nearest is `sparse+https://crates.example.com/index/`\n"
    );
}

#[test]
fn p5_a_secret_that_is_not_there() {
    let run =
        provider().run(get_request("sparse+https://missing.example.com/index/", "read").as_bytes());
    assert_eq!(
        run.stdout,
        "{\"v\":[1]}\n{\"Err\":{\"kind\":\"not-found\"}}\n"
    );
    assert_eq!(
        run.stderr,
        "cargo-credential-bridge: no read token for `sparse+https://missing.example.com/index/`: the environment variable `NO_SUCH_TOKEN` is not set, or is empty\n"
    );
}

#[test]
fn p6_p15_login_and_logout_where_nothing_can_be_written() {
    for (action, token) in [("login", Some(r#"t0ken\"with\\escapes"#)), ("logout", None)] {
        let token = token
            .map(|token| format!(",\"token\":\"{token}\""))
            .unwrap_or_default();
        let request = format!(
            "{{\"v\":1,\"registry\":{{\"index-url\":\"{URL}\"}},\"kind\":\"{action}\"{token},\"login-url\":\"https://x/me\"}}\n"
        );
        let run = provider()
            .secret(r#"t0ken"with\escapes"#)
            .run(request.as_bytes());
        let text = error_text(&run.answer());
        assert!(
            text.contains(&format!("`cargo {action}` can't change the token")),
            "{text}"
        );
        assert!(
            text.contains("the environment variable `READ_TOKEN` of `job`"),
            "{text}"
        );
        assert!(
            text.contains("the environment variable `PUBLISH_TOKEN` of `job`"),
            "{text}"
        );
    }
}

#[test]
fn p7_several_requests_in_one_process() {
    let input = get_request(URL, "read")
        + &get_request(URL, "publish")
        + "nonsense\n"
        + &get_request(URL, "read");
    let answers = provider().run(input.as_bytes()).answers();
    let tokens: Vec<_> = answers
        .iter()
        .map(|answer| answer["Ok"]["token"].as_str())
        .collect();
    assert_eq!(
        tokens,
        [
            Some("r3ad-s3cret"),
            Some("pub1ish-s3cret"),
            None,
            Some("r3ad-s3cret")
        ]
    );
}

#[test]
fn p8_p13_unknown_fields_at_every_level() {
    let request = format!(
        "{{\"v\":1,\"extra-1\":true,\"registry\":{{\"index-url\":\"{URL}\",\"extra-2\":{{}}}},\"kind\":\"get\",\"operation\":\"read\",\"extra-3\":[1]}}\n"
    );
    assert_eq!(exchange(&request), READ);
}

#[test]
fn p9_p10_unknown_kinds_and_operations_never_get_a_token() {
    let not_supported = "{\"v\":[1]}\n{\"Err\":{\"kind\":\"operation-not-supported\"}}\n";
    let request =
        |rest: &str| format!("{{\"v\":1,\"registry\":{{\"index-url\":\"{URL}\"}},{rest}}}\n");
    for rest in [
        r#""kind":"unexpected-1""#,
        r#""kind":"get","operation":"teleport""#,
        r#""kind":"get""#,
        r#""operation":"read""#,
    ] {
        assert_eq!(exchange(&request(rest)), not_supported, "{rest}");
    }
}

#[test]
fn p11_another_version_of_the_protocol() {
    let expected = "{\"v\":[1]}\n{\"Err\":{\"kind\":\"other\",\"message\":\"unsupported protocol version 999\"}}\n";
    assert_eq!(exchange("{\"v\":999,\"whatever\":1}\n"), expected);
}

#[test]
fn p12_what_can_not_be_read_is_not_repeated() {
    for line in [
        "",
        "1ine-s3cret",
        "{\"v\":1,\"registry\":{\"index-url\":\"1ine-s3cret",
        "{\"v\":\"1ine-s3cret\"}",
        "{\"v\":1,\"registry\":\"1ine-s3cret\",\"kind\":\"login\",\"token\":\"1ine-s3cret\"}",
        "{\"v\":1,\"kind\":\"login\",\"token\":\"1ine-s3cret\"}",
        "[\"1ine-s3cret\"]",
        "{\"v\":1,\"registry\":{},\"kind\":\"get\",\"token\":\"1ine-s3cret\"}",
    ] {
        let run = provider()
            .secret("1ine-s3cret")
            .run(format!("{line}\n").as_bytes());
        error_text(&run.answer());
    }
    let run = provider().run(b"{\"v\":1,\"registry\":{\"index-url\":\"\xff\xfe\"}}\n");
    error_text(&run.answer());
}

#[test]
fn p14_arguments_with_escapes() {
    let request = format!(
        "{{\"v\":1,\"registry\":{{\"index-url\":\"{URL}\"}},\"kind\":\"get\",\"operation\":\"read\",\"args\":[\"C:\\\\x\",\"a \\\"b\\\"\",\"é\",\"\\u00e9\",\"\"]}}\n"
    );
    assert_eq!(exchange(&request), READ);
}

#[test]
fn p14_arguments_select_nothing() {
    // A repository can write them into `.cargo/config.toml`.
    let request = format!(
        "{{\"v\":1,\"registry\":{{\"index-url\":\"sparse+https://evil.example.com/\",\"name\":\"corp\"}},\"kind\":\"get\",\"operation\":\"read\",\"args\":[\"--registry\",\"{URL}\",\"--config\",\"/tmp/x\"]}}\n"
    );
    assert_eq!(
        exchange(&request),
        "{\"v\":[1]}\n{\"Err\":{\"kind\":\"url-not-supported\"}}\n"
    );
}

#[test]
fn p16_each_operation_gets_its_own_secret() {
    let answer = |operation: &str| provider().get(URL, operation);
    let token = |token: &str, cache: &str| json!({"Ok":{"kind":"get","token":token,"cache":cache,"operation_independent":false}});
    assert_eq!(answer("read"), token("r3ad-s3cret", "session"));
    // A token of its own must not end up in the slot that Cargo reads with.
    assert_eq!(answer("publish"), token("pub1ish-s3cret", "never"));
    assert_eq!(answer("yank"), token("y4nk-s3cret", "never"));
    assert_eq!(answer("unyank"), token("r3ad-s3cret", "session"));
    assert_eq!(answer("owners"), token("r3ad-s3cret", "session"));
}

#[test]
fn p16_one_chain_for_all_operations_is_asked_once() {
    let answer = provider().get("sparse+https://one.example.com/index/", "read");
    assert_eq!(answer["Ok"]["operation_independent"], true);
    assert_eq!(answer["Ok"]["cache"], "session");
}

#[test]
fn p17_headers_of_the_registry_in_any_case() {
    for name in ["WWW-Authenticate", "www-authenticate"] {
        let request = format!(
            "{{\"v\":1,\"registry\":{{\"index-url\":\"{URL}\",\"headers\":[\"{name}: Cargo login_url=\\\"https://x/me\\\"\",\"\"]}},\"kind\":\"get\",\"operation\":\"read\"}}\n"
        );
        assert_eq!(exchange(&request), READ);
    }
}

#[test]
fn p19_a_line_of_a_mebibyte_and_no_line_at_all() {
    let long = format!(
        "{{\"v\":1,\"pad\":\"{}\"}}\n",
        "1ine-s3cret".repeat(1 << 17)
    );
    let run = provider().secret("1ine-s3cret").run(long.as_bytes());
    assert_eq!(
        run.answer(),
        json!({"Err":{"kind":"other","message":"can't read the request","caused-by":["it is longer than 256 KiB"]}})
    );
    // The same without an end.
    let run = provider().run(long.trim_end().as_bytes());
    assert!(error_text(&run.answer()).contains("longer than 256 KiB"));
}

#[test]
fn p19_input_that_comes_slowly() {
    let provider = provider();
    let mut child = provider.command().spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for byte in get_request(URL, "read").as_bytes() {
        stdin.write_all(&[*byte]).unwrap();
        stdin.flush().unwrap();
    }
    drop(stdin);
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    assert_eq!(stdout, READ);
    assert!(child.wait().unwrap().success());
}

#[test]
fn p20_what_is_a_token_and_what_is_not() {
    let get = |secret: &str| {
        Provider::new(BINARY)
            .config(CONFIG)
            .file(".cargo/yank-token", secret)
            .get(URL, "yank")
    };
    for (secret, token) in [
        ("tok\n", "tok"),
        ("tok\r\n", "tok"),
        ("tok\n\n", "tok"),
        (" tok", " tok"),
        ("tok\tok ", "tok\tok "),
    ] {
        assert_eq!(get(secret)["Ok"]["token"], token, "{secret:?}");
    }
    assert_eq!(get(""), json!({"Err":{"kind":"not-found"}}));
    for (secret, why) in [
        ("\n", "is empty"),
        (
            "t0k-s3cret\nX-Evil: 1",
            "has control characters in it, such as a line break",
        ),
        (
            "t0k-s3cret\rx",
            "has control characters in it, such as a line break",
        ),
        (
            "t0k-s3cret\0",
            "has control characters in it, such as a line break",
        ),
        (
            "t0k-s3cret\u{e9}",
            "has characters in it that are not ASCII",
        ),
    ] {
        let text = error_text(&get(secret));
        assert_eq!(
            text.lines().next(),
            Some(format!("the token in the file `yank-token` of `mounted` {why}").as_str()),
            "{secret:?}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn p18_p21_one_line_on_standard_output_and_messages_beside_it() {
    let run = provider().run(get_request(URL, "read").as_bytes());
    assert_eq!(run.stdout, READ);
    assert!(run.stdout.len() < 64 << 10);
}

/// A JWT is the one token that says itself when it ends.
fn jwt(expiration: i64) -> String {
    use base64::Engine as _;
    let encode =
        |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.c2ln",
        encode(json!({"alg":"RS256"})),
        encode(json!({"exp":expiration}))
    )
}

fn with_jwt(expiration: i64) -> Value {
    let token = jwt(expiration);
    Provider::new(BINARY)
        .config(CONFIG)
        .env("READ_TOKEN", token)
        .get("sparse+https://one.example.com/index/", "read")
}

#[test]
fn p22_the_end_of_a_token_is_told_in_unix_seconds() {
    let end = test_servers::clock::unix_now() + 3600;
    assert_eq!(
        with_jwt(end),
        json!({"Ok":{"kind":"get","token":jwt(end),"cache":"expires","expiration":end,"operation_independent":true}})
    );
}

#[test]
fn p22_a_token_that_has_ended_or_is_about_to_is_not_given() {
    let now = test_servers::clock::unix_now();
    for end in [1_000_000_000, now - 1, now + 30] {
        let text = error_text(&with_jwt(end));
        assert!(
            text.starts_with("the token in the environment variable `READ_TOKEN` of `job` expire"),
            "{text}"
        );
        assert!(text.contains("help: store a fresh one"), "{text}");
    }
}

#[test]
fn p23_the_hello_comes_before_anything_is_read() {
    let provider = provider();
    let mut child = provider.command().spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut hello = String::new();
    // Nothing was written yet: this would wait for ever if the provider read first.
    stdout.read_line(&mut hello).unwrap();
    assert_eq!(hello, "{\"v\":[1]}\n");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_registry_that_only_publishes_is_not_asked_for_a_token_to_read() {
    let config = r#"
        [backends.job]
        type = "env"
        [registries."https://github.com/rust-lang/crates.io-index"]
        publish = [ { backend = "job", var = "PUBLISH_TOKEN" } ]
    "#;
    let url = "https://github.com/rust-lang/crates.io-index";
    let provider = Provider::new(BINARY)
        .config(config)
        .env("PUBLISH_TOKEN", "pub1ish-s3cret");
    // Cargo asks before it builds the package, does not send what it gets, and publishes nothing without.
    let answer = provider.get(url, "read");
    assert_eq!(answer["Ok"]["cache"], "never");
    assert_eq!(answer["Ok"]["token"], "no-token-for-reads-is-configured");
    assert_eq!(
        provider.get(url, "publish")["Ok"]["token"],
        "pub1ish-s3cret"
    );
    assert_eq!(
        provider.get(url, "yank"),
        json!({"Err":{"kind":"not-found"}})
    );
    // But a registry that has just refused an anonymous read would get the placeholder for a token.
    let challenged = format!(
        "{{\"v\":1,\"registry\":{{\"index-url\":\"{url}\",\"headers\":[\"WWW-Authenticate: Cargo\"]}},\"kind\":\"get\",\"operation\":\"read\"}}\n"
    );
    let run = provider.run(challenged.as_bytes());
    assert_eq!(run.answer(), json!({"Err":{"kind":"not-found"}}));
    assert!(
        run.stderr.contains("neither `sources` nor `read`"),
        "{}",
        run.stderr
    );
}

#[test]
fn no_config_at_all() {
    let provider = Provider::new(BINARY);
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer(), json!({"Err":{"kind":"url-not-supported"}}));
    let expected = format!(
        "`{}`",
        provider
            .home()
            .join(".cargo/credential-bridge.toml")
            .display()
    );
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}
