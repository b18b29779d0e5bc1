//! The mount of the KV engine: of the other version, mistyped, of several segments, or not looked at.

use serde_json::json;
use test_servers::provider::error_text;

use crate::tenant::{Tenant, URL};
use crate::vault::vault;

#[test]
fn the_wrong_version_both_ways_is_recognised() {
    for (version, configured, path) in [(1, 2, "ci/cargo"), (2, 1, "data/ci/cargo")] {
        let tenant = Tenant::with_kv(version);
        let fields = json!({ "token": tenant.token() });
        let body = if version == 1 {
            fields
        } else {
            json!({ "data": fields })
        };
        tenant.write(path, &body);
        // Whether the policy is tight, so that Vault says 403, or wide, so that it says 404.
        for policy in [tenant.may_read(path), tenant.may_read("*")] {
            tenant.policy(&policy);
            let settings = format!("kv-version = {configured}");
            let text = error_text(
                &tenant
                    .with_token(tenant.provider(&settings))
                    .get(URL, "read"),
            );
            let expected = format!(
                "the mount `{}` is a KV engine of version {version}, and it was read as version {configured}\n",
                tenant.kv()
            );
            assert!(text.starts_with(&expected), "{text}");
            assert!(
                text.ends_with(&format!(
                    "\nhelp: set `kv-version = {version}` on the backend"
                )),
                "{text}"
            );
            let settings = format!("kv-version = {version}");
            assert_eq!(
                tenant
                    .with_token(tenant.provider(&settings))
                    .get(URL, "read"),
                tenant.answer()
            );
        }
    }
}

#[test]
fn a_mistyped_mount() {
    let tenant = Tenant::new();
    let mistyped = tenant.mount("vk");
    let config = |text: String| {
        text.replace(
            &format!("mount = \"{}\"", tenant.kv()),
            &format!("mount = \"{mistyped}\""),
        )
    };
    let provider = || {
        let text = format!(
            "{}\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\" }} ]\n",
            tenant.backend()
        );
        tenant.with_token(tenant.provider("").config(&config(text)))
    };
    // Vault does not tell those without rights which mounts there are.
    let text = error_text(&provider().get(URL, "read"));
    assert!(
        text.contains(&format!("in the mount `{mistyped}`\n")),
        "{text}"
    );
    assert!(text.contains("answered 403 Forbidden"), "{text}");
    assert!(
        text.contains("unless the mount in it is mistyped"),
        "{text}"
    );

    tenant.policy(&format!(
        "path \"{mistyped}/*\" {{ capabilities = [\"read\"] }}"
    ));
    let text = error_text(&provider().get(URL, "read"));
    assert!(
        text.contains("answered 404 Not Found\nno handler for route"),
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "help: is `{mistyped}` the mount? `vault secrets list` tells"
        )),
        "{text}"
    );
}

#[test]
fn a_raw_path_reads_both_and_a_mount_may_have_several_segments() {
    let tenant = Tenant::with_kv(1);
    tenant.write("ci/cargo", &json!({ "token": tenant.token() }));
    tenant.policy(&tenant.may_read("ci/cargo"));
    let source = format!("raw-path = \"{}/ci/cargo\", field = \"token\"", tenant.kv());
    assert_eq!(
        tenant
            .with_token(tenant.provider_for("", &source))
            .get(URL, "read"),
        tenant.answer()
    );

    let tenant = Tenant::new();
    let source = format!(
        "raw-path = \"{}/data/ci/cargo\", field = \"data.token\"",
        tenant.kv()
    );
    assert_eq!(
        tenant
            .with_token(tenant.provider_for("", &source))
            .get(URL, "read"),
        tenant.answer()
    );

    let deep = format!("teams/{}/kv", tenant.name());
    vault().root(
        "POST",
        &format!("sys/mounts/{deep}"),
        &json!({ "type": "kv-v2" }),
    );
    vault().root(
        "POST",
        &format!("{deep}/data/ci/cargo"),
        &json!({ "data": { "token": tenant.token() } }),
    );
    tenant.policy(&format!(
        "path \"{deep}/data/ci/cargo\" {{ capabilities = [\"read\"] }}"
    ));
    let config = tenant.backend().replace(
        &format!("mount = \"{}\"", tenant.kv()),
        &format!("mount = \"{deep}\""),
    );
    let text = format!(
        "{config}\n[registries.\"{URL}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n"
    );
    assert_eq!(
        tenant
            .with_token(tenant.provider("").config(&text))
            .get(URL, "read"),
        tenant.answer()
    );
}
