//! The store's side, for Vault and `OpenBao`: a policy and a role for each grant.

use serde_json::{Map, Value, json};

use super::files::Made;
use super::setup::{Grant, Job, Setup, Vault};
use super::template::{aligned, fill};

/// How long a login lives, in seconds: Cargo waits for it, and it is revoked after the answer.
const LIFETIME: u32 = 60;

pub(super) fn files(setup: &Setup, vault: &Vault) -> Vec<Made> {
    let script = script(setup, vault);
    vec![
        Made::program(setup.store.script(), script),
        Made::text(
            if vault.is_bao {
                "openbao.tf"
            } else {
                "vault.tf"
            },
            terraform(setup, vault),
        ),
    ]
}

/// The names that all templates share.
fn names<'a>(setup: &'a Setup, vault: &'a Vault) -> Vec<(&'a str, &'a str)> {
    let is_pod = matches!(setup.job, Job::Pod { .. });
    vec![
        ("product", if vault.is_bao { "OpenBao" } else { "Vault" }),
        ("cli", cli(vault)),
        ("mount", &vault.mount),
        ("auth-mount", &vault.auth_mount),
        ("method", if is_pod { "kubernetes" } else { "jwt" }),
        ("issuer", setup.job.issuer().unwrap_or_default()),
    ]
}

fn cli(vault: &Vault) -> &'static str {
    if vault.is_bao { "bao" } else { "vault" }
}

fn field(setup: &Setup) -> &str {
    setup.field.as_deref().unwrap_or("token")
}

fn script(setup: &Setup, vault: &Vault) -> String {
    let is_pod = matches!(setup.job, Job::Pod { .. });
    let mut names = names(setup, vault);
    let auth = match is_pod {
        true => fill(include_str!("templates/vault-kubernetes.sh"), &names),
        false => fill(include_str!("templates/vault-jwt.sh"), &names),
    };
    let grants = setup.grants.iter().map(|grant| {
        let role = format!("{:#}", role(setup, vault, grant));
        let why = setup.job.why(&grant.bound);
        let more = [
            ("role", grant.role.as_str()),
            ("secret", &grant.secret),
            ("why", &why),
            ("role-json", &role),
        ];
        fill(
            include_str!("templates/vault-grant.sh"),
            &[names.as_slice(), more.as_slice()].concat(),
        )
    });
    let grants: String = grants.collect();
    let puts = setup.grants.iter();
    let puts = puts.map(|grant| format!("put {} {}", grant.secret, field(setup)));
    let puts = puts.collect::<Vec<_>>().join("\n");
    let namespace = vault.namespace.as_ref().map_or_else(String::new, |name| {
        let variable = if vault.is_bao { "BAO" } else { "VAULT" };
        format!("export {variable}_NAMESPACE={name}\n")
    });
    names.extend([
        ("namespace", namespace.as_str()),
        ("auth", auth.as_str()),
        ("grants", &grants),
        ("puts", &puts),
    ]);
    fill(include_str!("templates/vault-setup.sh"), &names)
}

/// The role as the API has it.
fn role(setup: &Setup, vault: &Vault, grant: &Grant) -> Value {
    let mut role = json!({
        "token_policies": [grant.role],
        "token_ttl": format!("{LIFETIME}s"),
    });
    let more = match &setup.job {
        Job::Pod {
            namespace, account, ..
        } => json!({
            "bound_service_account_names": [account],
            "bound_service_account_namespaces": [namespace],
        }),
        _ => {
            let claims = setup.job.claims(&grant.bound).into_iter();
            let claims: Map<_, _> = claims
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            json!({
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": [vault.audience],
                "bound_claims": claims,
            })
        }
    };
    if let (Value::Object(role), Value::Object(more)) = (&mut role, more) {
        role.extend(more);
    }
    role
}

fn terraform(setup: &Setup, vault: &Vault) -> String {
    let is_pod = matches!(setup.job, Job::Pod { .. });
    let mut names = names(setup, vault);
    let auth = match is_pod {
        true => fill(include_str!("templates/vault-kubernetes.tf"), &names),
        false => fill(include_str!("templates/vault-jwt.tf"), &names),
    };
    let grants = setup.grants.iter().map(|grant| {
        let role = role_in_terraform(setup, vault, grant);
        let why = setup.job.why(&grant.bound);
        let more = [
            ("label", grant.label),
            ("role", grant.role.as_str()),
            ("secret", &grant.secret),
            ("why", &why),
            ("role-tf", &role),
            (
                "resource",
                match is_pod {
                    true => "vault_kubernetes_auth_backend_role",
                    false => "vault_jwt_auth_backend_role",
                },
            ),
        ];
        fill(
            include_str!("templates/vault-grant.tf"),
            &[names.as_slice(), more.as_slice()].concat(),
        )
    });
    let grants: String = grants.collect();
    let (cli, field) = (cli(vault), field(setup));
    let puts = setup.grants.iter();
    let puts = puts.map(|grant| {
        format!(
            "# {cli} kv put -mount={} {} {field}=-",
            vault.mount, grant.secret
        )
    });
    let puts = puts.collect::<Vec<_>>().join("\n");
    names.extend([
        ("auth", auth.as_str()),
        ("grants", &grants),
        ("puts", &puts),
    ]);
    fill(include_str!("templates/vault.tf"), &names)
}

fn role_in_terraform(setup: &Setup, vault: &Vault, grant: &Grant) -> String {
    let quoted = |text: &str| format!("\"{text}\"");
    let list = |text: &str| format!("[\"{text}\"]");
    let backend = match setup.job {
        Job::Pod { .. } => "vault_kubernetes_auth_backend_config.ci.backend",
        _ => "vault_jwt_auth_backend.ci.path",
    };
    let mut first = vec![
        ("backend", backend.to_owned()),
        ("role_name", quoted(&grant.role)),
    ];
    let last = [
        (
            "token_policies",
            format!("[vault_policy.{}.name]", grant.label),
        ),
        ("token_ttl", LIFETIME.to_string()),
    ];
    if let Job::Pod {
        namespace, account, ..
    } = &setup.job
    {
        first.extend([
            ("bound_service_account_names", list(account)),
            ("bound_service_account_namespaces", list(namespace)),
        ]);
        first.extend(last);
        return aligned(&first, 2);
    }
    first.extend([
        ("role_type", quoted("jwt")),
        ("user_claim", quoted("sub")),
        ("bound_audiences", list(&vault.audience)),
    ]);
    let claims = setup.job.claims(&grant.bound).into_iter();
    let claims: Vec<_> = claims.map(|(name, value)| (name, quoted(&value))).collect();
    format!(
        "{}\n  bound_claims = {{\n{}\n  }}\n{}",
        aligned(&first, 2),
        aligned(&claims, 4),
        aligned(&last, 2)
    )
}
