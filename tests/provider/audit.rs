//! The audit line: what it says of each answer, where it goes, and what happens where it can't be written.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use test_servers::leaks;
use test_servers::provider::{error_text, get_request};
use test_servers::{GoogleServer, Issuer, Provider, SecretsManager, VaultServer};

use crate::{BINARY, aws_requests, gcp_requests};

const URL: &str = "sparse+https://crates.example.com/index/";
const STORED: &str = "st0red-s3cret-token";
const TO_FILE: &str = "[audit]\nfile = \"audit.jsonl\"\n";

/// The provider with a variable as the token, and these lines at the top of its config.
fn provider(audit: &str) -> Provider {
    Provider::new(BINARY)
        .config(&format!(
            "{audit}[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\n\
             sources = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n"
        ))
        .env("TOKEN", STORED)
        .secret(STORED)
}

/// With these lines before its config.
fn audited(provider: Provider) -> Provider {
    let path = provider.home().join(".cargo/credential-bridge.toml");
    let config = fs::read_to_string(path).expect("the config was written");
    provider.config(&format!("{TO_FILE}{config}"))
}

/// The lines of the file, each valid by the schema; no secret is in them.
fn lines(provider: &Provider, secrets: &[&str]) -> Vec<Value> {
    let text =
        fs::read(provider.home().join(".cargo/audit.jsonl")).expect("there is an audit file");
    leaks::assert_absent(secrets, &[("the audit file", &text)]);
    let schema: Value =
        serde_json::from_str(&page("audit.schema.json")).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let text = String::from_utf8(text).expect("the file is UTF-8");
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| {
            assert!(line.len() < 4096);
            let line: Value = serde_json::from_str(line).expect("each line is JSON");
            let faults: Vec<_> = validator
                .iter_errors(&line)
                .map(|error| error.to_string())
                .collect();
            assert!(faults.is_empty(), "{line}: {faults:?}");
            line
        })
        .collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs")
            .join(name),
    )
    .expect("the page is there")
}

/// The fields of an object that these are equal to.
fn assert_has(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("fields are an object") {
        assert_eq!(&line[name], value, "{name} of {line}");
    }
}

#[test]
fn a_line_for_each_answer_whatever_it_is() {
    let provider = provider(TO_FILE);
    let input = [
        get_request(URL, "read"),
        get_request(URL, "publish"),
        get_request("sparse+https://other.example.com/a?key=v4lue-s3cret", "read"),
        get_request("sparse+https://user@other.example.com/", "read"),
        "{\"v\":1,\"registry\":{\"index-url\":\"sparse+https://crates.example.com/index/\"},\"kind\":\"get\",\"operation\":\"new\"}\n".to_owned(),
    ];
    let run = provider.run(input.concat().as_bytes());
    assert_eq!(run.answers().len(), 5);
    assert_eq!(provider.tool(&["get", URL]).stdout, format!("{STORED}\n"));
    let lines = lines(&provider, &[STORED, "v4lue-s3cret"]);
    let program = concat!("cargo-credential-bridge ", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines.len(), 5);
    assert_has(
        &lines[0],
        &json!({
            "registry": URL, "operation": "read", "crate": null, "version": null, "checksum": null,
            "outcome": "token", "kind": null, "reason": null, "source": "the environment variable `TOKEN` of `job`",
            "secret-version": null, "store-identity": null, "claims": null, "job": null, "program": program,
        }),
    );
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_has(
        &lines[1],
        &json!({
            "operation": "publish", "outcome": "token", "version": "0.1.0", "checksum": "ab".repeat(32),
        }),
    );
    assert_has(
        &lines[2],
        &json!({
            "registry": "sparse+https://other.example.com/a/", "outcome": "url-not-supported", "source": null,
        }),
    );
    assert_has(
        &lines[3],
        &json!({ "registry": "sparse+https://other.example.com/" }),
    );
    assert_has(
        &lines[4],
        &json!({ "operation": "read", "outcome": "token" }),
    );
}

#[test]
fn refusals_have_their_reason() {
    let provider = provider(TO_FILE).env("TOKEN", "");
    provider.get(URL, "read");
    let provider = provider.env("TOKEN", "st0red-s3cret-token\u{7f}");
    provider.get(URL, "read");
    let lines = lines(&provider, &[STORED]);
    assert_has(
        &lines[0],
        &json!({ "outcome": "not-found", "kind": null, "source": null }),
    );
    assert_has(&lines[1], &json!({ "outcome": "error", "kind": "invalid" }));
    let reason = lines[1]["reason"].as_str().unwrap();
    assert!(reason.contains("control characters"), "{reason}");
}

