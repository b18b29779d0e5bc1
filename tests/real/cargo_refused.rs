//! How our errors look where people meet them: in Cargo's chain of causes, word for word.

use serde_json::{Value, json};
use test_servers::{CargoHome, Outcome, Tokens, random};

use crate::job::Job;
use crate::vault::vault;

fn job(cargo: CargoHome) -> Job {
    let job = Job::start(cargo, Tokens::random());
    job.registry.add_crate("private-greeting", "1.0.0", "");
    job
}

/// Checks what Cargo says when it fails; its own words around ours are those of 1.95.
fn assert_says(job: &Job, outcome: &Outcome, expected: &str) {
    assert!(!outcome.success());
    job.assert_no_leaks();
    // What later ones add.
    let text = job.stable(&outcome.stderr);
    let text = [
        "Caused by:\n  failed to load source for dependency `private-greeting`\n\n",
        "Caused by:\n  unable to update registry `corp`\n\n",
        "  note: the token does not include an authentication scheme\n",
    ]
    .iter()
    .fold(text, |text, added| text.replace(added, ""));
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn a_right_that_is_missing() {
    CargoHome::each(|cargo| {
        let job = job(cargo);
        job.tenant.policy("");
        let expected = r#"    Updating `corp` index
error: failed to get `private-greeting` as a dependency of package `app v0.1.0 (JOB/packages/app)`

Caused by:
  credential provider `PROVIDER` failed action `get`

Caused by:
  Vault does not let the jwt role `ci` read the path `ci/cargo` in the mount `kv-NAME`

Caused by:
  GET https://VAULT/v1/kv-NAME/data/ci/cargo answered 403 Forbidden

Caused by:
  1 error occurred: * permission denied
  help: its policies must have this, unless the mount in it is mistyped or the token has expired:
  path "kv-NAME/data/ci/cargo" {
    capabilities = ["read"]
  }
"#;
        assert_says(&job, &job.build(), expected);
    });
}

#[test]
fn a_right_to_publish_that_is_missing() {
    CargoHome::each(|cargo| {
        let job = job(cargo);
        let release = format!("sys/policies/acl/{}", job.tenant.mount("release"));
        vault().root("DELETE", &release, &Value::Null);
        let package = job.cargo.package("internal", &[]);
        let arguments = [
            "publish",
            "--registry",
            "corp",
            "--allow-dirty",
            "--no-verify",
            "--quiet",
        ];
        let expected = r#"error: credential provider `PROVIDER` failed action `get`

Caused by:
  Vault does not let the jwt role `release` read the path `ci/cargo-publish` in the mount `kv-NAME`

Caused by:
  GET https://VAULT/v1/kv-NAME/data/ci/cargo-publish answered 403 Forbidden

Caused by:
  1 error occurred: * permission denied
  help: its policies must have this, unless the mount in it is mistyped or the token has expired:
  path "kv-NAME/data/ci/cargo-publish" {
    capabilities = ["read"]
  }
"#;
        assert_says(&job, &job.run(&package, &arguments), expected);
        assert!(!job.registry.has_crate("internal"));
    });
}

#[test]
fn a_login_that_is_refused() {
    CargoHome::each(|cargo| {
        let job = job(cargo);
        let role = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["https://other.example.com"],
        });
        vault().root("POST", &format!("auth/{}/role/ci", job.mount), &role);
        let expected = r#"    Updating `corp` index
error: failed to get `private-greeting` as a dependency of package `app v0.1.0 (JOB/packages/app)`

Caused by:
  credential provider `PROVIDER` failed action `get`

Caused by:
  Vault refused the jwt login as role `ci`

Caused by:
  POST https://VAULT/v1/auth/jwt-NAME/login answered 400 Bad Request

Caused by:
  error validating token: invalid audience (aud) claim: audience claim does not match any expected audience
  help: the job's token states iss "http://ISSUER", aud "https://vault.example.com", sub "repo:acme/app:ref:refs/heads/main"; compare with the bound audiences and claims that `vault read auth/jwt-NAME/role/ci` shows; `vault list auth/jwt-NAME/role` names the roles that there are
"#;
        assert_says(&job, &job.build(), expected);
    });
}

#[test]
fn a_secret_that_is_missing() {
    CargoHome::each(|cargo| {
        let job = job(cargo);
        job.tenant
            .write("destroy/ci/cargo", &json!({ "versions": [1] }));
        let expected = r#"    Updating `corp` index
cargo-credential-bridge: no read token for `sparse+http://REGISTRY/index/`: version 1 of the path `ci/cargo` in the mount `kv-NAME` was destroyed; help: what was destroyed can't come back: write the secret anew
error: failed to get `private-greeting` as a dependency of package `app v0.1.0 (JOB/packages/app)`

Caused by:
  no token found for `corp`
  You may need to log in using this registry's credential provider
"#;
        assert_says(&job, &job.build(), expected);
    });
}

#[test]
fn a_token_that_the_registry_rejects() {
    CargoHome::each(|cargo| {
        let job = job(cargo);
        let other = random::alphanumeric(32);
        job.tenant
            .write("data/ci/cargo", &json!({ "data": { "token": other } }));
        let expected = r#"    Updating `corp` index
error: failed to get `private-greeting` as a dependency of package `app v0.1.0 (JOB/packages/app)`

Caused by:
  token rejected for `corp`
  You may need to log in using this registry's credential provider

Caused by:
  failed to get successful HTTP response from `http://REGISTRY/index/config.json`, got 401
  body:
  {"errors":[{"detail":"a token for this is missing or wrong"}]}
"#;
        let built = job.build();
        assert_says(&job, &built, expected);
        assert!(!built.stderr.contains(&other));
        // Cargo does not ask again, and neither do we.
        assert_eq!(job.tenant.trail().requests(), job.one_of_each("ci/cargo"));
    });
}
