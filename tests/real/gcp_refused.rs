//! The Google Cloud auth method: whom Vault refuses, who may not sign, and where there is nobody who could.

use serde_json::json;
use test_servers::google_fake::{TOKEN_CREATOR, WORKLOAD_IDENTITY_USER};
use test_servers::provider::error_text;
use test_servers::{Issuer, Provider};

use crate::gcp::{Job, account, by, method, mount, on_the_machine, provider, resource, signed_as};
use crate::tenant::{Tenant, URL};
use crate::vault::{google, vault};

/// What Vault says of a login, after which nothing else is asked.
fn refused(tenant: &Tenant, mount: &str, role: &str, provider: &Provider) -> String {
    let text = error_text(&provider.get(URL, "read"));
    let expected = format!(
        "Vault refused the gcp login as role `{role}`\nPOST {}/v1/auth/{mount}/login answered 400 Bad Request\n",
        vault().url()
    );
    assert_eq!(
        tenant.trail().requests(),
        [format!("update auth/{mount}/login")]
    );
    text.strip_prefix(&expected)
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

#[test]
fn another_service_account() {
    let (tenant, account, other) = (Tenant::new(), account(), account());
    let mount = mount(&tenant, "iam", &account);
    let provider = by(
        provider(&tenant, &mount, ""),
        &google().service_account_key(&other),
    );
    let text = refused(&tenant, &mount, "ci", &provider);
    assert!(
        text.starts_with(&format!("service account {other} (id: ")),
        "{text}"
    );
    assert!(text.contains("is not authorized for role"), "{text}");
}

#[test]
fn another_machine() {
    let (tenant, account) = (Tenant::new(), account());
    let mount = mount(&tenant, "gce", &account);
    let provider = on_the_machine(provider(&tenant, &mount, ", type = \"gce\""));
    refused(&tenant, &mount, "ci", &provider);
}

#[test]
fn a_role_that_does_not_exist() {
    let (tenant, account) = (Tenant::new(), account());
    let mount = mount(&tenant, "iam", &account);
    let provider = by(
        tenant.provider(&method(&mount, "none", "")),
        &google().service_account_key(&account),
    );
    let text = refused(&tenant, &mount, "none", &provider);
    assert!(text.contains("role \"none\" not found"), "{text}");
}

#[test]
fn a_key_that_was_deleted() {
    let (tenant, account) = (Tenant::new(), account());
    let mount = mount(&tenant, "iam", &account);
    let key = google().service_account_key(&account);
    let id = &key["private_key_id"];
    google().control(&json!({ "call": "delete_key", "email": account, "key": id }));
    let provider = by(provider(&tenant, &mount, ""), &key);
    let text = refused(&tenant, &mount, "ci", &provider);
    assert!(text.contains("unable to get public key"), "{text}");
}

/// Nobody may sign for it; a job is told by which command it may.
#[test]
fn a_job_that_may_not_sign() {
    let (tenant, account, issuer) = (Tenant::new(), account(), Issuer::start());
    let mount = mount(&tenant, "iam", &account);
    let job = Job::of(&issuer, None);
    // To become it is another right.
    google().bind(&resource(&account), WORKLOAD_IDENTITY_USER, &job.member);
    let provider = job.shows(provider(&tenant, &mount, &signed_as(&account)));
    let text = error_text(&provider.get(URL, "read"));
    let first = format!("Google does not let `{}` act as `{account}`\n", job.member);
    assert!(text.starts_with(&first), "{text}");
    let command = format!(
        "\ngcloud iam service-accounts add-iam-policy-binding {account} --role={TOKEN_CREATOR} --member={}",
        job.member
    );
    assert!(text.ends_with(&command), "{text}");
    assert_eq!(tenant.trail().requests(), Vec::<String>::new());
}

#[test]
fn a_machine_without_an_identity_leaves_it_to_the_next_source() {
    let (tenant, account) = (Tenant::new(), account());
    let mount = mount(&tenant, "iam", &account);
    for more in ["", ", type = \"gce\""] {
        let auth = method(&mount, "ci", more);
        let alone = tenant.provider(&auth);
        let text = error_text(&alone.get(URL, "read"));
        assert!(text.contains("no Google identity here"), "{text}");
        let source =
            "path = \"ci/cargo\", field = \"token\" }, { backend = \"job\", var = \"TOKEN\"";
        let followed = tenant
            .provider_for(&format!("{auth}\n[backends.job]\ntype = \"env\""), source)
            .env("TOKEN", tenant.token());
        assert_eq!(followed.get(URL, "read")["Ok"]["token"], tenant.token());
    }
    assert_eq!(tenant.trail().requests(), Vec::<String>::new());
}
