//! Setups that are broken at a real Vault or on the way there, and repaired by what `doctor` says first.

use serde_json::{Value, json};
use test_servers::doctor::{add, assert_well, edit, first_problem, help, quoted, with_cargo};
use test_servers::{Issuer, Provider, Registry, Tokens};

use crate::tenant::{AUDIENCE, Tenant, URL};
use crate::vault::vault;

const CONFIG: &str = ".cargo/credential-bridge.toml";

/// The provider, for a registry that takes the tenant's token.
fn with_registry(tenant: &Tenant, provider: Provider) -> (Registry, Provider) {
    let registry = Registry::start_with(Tokens {
        read: tenant.token().to_owned(),
        publish: tenant.token().to_owned(),
    });
    edit(&provider, CONFIG, URL, &registry.index_url());
    let provider = with_cargo(provider, &registry.index_url());
    (registry, provider)
}

/// A GitHub job that logs in with this audience, as this role.
fn job(tenant: &Tenant, audience: &str, role: &str) -> (Issuer, String, Registry, Provider) {
    let issuer = Issuer::start();
    let mount = tenant.jwt(&issuer, &Value::Null);
    let provider = tenant.provider(&format!(
        "auth = {{ method = \"jwt\", mount = \"{mount}\", role = \"{role}\", audience = \"{audience}\" }}"
    ));
    let (registry, provider) = with_registry(tenant, provider.in_github(&issuer));
    (issuer, mount, registry, provider)
}

/// What the command line would be told by Vault: `vault read PATH`.
fn read(command: &str) -> Option<Value> {
    let path = command
        .strip_prefix("vault read ")
        .expect("it reads a path");
    let answer = vault().root_answer("GET", path, &Value::Null);
    (answer.status == 200).then(|| answer.json()["data"].clone())
}

#[test]
fn a_job_that_is_well() {
    let tenant = Tenant::new();
    let (_issuer, mount, _registry, provider) = job(&tenant, AUDIENCE, "ci");
    let run = provider.tool(&["doctor"]);
    assert_well(&run);
    let name = format!("            - identity: {mount}-");
    // Vault sorts them, and the tenant's has any name.
    let mut policies = [tenant.name().to_lowercase(), "default".to_owned()];
    policies.sort_unstable();
    for line in [
        "    ok      logs in by `jwt`: ",
        "            - login: the jwt role `ci`\n",
        &name,
        &format!("            - policies: {}\n", policies.join(", ")),
        "            - ttl: 1",
        "            - version: 1\n",
    ] {
        assert!(run.stdout.contains(line), "{line}{}", run.stdout);
    }
    let logins = tenant.trail().logins();
    assert!(!logins.is_empty());
    assert!(logins.iter().all(|login| !crate::audit::is_alive(login)));
}

