//! Dynamic secrets: their lease decides how long Cargo keeps the token, and the login that they hang on is left alive.

use serde_json::{Value, json};
use test_servers::clock::unix_now;
use test_servers::{Issuer, Provider, Request, Response, Server, random};

use crate::audit::is_alive;
use crate::tenant::{AUDIENCE, Tenant, URL};
use crate::vault::vault;

/// As much of Consul as Vault's engine for it asks: make a token, and delete it again.
fn consul(token: &str) -> Server {
    let token = token.to_owned();
    Server::start(
        move |request: &Request| match (request.method.as_str(), request.path.as_str()) {
            ("PUT", "/v1/acl/token") => Response::json(
                200,
                &json!({ "AccessorID": random::uuid(), "SecretID": token, "Policies": [], "Local": false }),
            ),
            _ => Response::json(200, &json!(true)),
        },
    )
}

/// Mounts the engine, with the role `cargo` whose leases last this long, and gives the path of its tokens.
fn engine(tenant: &Tenant, consul: &Server, ttl: &str) -> String {
    let mount = tenant.mount("consul");
    let address = consul.url().replace("http://", "");
    vault().root(
        "POST",
        &format!("sys/mounts/{mount}"),
        &json!({ "type": "consul" }),
    );
    vault().root(
        "POST",
        &format!("{mount}/config/access"),
        &json!({ "address": address, "scheme": "http", "token": random::uuid() }),
    );
    vault().root(
        "POST",
        &format!("{mount}/roles/cargo"),
        &json!({ "consul_policies": ["cargo"], "ttl": ttl, "max_ttl": "24h" }),
    );
    let path = format!("{mount}/creds/cargo");
    tenant.policy(&format!("path \"{path}\" {{ capabilities = [\"read\"] }}"));
    path
}

/// The ids of the leases below a path, as Vault lists them.
fn leases(path: &str) -> Vec<String> {
    let listed = vault()
        .root_answer("LIST", &format!("sys/leases/lookup/{path}"), &Value::Null)
        .json();
    let keys = listed["data"]["keys"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    keys.iter()
        .map(|key| format!("{path}/{}", key.as_str().unwrap()))
        .collect()
}

fn provider(tenant: &Tenant, mount: &str, path: &str, issuer: &Issuer) -> Provider {
    let token = issuer.token(AUDIENCE);
    let auth = format!(
        "auth = {{ method = \"jwt\", mount = \"{mount}\", role = \"ci\", identity = {{ env = \"ID\" }} }}"
    );
    tenant
        .provider_for(&auth, &format!("raw-path = \"{path}\", field = \"token\""))
        .env("ID", &token)
        .secret(&token)
}

/// Checks the answer, and that it expires in this many seconds, give or take the time that a test takes.
fn assert_expires(tenant: &Tenant, answer: &Value, seconds: i64) {
    assert_eq!(answer["Ok"]["token"], tenant.token(), "{answer}");
    assert_eq!(answer["Ok"]["cache"], "expires");
    let left = answer["Ok"]["expiration"].as_i64().unwrap() - unix_now();
    assert!(
        (seconds - 60..=seconds).contains(&left),
        "{left} s are left"
    );
}

#[test]
fn a_leased_token_expires_with_its_lease_and_keeps_its_login() {
    let (tenant, issuer) = (Tenant::with_kv(2), Issuer::start());
    let consul = consul(tenant.token());
    let path = engine(&tenant, &consul, "15m");
    let mount = tenant.jwt(&issuer, &Value::Null);
    let answer = provider(&tenant, &mount, &path, &issuer).get(URL, "read");
    assert_expires(&tenant, &answer, 15 * 60);

    let trail = tenant.trail();
    assert_eq!(
        trail.requests(),
        [format!("update auth/{mount}/login"), format!("read {path}")]
    );
    assert_eq!(trail.connections(), 1);
    assert!(is_alive(&trail.logins()[0]));
    let leases = leases(&path);
    assert_eq!(leases.len(), 1);
    let lease = vault().root(
        "PUT",
        "sys/leases/lookup",
        &json!({ "lease_id": leases[0] }),
    );
    assert!(lease["data"]["ttl"].as_i64().unwrap() > 14 * 60, "{lease}");
    assert!(
        consul
            .requests()
            .iter()
            .all(|request| request.method != "DELETE")
    );

    // What would have happened: the lease goes with its login.
    vault().root(
        "POST",
        "auth/token/revoke-accessor",
        &json!({ "accessor": trail.logins()[0] }),
    );
    let lookup = vault().root_answer(
        "PUT",
        "sys/leases/lookup",
        &json!({ "lease_id": leases[0] }),
    );
    assert!(
        lookup.status == 400 || lookup.json()["data"]["ttl"].as_i64() <= Some(0),
        "{}",
        lookup.text()
    );
}

#[test]
fn a_lease_that_outlasts_its_login_ends_with_it() {
    let (tenant, issuer) = (Tenant::with_kv(2), Issuer::start());
    let consul = consul(tenant.token());
    let path = engine(&tenant, &consul, "2h");
    let mount = tenant.jwt(&issuer, &json!({ "token_ttl": "10m" }));
    let answer = provider(&tenant, &mount, &path, &issuer).get(URL, "read");
    assert_expires(&tenant, &answer, 10 * 60);
}

#[test]
fn a_leased_token_read_with_a_token_of_the_machine() {
    let tenant = Tenant::with_kv(2);
    let consul = consul(tenant.token());
    let path = engine(&tenant, &consul, "15m");
    let (token, accessor) = tenant.vault_token(&Value::Null);
    let provider = tenant
        .provider_for("", &format!("raw-path = \"{path}\", field = \"token\""))
        .env("VAULT_TOKEN", &token)
        .secret(&token);
    assert_expires(&tenant, &provider.get(URL, "read"), 15 * 60);
    assert_eq!(tenant.trail().requests(), [format!("read {path}")]);
    assert!(is_alive(&accessor));
}

#[test]
fn a_leased_token_that_ends_within_cargos_minute_is_not_given_out() {
    let (tenant, issuer) = (Tenant::with_kv(2), Issuer::start());
    let consul = consul(tenant.token());
    let path = engine(&tenant, &consul, "45s");
    let mount = tenant.jwt(&issuer, &Value::Null);
    let answer = provider(&tenant, &mount, &path, &issuer).get(URL, "read");
    let text = test_servers::provider::error_text(&answer);
    assert!(text.contains("too soon for Cargo"), "{text}");
    // What nobody got is not left behind.
    let login = tenant.trail().logins()[0].clone();
    assert!(!is_alive(&login));
    assert_eq!(leases(&path), [""; 0]);
}

#[test]
fn a_token_that_is_a_jwt_expires_by_its_own_words() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let expiration = unix_now() + 3600;
    let token = issuer.sign(&json!({ "sub": "cargo", "exp": expiration }));
    tenant.write("data/ci/cargo", &json!({ "data": { "token": token } }));
    let mount = tenant.jwt(&issuer, &Value::Null);
    let identity = issuer.token(AUDIENCE);
    let auth = format!(
        "auth = {{ method = \"jwt\", mount = \"{mount}\", role = \"ci\", identity = {{ env = \"ID\" }} }}"
    );
    let provider = tenant
        .provider(&auth)
        .env("ID", &identity)
        .secret(&identity)
        .secret(&token);
    let expected = json!({ "Ok": {
        "kind": "get", "token": token, "cache": "expires", "expiration": expiration, "operation_independent": true,
    } });
    assert_eq!(provider.get(URL, "read"), expected);
    tenant.assert_one_of_each(&mount);
}
