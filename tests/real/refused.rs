//! Refused logins: the claim that did not match, in Vault's own words.

use serde_json::{Value, json};
use test_servers::clock::unix_now;
use test_servers::provider::error_text;
use test_servers::{Issuer, Provider};

use crate::tenant::{AUDIENCE, Tenant, URL};
use crate::vault::vault;

/// The provider that shows `token` as `role`.
fn provider(tenant: &Tenant, mount: &str, role: &str, token: &str) -> Provider {
    tenant
        .provider(&format!(
            "auth = {{ method = \"jwt\", mount = \"{mount}\", role = \"{role}\", identity = {{ env = \"ID\" }} }}"
        ))
        .env("ID", token)
        .secret(token)
}

/// Checks that Vault refuses the claims, with this status and these words, and that one login was all that was tried.
fn check(claims: impl FnOnce(&Issuer) -> Value, status: &str, words: &str) {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let claims = claims(&issuer);
    let token = issuer.sign(&claims);
    let text = error_text(&provider(&tenant, &mount, "ci", &token).get(URL, "read"));
    let expected = format!(
        "Vault refused the jwt login as role `ci`\nPOST {}/v1/auth/{mount}/login answered {status}\n{words}",
        vault().url()
    );
    assert!(
        text.starts_with(&expected),
        "expected {expected}\nfound {text}"
    );
    let help = format!(
        "\nhelp: the job's token states iss {}, aud {}, sub {}; compare with the bound audiences and claims that \
         `vault read auth/{mount}/role/ci` shows; `vault list auth/{mount}/role` names the roles that there are",
        claims["iss"], claims["aud"], claims["sub"]
    );
    assert!(text.ends_with(&help), "{text}");
    assert_eq!(
        tenant.trail().requests(),
        [format!("update auth/{mount}/login")]
    );
}

#[test]
fn another_audience() {
    check(
        |issuer| issuer.claims("https://github.com/acme", &Value::Null),
        "400 Bad Request",
        "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience\n",
    );
}

#[test]
fn another_repository() {
    check(
        |issuer| issuer.claims(AUDIENCE, &json!({ "repository": "acme/fork" })),
        "400 Bad Request",
        "error validating claims: claim \"repository\" does not match any associated bound claim values\n",
    );
}

#[test]
fn another_issuer() {
    check(
        |issuer| issuer.claims(AUDIENCE, &json!({ "iss": "https://issuer.example.com" })),
        "400 Bad Request",
        "error validating token: invalid issuer (iss) claim",
    );
}

#[test]
fn an_expired_token() {
    let hour_ago = unix_now() - 3600;
    check(
        |issuer| {
            issuer.claims(
                AUDIENCE,
                &json!({ "iat": hour_ago - 300, "nbf": hour_ago - 300, "exp": hour_ago }),
            )
        },
        "400 Bad Request",
        "error validating token: invalid expiration time (exp) claim: token is expired\n",
    );
}

#[test]
fn another_key() {
    let (tenant, issuer, forger) = (Tenant::new(), Issuer::start(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let token = forger.sign(&issuer.claims(AUDIENCE, &Value::Null));
    let text = error_text(&provider(&tenant, &mount, "ci", &token).get(URL, "read"));
    assert!(
        text.contains("error validating token: error verifying token signature"),
        "{text}"
    );
}

#[test]
fn another_role() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let token = issuer.token(AUDIENCE);
    let text = error_text(&provider(&tenant, &mount, "mistyped", &token).get(URL, "read"));
    let expected = format!(
        "Vault refused the jwt login as role `mistyped`\nPOST {}/v1/auth/{mount}/login answered 400 Bad Request\n\
         role \"mistyped\" could not be found\n",
        vault().url()
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn another_mount() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let token = issuer.token(AUDIENCE);
    let mount = tenant.mount("twj");
    let text = error_text(&provider(&tenant, &mount, "ci", &token).get(URL, "read"));
    assert!(
        text.contains(&format!("/v1/auth/{mount}/login answered ")),
        "{text}"
    );
    assert!(
        text.contains("vault auth list") || text.contains("permission denied"),
        "{text}"
    );
}

#[test]
fn a_second_factor_that_a_job_does_not_have() {
    let (tenant, issuer) = (Tenant::new(), Issuer::start());
    let mount = tenant.jwt(&issuer, &Value::Null);
    let method = vault().root(
        "POST",
        "identity/mfa/method/totp",
        &json!({ "issuer": tenant.name(), "period": 30 }),
    );
    let mounted = vault().root("GET", &format!("sys/auth/{mount}"), &Value::Null);
    let enforcement = json!({
        "mfa_method_ids": [method["data"]["method_id"]], "auth_method_accessors": [mounted["data"]["accessor"]],
    });
    vault().root(
        "POST",
        &format!("identity/mfa/login-enforcement/{}", tenant.name()),
        &enforcement,
    );
    let token = issuer.token(AUDIENCE);
    let text = error_text(&provider(&tenant, &mount, "ci", &token).get(URL, "read"));
    let expected = format!(
        "the jwt login gave no token\nPOST {}/v1/auth/{mount}/login answered 200 OK\n\
         help: does the login want a second factor? a job has none",
        vault().url()
    );
    assert_eq!(text, expected);
}
