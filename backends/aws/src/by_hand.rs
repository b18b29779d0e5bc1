//! What a person does with AWS's own command line.
//!
//! Source: the reference of `aws secretsmanager`.

use cargo_credential_bridge_backend::{Change, Edit, Value};

use crate::config::{Config, Reference};
use crate::write::RECOVERY_DAYS;

/// How a person makes the change.
pub(crate) fn by_hand(config: &Config, reference: &Reference, edit: &Edit<'_>) -> String {
    let region = match (config.regions.first(), &reference.secret) {
        (Some(region), _) => Some(region.in_shell()),
        (None, Value::Given(secret)) => secret.region().map(|region| region.to_string()),
        (None, Value::Supplied(_)) => None,
    };
    let profile = config.profile.as_ref().map(|value| value.in_shell());
    let secret = reference.secret.in_shell();
    let command = |name| command(name, profile.as_deref(), region.as_deref(), &secret);
    match (edit.field, edit.change) {
        (None, Change::Erase) => format!(
            "`{} --recovery-window-in-days {RECOVERY_DAYS}`",
            command("delete-secret")
        ),
        _ => format!(
            "`{} --secret-string file:///dev/stdin` reads {}",
            command("put-secret-value"),
            edit.input()
        ),
    }
}

/// `aws secretsmanager NAME` with its options.
pub(crate) fn command(
    name: &str,
    profile: Option<&str>,
    region: Option<&str>,
    secret: &str,
) -> String {
    let option = |name: &str, value: Option<&str>| {
        value.map_or_else(String::new, |value| format!(" --{name} {value}"))
    };
    format!(
        "aws secretsmanager {name}{}{} --secret-id {secret}",
        option("profile", profile),
        option("region", region)
    )
}
