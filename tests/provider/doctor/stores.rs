//! Setups that are broken at a store or on the way there, and repaired by what `doctor` says first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_servers::clock::unix_now;
use test_servers::doctor::{add, assert_well, edit, first_problem, help, quoted, with_cargo};
use test_servers::{AwsServer, GoogleServer, Provider, Registry, Tokens, VaultServer};

use super::{TOKEN, directory, registry};
use crate::BINARY;

const CONFIG: &str = ".cargo/credential-bridge.toml";

/// The provider with a backend called `corp` and this source of it.
fn setup(registry: &Registry, backend: &str, source: &str) -> Provider {
    let url = registry.index_url();
    let provider = Provider::new(BINARY).config(&format!(
        "[backends.corp]\n{backend}\n[registries.\"{url}\"]\nsources = [ {{ backend = \"corp\", {source} }} ]\n"
    ));
    with_cargo(provider, &url).secret(TOKEN)
}

/// A Vault with the token at `ci/cargo`, and a policy that may read it.
fn vault() -> VaultServer {
    let server = VaultServer::start();
    server.put("ci/cargo", json!({ "token": TOKEN }));
    server.policy("ci", &["secret/data/ci/cargo"]);
    server
}

/// The provider that reads `source` from it, with a token of its own.
fn with_vault(registry: &Registry, server: &VaultServer, source: &str) -> Provider {
    let token = server.token(&["ci"]);
    let backend = format!("type = \"vault\"\naddress = \"{}\"\n", server.url());
    setup(registry, &backend, source)
        .env("VAULT_TOKEN", &token)
        .secret(&token)
}