#[test]
fn a_wrong_audience() {
    let tenant = Tenant::new();
    let wrong = "https://github.com/acme";
    let (_issuer, _, _registry, provider) = job(&tenant, wrong, "ci");
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with("Vault refused the jwt login as role `ci`\n"),
        "{problem}"
    );
    assert!(
        problem.contains("audience claim does not match any expected audience"),
        "{problem}"
    );
    let help = help(&problem);
    assert!(help.contains(&format!("aud \"{wrong}\"")), "{help}");
    let role = read(quoted(help, "that `")).unwrap();
    edit(
        &provider,
        CONFIG,
        wrong,
        role["bound_audiences"][0].as_str().unwrap(),
    );
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn a_wrong_role() {
    let tenant = Tenant::new();
    let (_issuer, mount, _registry, provider) = job(&tenant, AUDIENCE, "mistyped");
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with("Vault refused the jwt login as role `mistyped`\n"),
        "{problem}"
    );
    assert!(
        problem.contains("role \"mistyped\" could not be found"),
        "{problem}"
    );
    let command = quoted(help(&problem), "that `");
    assert_eq!(
        read(command),
        None,
        "the role that the help has one look at is not there"
    );
    let roles = vault().root("LIST", &format!("auth/{mount}/role"), &Value::Null);
    edit(
        &provider,
        CONFIG,
        "mistyped",
        roles["data"]["keys"][0].as_str().unwrap(),
    );
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn a_missing_policy() {
    let tenant = Tenant::new();
    tenant.policy("");
    let (_issuer, _, _registry, provider) = job(&tenant, AUDIENCE, "ci");
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with(
            "Vault does not let the jwt role `ci` read the path `ci/cargo` in the mount `"
        ),
        "{problem}"
    );
    let (_, stanza) = help(&problem).split_once('\n').unwrap();
    tenant.policy(stanza);
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn a_wrong_mount() {
    let tenant = Tenant::new();
    let mistyped = tenant.mount("vk");
    tenant.policy(&format!(
        "{}path \"{mistyped}/*\" {{ capabilities = [\"read\"] }}\n",
        tenant.may_read("data/ci/cargo")
    ));
    let (_issuer, _, _registry, provider) = job(&tenant, AUDIENCE, "ci");
    edit(&provider, CONFIG, &tenant.kv(), &mistyped);
    let problem = first_problem(&provider);
    let place = format!("the path `ci/cargo` in the mount `{mistyped}`\n");
    assert!(
        problem
            .lines()
            .next()
            .is_some_and(|line| place.starts_with(line.split_at(line.find("the path").unwrap()).1)),
        "{problem}"
    );
    let help = help(&problem);
    assert_eq!(quoted(help, "is "), mistyped);
    assert_eq!(quoted(help, "the mount? "), "vault secrets list");
    assert!(help.ends_with("; set `mount` on the backend"), "{help}");
    let mounts = vault().root("GET", "sys/mounts", &Value::Null);
    assert!(mounts["data"].get(format!("{mistyped}/")).is_none());
    assert!(mounts["data"].get(format!("{}/", tenant.kv())).is_some());
    edit(&provider, CONFIG, &mistyped, &tenant.kv());
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn an_engine_of_the_other_version() {
    let tenant = Tenant::with_kv(1);
    tenant.write("ci/cargo", &json!({ "token": tenant.token() }));
    tenant.policy(&tenant.may_read("ci/cargo"));
    let (_issuer, _, _registry, provider) = job(&tenant, AUDIENCE, "ci");
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with(&format!(
            "the mount `{}` is a KV engine of version 1, and it was read as version 2\n",
            tenant.kv()
        )),
        "{problem}"
    );
    add(
        &provider,
        "type = \"vault\"",
        quoted(help(&problem), "set "),
    );
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn a_vault_token_that_has_expired() {
    let tenant = Tenant::new();
    let (token, accessor) = tenant.vault_token(&Value::Null);
    let (_registry, provider) = with_registry(&tenant, tenant.provider(""));
    let provider = provider.env("VAULT_TOKEN", &token).secret(&token);
    assert_well(&provider.tool(&["doctor"]));
    vault().root(
        "POST",
        "auth/token/revoke-accessor",
        &json!({ "accessor": accessor }),
    );
    let problem = first_problem(&provider);
    assert!(
        problem.starts_with(
            "Vault does not know the token of this machine: it has expired, or was revoked, or lacks the policy `default`\n"
        ),
        "{problem}"
    );
    let variable = quoted(help(&problem), "set ").to_owned();
    let (token, _) = tenant.vault_token(&Value::Null);
    assert_well(
        &provider
            .env(variable, &token)
            .secret(&token)
            .tool(&["doctor"]),
    );
}

#[test]
fn an_authority_that_is_not_trusted() {
    let tenant = Tenant::new();
    let (_issuer, _, _registry, provider) = job(&tenant, AUDIENCE, "ci");
    let line = format!("ca-file = {:?}", vault().ca_file());
    edit(&provider, CONFIG, &line, "");
    let problem = first_problem(&provider);
    assert_eq!(
        problem.lines().next(),
        Some(format!("no secure connection to `{}`", vault().url()).as_str())
    );
    assert_eq!(quoted(help(&problem), "set "), "ca-file");
    add(&provider, "type = \"vault\"", &line);
    assert_well(&provider.tool(&["doctor"]));
}
