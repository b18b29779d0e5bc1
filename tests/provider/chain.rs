//! What the chain adds to a store: several sources, one deadline, one process that never waits for ever.

use serde_json::json;
use test_servers::provider::{error_text, get_request};
use test_servers::{Fault, FaultServer, Provider, Response, Server, VaultServer};

use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";

fn config(backends: &str, sources: &str) -> String {
    format!(
        "timeout = \"300ms\"\n{backends}\n[backends.job]\ntype = \"env\"\n[registries.\"{URL}\"]\nsources = [ {sources} ]\n"
    )
}

#[test]
fn two_secrets_of_one_instance_are_one_login() {
    let vault = VaultServer::start();
    vault.put("ci/cargo", json!({ "token": "t0ken-s3cret" }));
    let backend = format!(
        "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nauth = {{ method = \"token\", token = {{ env = \"JOB_TOKEN\" }} }}",
        vault.url()
    );
    let sources = "{ backend = \"corp\", path = \"ci/other\", field = \"token\" }, { backend = \"corp\", path = \"ci/cargo\", field = \"token\" }";
    let provider = Provider::new(BINARY)
        .config(&config(&backend, sources).replace("300ms", "20s"))
        .env("JOB_TOKEN", vault.root_token());
    let run = provider.run(get_request(URL, "read").as_bytes());
    assert_eq!(run.answer()["Ok"]["token"], "t0ken-s3cret");
    assert!(
        run.stderr
            .contains("before it: Vault has no secret at the path `ci/other`"),
        "{}",
        run.stderr
    );
    assert_eq!(vault.connections(), 1);
}

#[test]
fn quiet_leaves_out_the_notice() {
    let sources = "{ backend = \"job\", var = \"NONE\" }, { backend = \"job\", var = \"SOME\" }";
    for (quiet, lines) in [("", 1), ("quiet = true\n", 0)] {
        let provider = Provider::new(BINARY)
            .config(&format!("{quiet}{}", config("", sources)))
            .env("SOME", "s0me-s3cret")
            .secret("s0me-s3cret");
        let run = provider.run(get_request(URL, "read").as_bytes());
        assert_eq!(run.answer()["Ok"]["token"], "s0me-s3cret");
        assert_eq!(run.stderr.lines().count(), lines, "{}", run.stderr);
    }
}

#[test]
fn a_store_that_is_not_asked_is_not_touched() {
    let never = Server::start(|_| Response::empty(500));
    let backend = format!(
        "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"",
        never.url()
    );
    let sources = "{ backend = \"job\", var = \"SOME\" }, { backend = \"corp\", path = \"x\", field = \"x\" }";
    let provider = Provider::new(BINARY)
        .config(&config(&backend, sources))
        .env("SOME", "x");
    assert_eq!(provider.get(URL, "read")["Ok"]["token"], "x");
    assert_eq!(
        provider.get("sparse+https://other.example.com/", "read"),
        json!({"Err":{"kind":"url-not-supported"}})
    );
    assert_eq!(never.connections(), 0);
}

#[test]
fn one_deadline_for_all_sources() {
    let hole = FaultServer::start(Fault::BlackHole);
    let backend = format!(
        "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"",
        hole.url()
    );
    let source = "{ backend = \"corp\", path = \"x\", field = \"x\" }";
    let provider = Provider::new(BINARY)
        .config(&config(&backend, &format!("{source}, {source}")))
        .env("VAULT_TOKEN", "hvs.t0ken-s3cret")
        .secret("hvs.t0ken-s3cret");
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("did not answer within 300ms"), "{text}");
}

#[test]
fn a_store_that_keeps_silent_leaves_time_for_the_next() {
    let hole = FaultServer::start(Fault::BlackHole);
    let vault = VaultServer::start();
    vault.put("ci/cargo", json!({ "token": "t0ken-s3cret" }));
    let instance = |name: &str, address: &str| {
        format!("[backends.{name}]\ntype = \"vault\"\naddress = \"{address}\"\n")
    };
    let backends = instance("silent", &hole.url()) + &instance("well", &vault.url());
    let source =
        |name: &str| format!("{{ backend = \"{name}\", path = \"ci/cargo\", field = \"token\" }}");
    let sources = format!("{}, {}", source("silent"), source("well"));
    let text = config(&backends, &sources).replace("300ms", "4s") + "on-unavailable = \"next\"\n";
    let provider = Provider::new(BINARY)
        .config(&text)
        .env("VAULT_TOKEN", vault.root_token())
        .secret(vault.root_token());
    assert_eq!(provider.get(URL, "read")["Ok"]["token"], "t0ken-s3cret");
}

#[cfg(unix)]
#[test]
fn a_pipe_that_nobody_writes_to_does_not_keep_cargo_waiting() {
    let provider = Provider::new(BINARY).config(&config(
        "[backends.mounted]\ntype = \"file\"",
        "{ backend = \"mounted\", path = \"~/pipe\" }",
    ));
    let made = std::process::Command::new("mkfifo")
        .arg(provider.home().join("pipe"))
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "mkfifo makes a pipe"
    );
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("pipe` gave nothing within 300ms"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_token_helper_that_never_ends_is_ended() {
    let backend = "[backends.corp]\ntype = \"vault\"\naddress = \"http://127.0.0.1:1\"";
    let source = "{ backend = \"corp\", path = \"x\", field = \"x\" }";
    let text = |timeout| config(backend, source).replace("300ms", timeout);
    let provider = Provider::new(BINARY)
        .config(&text("20s"))
        .file(".vault", "token_helper = \"/bin/cat\"\n");
    // `cat get` fails at once; a helper that waits for its input gets none either.
    let said = error_text(&provider.get(URL, "read"));
    assert!(
        said.starts_with("the token helper `/bin/cat` gave no token\nit ended with exit status: 1"),
        "{said}"
    );

    // Where `get` is a pipe that nobody writes to, it waits.
    drop(provider.command());
    let made = std::process::Command::new("mkfifo")
        .arg(provider.home().join("work/get"))
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "mkfifo makes a pipe"
    );
    let provider = provider.config(&text("500ms"));
    let text = error_text(&provider.get(URL, "read"));
    assert!(text.contains("it did not end within 500ms"), "{text}");
}

#[test]
fn an_answer_is_given_although_the_revocation_hangs() {
    let issuer = test_servers::Issuer::start();
    let vault = VaultServer::start();
    vault.put("ci/cargo", json!({ "token": "t0ken-s3cret" }));
    vault.policy("ci", &["secret/data/ci/cargo"]);
    vault.role("ci", test_servers::Role::new(&issuer, "vault", &["ci"]));
    vault.intercept(|request| request.path.ends_with("revoke-self").then(Response::hang));
    let backend = format!(
        "[backends.corp]\ntype = \"vault\"\naddress = \"{}\"\nauth = {{ method = \"jwt\", role = \"ci\", identity = {{ env = \"JWT\" }} }}",
        vault.url()
    );
    let text = config(
        &backend,
        "{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }",
    )
    .replace("300ms", "2s");
    let provider = Provider::new(BINARY)
        .config(&text)
        .env("JWT", issuer.token("vault"));
    assert_eq!(provider.get(URL, "read")["Ok"]["token"], "t0ken-s3cret");
}