#[test]
fn vault_says_whom_it_knows_and_which_version_it_is() {
    let (registry, server) = (registry(), vault());
    let run =
        with_vault(&registry, &server, "path = \"ci/cargo\", field = \"token\"").tool(&["doctor"]);
    assert_well(&run);
    for line in [
        "            - settings from the environment: `VAULT_TOKEN`\n",
        "    ok      the store knows this job\n",
        "            - login: the token of this machine\n",
        "            - identity: token\n",
        "            - policies: ci, default\n",
        "            - version: 1\n",
    ] {
        assert!(run.stdout.contains(line), "{line}{}", run.stdout);
    }
    assert!(
        run.stdout.contains("            - created: 20"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_wrong_field() {
    let (registry, server) = (registry(), vault());
    server.put("ci/cargo", json!({ "token": TOKEN, "user": "ci" }));
    let provider = with_vault(&registry, &server, "path = \"ci/cargo\", field = \"tokne\"");
    let problem = first_problem(&provider);
    assert_eq!(
        problem,
        "the path `ci/cargo` of `corp` has no field `tokne`\n- its fields are `token`, `user`\n\
         help: set `field = \"token\"` in the source"
    );
    edit(
        &provider,
        CONFIG,
        "field = \"tokne\"",
        quoted(help(&problem), "set "),
    );
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn a_field_that_is_not_named() {
    let registry = registry();
    let secret = json!({ "token": TOKEN }).to_string();
    let provider = setup(&registry, "type = \"env\"\n", "var = \"SECRET\"").env("SECRET", secret);
    let run = provider.tool(&["doctor"]);
    assert!(
        run.stdout
            .contains("    warning the token looks like JSON, all of it\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_token_that_has_expired() {
    let jwt = |expires: i64| {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.c2ln",
            part(json!({ "alg": "RS256" })),
            part(json!({ "exp": expires }))
        )
    };
    let (old, fresh) = (jwt(unix_now() - 3600), jwt(unix_now() + 3600));
    let registry = Registry::start_with(Tokens {
        read: fresh.clone(),
        publish: fresh.clone(),
    });
    let server = vault();
    server.put("ci/cargo", json!({ "token": old }));
    let provider =
        with_vault(&registry, &server, "path = \"ci/cargo\", field = \"token\"").secret(&old);
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with("the token in the path `ci/cargo` of `corp` expired 1h"),
        "{problem}"
    );
    assert_eq!(
        help(&problem),
        "store a fresh one (or check this machine's clock)"
    );
    server.put("ci/cargo", json!({ "token": fresh }));
    assert_well(&provider.secret(&fresh).tool(&["doctor"]));
}

#[test]
fn aws_does_not_let_this_job_read() {
    let registry = registry();
    let aws = AwsServer::start();
    aws.put("prod/cargo", &json!({ "token": TOKEN }).to_string());
    let keys = aws.session("arn:aws:sts::210987654321:assumed-role/ci/run-7");
    let provider = setup(
        &registry,
        "type = \"aws\"\nregion = \"eu-west-1\"\n",
        "secret = \"prod/cargo\", field = \"token\"",
    )
    .env("AWS_ENDPOINT_URL", aws.url());
    let provider = keys
        .variables()
        .into_iter()
        .fold(provider, |provider, (name, value)| {
            provider.env(name, value)
        });
    let run = provider.tool(&["doctor"]);
    assert_well(&run);
    let identity = "            - identity: arn:aws:sts::210987654321:assumed-role/ci/run-7\n";
    assert!(run.stdout.contains(identity), "{}", run.stdout);
    aws.deny("prod/cargo");
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with(
            "AWS does not let `arn:aws:sts::210987654321:assumed-role/ci/run-7` read the secret `prod/cargo`\n"
        ),
        "{problem}"
    );
    let statement: Value = serde_json::from_str(problem.lines().last().unwrap()).unwrap();
    assert_eq!(statement["Action"], "secretsmanager:GetSecretValue");
}

#[test]
fn google_does_not_let_this_job_read() {
    let registry = registry();
    let google = GoogleServer::start();
    google.put("acme", "cargo", TOKEN.as_bytes());
    let key = google.service_account_key("ci@acme.iam.gserviceaccount.com");
    let backend = format!(
        "type = \"gcp\"\nproject = \"acme\"\nendpoint = \"{}\"\n",
        google.url()
    );
    let provider =
        setup(&registry, &backend, "secret = \"cargo\"").file("key.json", &key.to_string());
    let path = provider.home().join("key.json");
    let provider = provider.env("GOOGLE_APPLICATION_CREDENTIALS", path);
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with("Google does not let `serviceAccount:ci@acme.iam.gserviceaccount.com` read the secret `cargo`\n"),
        "{problem}"
    );
    // The binding that it shows is made.
    let command = problem.lines().last().unwrap();
    let option = |name: &str| {
        let words = command.split(' ');
        words
            .filter_map(|word| word.strip_prefix(name))
            .next()
            .unwrap()
    };
    assert!(
        command.starts_with("gcloud secrets add-iam-policy-binding cargo "),
        "{command}"
    );
    assert_eq!(option("--role="), "roles/secretmanager.secretAccessor");
    let resource = format!("projects/{}/secrets/cargo", option("--project="));
    google.allow(option("--member="), &resource);
    google.allow_viewing(option("--member="), &resource);
    let run = provider.tool(&["doctor"]);
    assert_well(&run);
    for line in [
        "            - identity: serviceAccount:ci@acme.iam.gserviceaccount.com\n",
        "            - version: 1\n",
    ] {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
}

#[test]
fn a_chain_that_ends_at_another_place_of_the_config() {
    let registry = registry();
    let provider = setup(&registry, "type = \"env\"\n", "var = \"SECRET\"");
    assert_eq!(
        first_problem(&provider),
        "the environment variable `SECRET` is not set, or is empty"
    );
    add(&provider, "type = \"env\"", "# nothing to repair here");
    let run = provider
        .env("SECRET", TOKEN)
        .env("PATH", directory())
        .tool(&["doctor"]);
    assert_well(&run);
}
