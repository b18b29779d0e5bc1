//! What the programs that we start are shown: their arguments and their environment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use test_servers::provider::get_request;
use test_servers::{GoogleServer, Issuer, Provider, Role, VaultServer, leaks};

use crate::{BINARY, URL};

const NEW: &str = "n3w-s3cret-token";

/// Notes all that it is shown, and fails.
const CURIOUS: &str = "#!/bin/sh\n{ tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; } >>\"$HOME/seen\"\nexit 1\n";

/// The same, by Cargo's protocol, so that it is asked.
const PLUGIN: &str = "#!/bin/sh\n{ tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; } >>\"$HOME/seen\"\n\
                      echo '{\"v\":[1]}'\nread -r line\necho '{\"Err\":{\"kind\":\"not-found\"}}'\n";

/// What is started when a login was made already, and its token is at hand.
#[test]
fn programs_see_no_secret_of_ours() {
    let google = GoogleServer::start();
    let executable =
        json!({ "executable": { "command": "/bin/sh program", "timeout_millis": 5000 } });
    let account = google.external_account(
        "projects/1/locations/global/workloadIdentityPools/p/providers/x",
        &executable,
        None,
    );
    for (sources, backend, script) in [
        ("[ \"~/program\", \"--argument\" ]", String::new(), PLUGIN),
        (
            "\"cargo:token-from-stdout program\"",
            String::new(),
            CURIOUS,
        ),
        (
            "{ backend = \"next\", path = \"ci/cargo\", field = \"token\" }",
            "type = \"vault\"\naddress = \"http://127.0.0.1:9\"".to_owned(),
            CURIOUS,
        ),
        (
            "{ backend = \"next\", secret = \"cargo\" }",
            "type = \"aws\"\nregion = \"eu-west-1\"\nendpoint = \"http://127.0.0.1:9\"".to_owned(),
            CURIOUS,
        ),
        (
            "{ backend = \"next\", secret = \"cargo\" }",
            format!(
                "type = \"gcp\"\nproject = \"acme\"\nendpoint = \"{}\"\nauth = {{ method = \"adc\", credentials-file = \"~/account.json\" }}",
                google.url()
            ),
            CURIOUS,
        ),
    ] {
        let (issuer, vault) = (Issuer::start(), VaultServer::start());
        vault.policy("cargo", &["secret/data/ci/cargo"]);
        vault.role("ci", Role::new(&issuer, "vault", &["cargo"]));
        let secrets = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&secrets);
        vault.watch(move |exchange| {
            let (request, response) = (&exchange.request, &exchange.response);
            for body in [&request.body, &response.body] {
                let json: Value = serde_json::from_slice(body).unwrap_or_default();
                let found = [&json["jwt"], &json["auth"]["client_token"]];
                let texts = found.into_iter().filter_map(Value::as_str);
                seen.lock().unwrap().extend(texts.map(str::to_owned));
            }
        });
        let provider = Provider::new(BINARY)
            .config(&format!(
                "[registries.\"{URL}\"]\nsources = [ {{ backend = \"first\", path = \"ci/cargo\", field = \"token\" }}, {sources} ]\n\
                 [backends.first]\ntype = \"vault\"\naddress = \"{}\"\n\
                 auth = {{ method = \"jwt\", role = \"ci\", audience = \"vault\", identity = \"github-actions\" }}\n[backends.next]\n{}",
                vault.url(),
                match backend.as_str() {
                    "" => "type = \"env\"",
                    backend => backend,
                }
            ))
            .in_github(&issuer)
            .env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
            .file("program", script);
        let program = provider.home().join("program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let named = |text: &str| text.replace("PROGRAM", program.to_str().unwrap());
        let aws = named("[default]\ncredential_process = sh PROGRAM\n");
        let account = account
            .to_string()
            .replace("/bin/sh program", &named("/bin/sh PROGRAM"));
        let path = format!("{}:/usr/bin:/bin", provider.home().display());
        let provider = provider
            .env("PATH", path)
            .file(".vault", &named("token_helper = \"PROGRAM\"\n"))
            .file(".aws/config", &aws)
            .file("account.json", &account)
            // The job's own variable, which passes to all that it starts.
            .keeps("seen");
        let run = provider.run(get_request(URL, "read").as_bytes());
        let seen = fs::read(provider.home().join("seen"));
        let seen = seen.unwrap_or_else(|_| panic!("{sources} was not started: {run:?}"));
        let secrets = secrets.lock().unwrap();
        assert_eq!(secrets.len(), 2, "{run:?}");
        let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
        leaks::assert_absent(&secrets, &[(sources, &seen)]);
    }
}

/// What `cargo login` gives goes to a plugin's standard input.
#[test]
fn a_token_that_is_stored_is_no_argument() {
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[registries.\"{URL}\"]\nsources = [ [ \"~/program\", \"--argument\" ] ]\n"
        ))
        .env("PATH", "/usr/bin:/bin")
        .file("program", PLUGIN)
        .secret(NEW);
    fs::set_permissions(
        provider.home().join("program"),
        fs::Permissions::from_mode(0o700),
    )
    .unwrap();
    let request =
        json!({ "v": 1, "registry": { "index-url": URL }, "kind": "login", "token": NEW });
    // The files that it writes are searched.
    provider.run(format!("{request}\n").as_bytes());
    assert!(provider.home().join("seen").exists());
}
