//! The AppRole auth method, for machines without an identity of their own.

use serde_json::{Value, json};
use test_servers::provider::error_text;

use crate::audit::Trail;
use crate::tenant::{Tenant, URL};
use crate::vault::vault;

/// An AppRole `ci`: the mount, and the role id.
fn approle(tenant: &Tenant, role: &Value) -> (String, String) {
    let mount = tenant.enable("approle");
    let mut role = role.clone();
    role["token_policies"] = json!([tenant.name()]);
    vault().root("POST", &format!("auth/{mount}/role/ci"), &role);
    let id = vault().root(
        "GET",
        &format!("auth/{mount}/role/ci/role-id"),
        &Value::Null,
    );
    (mount, id["data"]["role_id"].as_str().unwrap().to_owned())
}

#[test]
fn an_approle_with_a_secret_id() {
    let tenant = Tenant::new();
    let (mount, role_id) = approle(&tenant, &json!({}));
    let made = vault().root(
        "POST",
        &format!("auth/{mount}/role/ci/secret-id"),
        &json!({}),
    );
    let secret_id = made["data"]["secret_id"].as_str().unwrap();
    let auth = format!(
        "auth = {{ method = \"approle\", mount = \"{mount}\", role-id = \"{role_id}\", secret-id = {{ env = \"SECRET_ID\" }} }}"
    );
    let with = |secret_id: &str| {
        tenant
            .provider(&auth)
            .env("SECRET_ID", secret_id)
            .secret(secret_id)
    };
    assert_eq!(with(secret_id).get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);

    let text = error_text(&with("00000000-0000-0000-0000-000000000000").get(URL, "read"));
    assert!(
        text.starts_with("Vault refused the approle login\n"),
        "{text}"
    );
    assert!(text.contains("invalid role or secret ID"), "{text}");

    let text = error_text(&tenant.provider(&auth).get(URL, "read"));
    assert!(text.contains("`SECRET_ID`"), "{text}");
}

#[test]
fn an_approle_without_a_secret_id() {
    let tenant = Tenant::new();
    let role = json!({ "bind_secret_id": false, "secret_id_bound_cidrs": ["127.0.0.1/32"] });
    let (mount, role_id) = approle(&tenant, &role);
    let auth = format!(
        "auth = {{ method = \"approle\", mount = \"{mount}\", role-id = {{ env = \"ROLE_ID\" }} }}"
    );
    let provider = tenant.provider(&auth).env("ROLE_ID", &role_id);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    tenant.assert_one_of_each(&mount);
}

#[test]
fn a_wrapped_secret_id_works_once_and_the_second_use_is_an_alarm() {
    let tenant = Tenant::new();
    let (mount, role_id) = approle(&tenant, &json!({}));
    let (token, accessor) = vault().wrapped("POST", &format!("auth/{mount}/role/ci/secret-id"));
    let auth = format!(
        "auth = {{ method = \"approle\", mount = \"{mount}\", role-id = \"{role_id}\", secret-id = {{ file = \"wrapped\" }}, wrapped = true }}"
    );
    let provider = tenant
        .provider(&auth)
        .file(".cargo/wrapped", &token)
        .secret(&token);
    assert_eq!(provider.get(URL, "read"), tenant.answer());
    let expected = [
        "update sys/wrapping/unwrap".to_owned(),
        format!("update auth/{mount}/login"),
        format!("read {}/data/ci/cargo", tenant.kv()),
        "update auth/token/revoke-self".to_owned(),
    ];
    let trail = Trail::of(&[tenant.name(), &accessor]);
    assert_eq!(
        (trail.requests().as_slice(), trail.connections()),
        (&expected[..], 1)
    );

    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("Vault did not unwrap the AppRole secret id\n"),
        "{text}"
    );
    assert!(
        text.contains("wrapping token is not valid or does not exist"),
        "{text}"
    );
    assert!(
        text.contains("\nhelp: a wrapping token works once"),
        "{text}"
    );
    assert_eq!(tenant.trail().requests().len(), 3, "no login was tried");
}

#[test]
fn what_is_wrapped_may_be_something_else() {
    let tenant = Tenant::new();
    let (mount, role_id) = approle(&tenant, &json!({}));
    let (token, _) = vault().wrapped("GET", &format!("{}/data/ci/cargo", tenant.kv()));
    let auth = format!(
        "auth = {{ method = \"approle\", mount = \"{mount}\", role-id = \"{role_id}\", secret-id = {{ env = \"WRAPPED\" }}, wrapped = true }}"
    );
    let provider = tenant.provider(&auth).env("WRAPPED", &token).secret(&token);
    let text = error_text(&provider.get(URL, "read"));
    assert!(
        text.starts_with("what is wrapped in `secret-id` is not an AppRole secret id\n"),
        "{text}"
    );
}