#[test]
fn a_guard_and_the_job_that_it_looked_at() {
    let issuer = Issuer::start();
    let guarded = |claim: &str| {
        let provider = provider(TO_FILE);
        let path = provider.home().join(".cargo/credential-bridge.toml");
        let config = fs::read_to_string(path).unwrap();
        provider
            .config(&format!(
                "{config}guard = {{ claims = {{ ref = \"{claim}\" }} }}\n"
            ))
            .in_github(&issuer)
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_REPOSITORY", "acme/app")
            .env("GITHUB_RUN_ID", "7")
    };
    for (claim, expected) in [
        ("refs/heads/*", json!({ "outcome": "token", "kind": null })),
        (
            "refs/tags/*",
            json!({ "outcome": "error", "kind": "permission-denied", "source": null }),
        ),
    ] {
        let provider = guarded(claim);
        provider.get(URL, "publish");
        let [line] = &lines(&provider, &[STORED, issuer.request_token()])[..] else {
            panic!("one line");
        };
        assert_has(line, &expected);
        assert_has(
            line,
            &json!({
                "claims": { "iss": issuer.url(), "sub": "repo:acme/app:ref:refs/heads/main", "ref": "refs/heads/main" },
                "job": "https://github.com/acme/app/actions/runs/7",
            }),
        );
    }
}

#[test]
fn the_versions_of_the_stores_and_who_read_them() {
    let vault = VaultServer::start();
    vault.put("ci/cargo", json!({ "token": "0ld-s3cret-token" }));
    vault.put("ci/cargo", json!({ "token": STORED }));
    let provider = Provider::new(BINARY)
        .config(&format!(
            "{TO_FILE}[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\n[registries.\"{URL}\"]\n\
             sources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            vault.url()
        ))
        .env("VAULT_TOKEN", vault.root_token())
        .secret(vault.root_token());
    assert_eq!(provider.get(URL, "read")["Ok"]["token"], STORED);
    assert_has(
        &lines(&provider, &[STORED, vault.root_token()])[0],
        &json!({
            "source": "the path `ci/cargo` of `corp`", "secret-version": "2", "store-identity": "the token of this machine",
        }),
    );

    let aws = SecretsManager::start();
    let keys = aws.user("ci");
    aws.put("prod/cargo", STORED);
    let provider = aws_requests::provider("region = \"eu-west-1\"", "secret = \"prod/cargo\"");
    let provider = audited(aws_requests::equipped(provider, &keys, &aws.url()));
    aws_requests::get(&provider);
    let line = &lines(&provider, &[STORED, &keys.secret])[0];
    assert_has(
        line,
        &json!({ "source": "the secret `prod/cargo` of `store`" }),
    );
    let version = line["secret-version"].as_str().unwrap();
    assert!(version.ends_with(" (AWSCURRENT)"), "{version}");

    let google = GoogleServer::start();
    let member = format!("serviceAccount:{}", gcp_requests::ACCOUNT);
    google.put(gcp_requests::PROJECT, "cargo", STORED.as_bytes());
    google.allow(&member, "projects/acme");
    let key = google
        .service_account_key(gcp_requests::ACCOUNT)
        .to_string();
    let provider = gcp_requests::provider(&gcp_requests::at(&google), "secret = \"cargo\"");
    let provider = audited(gcp_requests::with_file(provider, &key));
    gcp_requests::get(&provider);
    assert_has(
        &lines(&provider, &[STORED])[0],
        &json!({ "secret-version": "1", "store-identity": member }),
    );
}

#[test]
fn processes_that_write_at_the_same_time_keep_their_lines() {
    let provider = provider(TO_FILE);
    let input = get_request(URL, "read").repeat(20);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(provider.run(input.as_bytes()).answers().len(), 20));
        }
    });
    assert_eq!(lines(&provider, &[STORED]).len(), 400);
}

#[test]
fn long_values_are_cut_so_that_a_line_stays_in_one_piece() {
    let provider = provider(TO_FILE);
    let mut request: Value = serde_json::from_str(&get_request(URL, "publish")).unwrap();
    request["name"] = json!("\u{1}".repeat(9000));
    request["vers"] = json!("\u{2}".repeat(9000));
    request["cksum"] = json!("é".repeat(9000));
    let run = provider.run(format!("{request}\n").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], STORED);
    let line = &lines(&provider, &[STORED])[0];
    assert_eq!(line["crate"].as_str().unwrap(), "\u{1}".repeat(50) + "…");
    assert_eq!(line["checksum"].as_str().unwrap(), "é".repeat(150) + "…");
}

/// What can't be written: the config of it, and what is said.
fn broken() -> [(&'static str, &'static str); 2] {
    [
        ("file = \"none/audit.jsonl\"", "No such file or directory"),
        ("file = \".\"", "directory"),
    ]
}

