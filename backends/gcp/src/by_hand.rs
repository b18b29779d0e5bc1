//! What a person does with Google's own command line.
//!
//! Source: the reference of `gcloud secrets`.

use cargo_credential_bridge_backend::{Change, Edit, Value};

use crate::config::{Config, Named, Reference};

/// How a person makes the change.
pub(crate) fn by_hand(config: &Config, reference: &Reference, edit: &Edit<'_>) -> String {
    let (secret, project, location) = match &reference.0 {
        Named::Short {
            secret,
            project,
            location,
            ..
        } => {
            let project = project.as_ref().or(config.project.as_ref());
            (
                secret.in_shell(),
                project.map(|value| value.in_shell()),
                location.as_ref().map(|value| value.in_shell()),
            )
        }
        Named::Full {
            name: Value::Given(name),
            ..
        } => (
            name.secret.to_string(),
            Some(name.project.to_string()),
            name.location.as_ref().map(|location| location.to_string()),
        ),
        // The command takes the full name as well.
        Named::Full { name, .. } => (name.in_shell(), None, None),
    };
    let option = |name: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!(" --{name}={value}"))
    };
    let place = option("project", project) + &option("location", location);
    match (edit.field, edit.change) {
        (None, Change::Erase) => format!(
            "`gcloud secrets versions list {secret}{place}` shows the newest, and \
             `gcloud secrets versions disable NUMBER --secret={secret}{place}` takes it away"
        ),
        _ => format!(
            "`gcloud secrets versions add {secret}{place} --data-file=-` reads {}",
            edit.input()
        ),
    }
}
