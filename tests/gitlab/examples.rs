//! The examples, unchanged but for addresses: they build and publish.

use serde_json::{Value, json};
use test_servers::{Issuer, Moto, Provider, VaultServer};

use crate::BINARY;
use crate::pipeline::Project;
use crate::release::source;

/// A token as GitLab signs it for a job of this branch, of an environment if there is one.
pub(crate) fn token(
    issuer: &Issuer,
    audience: &str,
    branch: &str,
    environment: Option<&str>,
) -> String {
    let mut claims = json!({
        "sub": format!("project_path:acme/app:ref_type:branch:ref:{branch}"),
        "project_path": "acme/app",
        "project_id": "12345678",
        "ref": branch,
        "ref_type": "branch",
        "ref_protected": "true",
    });
    if let Some(environment) = environment {
        claims["environment"] = environment.into();
    }
    issuer.sign(&issuer.claims(audience, &claims))
}

#[test]
fn with_aws() {
    let (issuer, moto) = (Issuer::start(), Moto::start());
    let token = token(&issuer, "sts.amazonaws.com", "release", None);
    let project = Project::new("release")
        .example("gitlab-aws", &[])
        .env("CARGO_ID_TOKEN", &token)
        .env("AWS_ENDPOINT_URL", &moto.url());
    let [read, publish] = project.tokens();
    for (name, registry_token) in [("ci/cargo", read), ("ci/cargo-publish", publish)] {
        let value = json!({ "token": registry_token }).to_string();
        let secret = json!({ "Name": name, "SecretString": value });
        moto.call("secretsmanager", "create_secret", secret);
    }
    let done = project.run(&[]);
    assert!(done.success(), "{}{}", done.stdout, done.stderr);
    assert!(project.registry.has_crate("acme-app"), "{}", done.stdout);
    project.assert_clean(&done, &[read, publish, &token]);
    let environment = project.environment_of_build_script();
    assert!(environment.contains("CI_JOB_NAME=build\n"), "{environment}");
    assert!(!environment.contains("CARGO_ID_TOKEN"), "{environment}");
    // The archive is kept, so the second job has looked at the sums alone.
    let asked = project.release.asked();
    let of = |end: &str| asked.iter().filter(|path| path.ends_with(end)).count();
    assert_eq!((of("SHA256SUMS"), of(".tar.gz")), (2, 1), "{asked:?}");
}

/// Publishing has a role of its own here, which the setup script binds to the environment.
#[test]
fn with_vault() {
    let (issuer, vault) = (Issuer::start(), VaultServer::start());
    set_up(&vault, &issuer);
    let job = |environment: Option<&str>| {
        let token = token(&issuer, "https://vault.example.com", "main", environment);
        let project = Project::new("main")
            .example(
                "gitlab-vault",
                &[("https://vault.example.com:8200", &vault.url())],
            )
            .env("CARGO_ID_TOKEN", &token);
        let [read, publish] = project.tokens();
        vault.put("ci/cargo", json!({ "token": read }));
        vault.put("ci/cargo-publish", json!({ "token": publish }));
        (project, token)
    };
    let (project, token) = job(Some("release"));
    let done = project.run(&["publish"]);
    assert!(done.success(), "{}{}", done.stdout, done.stderr);
    assert!(project.registry.has_crate("acme-app"));
    project.assert_clean(&done, &[project.tokens()[0], project.tokens()[1], &token]);
    // A job that is in no environment, as the one that builds.
    let (project, _) = job(None);
    let published = project.run(&["publish"]);
    assert!(!published.success());
    let said = "Vault refused the jwt login as role `cargo-ci-publish`";
    assert!(
        published.stdout.contains(said) || published.stderr.contains(said),
        "{}{}",
        published.stdout,
        published.stderr
    );
    assert!(!project.registry.has_crate("acme-app"));
    assert_eq!(vault.live_tokens(), 0, "each login is revoked");
}

/// What the example's script writes to Vault, to the double of it.
fn set_up(vault: &VaultServer, issuer: &Issuer) {
    let script = std::fs::read_to_string(source("examples/gitlab-vault/vault-setup.sh")).unwrap();
    vault.as_root("POST", "sys/auth/gitlab", &json!({ "type": "jwt" }));
    let keys = json!({ "jwt_validation_pubkeys": [issuer.public_key_pem()] });
    vault.as_root("POST", "auth/gitlab/config", &keys);
    for (start, end, path, wrap) in [
        (
            "vault policy write ",
            "\nPOLICY\n",
            "sys/policies/acl/",
            true,
        ),
        (
            "vault write auth/gitlab/role/",
            "\nROLE\n",
            "auth/gitlab/role/",
            false,
        ),
    ] {
        let parts: Vec<_> = script.split(start).skip(1).collect();
        assert_eq!(parts.len(), 2);
        for part in parts {
            let (name, rest) = part.split_once(' ').unwrap();
            let (_, rest) = rest.split_once('\n').unwrap();
            let (text, _) = rest.split_once(end).unwrap();
            let body = match wrap {
                true => json!({ "policy": text }),
                false => serde_json::from_str(text).unwrap(),
            };
            vault.as_root("POST", &format!("{path}{name}"), &body);
        }
    }
}

/// GitLab's schema takes each, and the program takes the config in it.
#[test]
fn each_makes_sense() {
    for name in ["gitlab-aws", "gitlab-gcp", "gitlab-vault"] {
        let shown = Project::new("main").example(name, &[]).preview();
        for job in ["build", "publish"] {
            let job = &shown[job];
            assert!(
                job["id_tokens"]["CARGO_ID_TOKEN"]["aud"].is_string(),
                "{job}"
            );
            let first = job["before_script"][0].as_str().unwrap();
            assert!(first.starts_with("# cargo-credential-bridge"), "{first}");
            let Value::String(config) = &job["variables"]["CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML"]
            else {
                panic!("{job}");
            };
            let machine = Provider::new(BINARY).config(config);
            let checked = machine.tool(&["config", "check"]);
            assert_eq!(checked.code, Some(0), "{checked:?}");
            assert!(
                checked.stdout.contains("2 backends, 1 registry"),
                "{checked:?}"
            );
        }
    }
}