#[test]
fn a_line_that_cant_be_written_is_a_note_or_the_end() {
    for (key, why) in broken() {
        let run = provider(&format!("[audit]\n{key}\n")).run(get_request(URL, "read").as_bytes());
        assert_eq!(run.answer()["Ok"]["token"], STORED);
        assert!(
            run.stderr
                .contains("the audit line can't be written: the file")
                && run.stderr.contains(why),
            "{}",
            run.stderr
        );
        let provider = provider(&format!("[audit]\n{key}\nrequired = true\n"));
        let run = provider.run(get_request(URL, "read").as_bytes());
        let text = error_text(&run.answer());
        assert!(
            text.starts_with(
                "the audit line can't be written, and there is no token without it\nthe file"
            ) && text.contains(why)
                && text.contains("help: make the place writable"),
            "{text}"
        );
        let run = provider.tool(&["get", URL]);
        assert_eq!((run.stdout.as_str(), run.code), ("", Some(1)));
        // What is no token is given all the same.
        let other = provider.get("sparse+https://other.example.com/", "read");
        assert_eq!(other["Err"]["kind"], "url-not-supported");
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_and_no_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let provider = provider(TO_FILE);
    let path = provider.home().join(".cargo/audit.jsonl");
    provider.get(URL, "read");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let elsewhere = provider.home().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert!(
        run.stderr.contains("it is a link, which is not followed"),
        "{}",
        run.stderr
    );
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], STORED);
    assert!(
        run.stderr.contains("the audit line can't be written"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read_to_string(&elsewhere).unwrap().lines().count(), 1);
}

#[cfg(unix)]
#[test]
fn the_systems_log() {
    use std::os::unix::net::UnixDatagram;

    let provider = provider("[audit]\nsyslog = \"log\"\n");
    let socket = UnixDatagram::bind(provider.home().join(".cargo/log")).unwrap();
    provider.get(URL, "read");
    let mut buffer = [0; 8192];
    let length = socket.recv(&mut buffer).unwrap();
    let text = str::from_utf8(&buffer[..length]).unwrap();
    leaks::assert_absent(&[STORED], &[("the system's log", text.as_bytes())]);
    let rest = text.strip_prefix("<85>cargo-credential-bridge[").unwrap();
    let (_, line) = rest.split_once("]: ").unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_has(&line, &json!({ "registry": URL, "outcome": "token" }));
    drop(socket);
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert!(
        run.stderr
            .contains("the audit line can't be written: the system's log at `log`"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_summary_of_a_github_job_and_nothing_elsewhere() {
    let provider = provider("[audit]\njob-summary = true\n");
    let path = provider.home().join("summary.md");
    let provider = provider.env("GITHUB_STEP_SUMMARY", &path);
    assert_eq!(provider.run(get_request(URL, "read").as_bytes()).stderr, "");
    assert!(!path.exists());
    let provider = provider.env("GITHUB_ACTIONS", "true");
    fs::write(&path, "# Built\n").unwrap();
    provider.get(URL, "read");
    provider.get(URL, "publish");
    let url = "sparse\\+https://crates.example.com/index/";
    let source = "the environment variable TOKEN of job";
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!(
            "# Built\n\n| registry | operation | crate | version | outcome | source |\n|---|---|---|---|---|---|\n\
             | {url} | read |  |  | token | {source} |\n\
             | {url} | publish | internal | 0.1.0 | token | {source} |\n"
        )
    );
}

#[test]
fn a_table_that_makes_no_sense() {
    for (audit, message, place) in [
        ("[audit]\n", "the audit line goes nowhere", ":1:1"),
        (
            "[audit]\nsyslog = false\n",
            "the audit line goes nowhere",
            ":1:1",
        ),
        ("[audit]\nfiles = \"x\"\n", "unknown key `files`", ":2:1"),
        ("[audit]\nfile = \"\"\n", "an empty path", ":2:8"),
        ("[audit]\nsyslog = 1\n", "expected a boolean", ":2:10"),
    ] {
        let text = error_text(&provider(audit).get(URL, "read"));
        assert!(
            text.contains(&format!("bad config: {message}"))
                && text.contains(place)
                && text.contains('^'),
            "{text}"
        );
    }
}

#[test]
fn login_and_logout() {
    let provider = Provider::new(BINARY)
        .config(&format!(
            "{TO_FILE}[registries.\"{URL}\"]\nsources = [ \"cargo:token\" ]\n"
        ))
        .secret(STORED);
    let request = |kind: &str| {
        let registry = json!({ "index-url": URL, "name": "corp" });
        format!(
            "{}\n",
            json!({ "v": 1, "registry": registry, "kind": kind, "token": STORED })
        )
    };
    for kind in ["login", "logout"] {
        provider.run(request(kind).as_bytes());
    }
    let lines = lines(&provider, &[STORED]);
    assert_has(&lines[0], &json!({ "operation": "login" }));
    assert_has(&lines[1], &json!({ "operation": "logout" }));
}

#[test]
fn the_page_has_the_fields_and_no_others() {
    let provider = provider(TO_FILE);
    provider.get(URL, "read");
    let line = &lines(&provider, &[STORED])[0];
    let written: BTreeSet<_> = line.as_object().unwrap().keys().cloned().collect();
    let page = page("audit.md");
    let (_, fields) = page.split_once("## The fields").unwrap();
    let documented: BTreeSet<_> = fields
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(written, documented);
}
