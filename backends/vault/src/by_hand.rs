//! What a person does with Vault's or OpenBao's own command line.
//!
//! Source: the reference of `vault kv`.

use cargo_credential_bridge_backend::{Change, Edit, shell_word};

use crate::config::{Config, KvVersion, Place, Reference, default_mount};
use crate::dialect::Dialect;

/// What a person must know of a command.
const READS: &str = "reads the token from standard input";
const REPLACES: &str = ", and replaces all fields";

/// How a person makes the change.
pub(crate) fn by_hand(
    dialect: Dialect,
    config: &Config,
    reference: &Reference,
    edit: &Edit<'_>,
) -> String {
    let namespace = config.namespace.as_ref().map(|value| value.in_shell());
    let mount = config
        .mount
        .as_ref()
        .map_or_else(|| default_mount().to_string(), |value| value.in_shell());
    let command = |name| command(dialect, name, namespace.as_deref(), &mount);
    let field = shell_word(edit.field.unwrap_or("token"));
    let (versioned, path) = match &reference.0 {
        Place::Kv { path, .. } => (config.kv_version == KvVersion::V2, path.in_shell()),
        Place::Raw { path } => {
            // The command line knows what is mounted there.
            let cli = dialect.cli();
            let path = path.in_shell();
            return match edit.change {
                Change::Set(_) => format!("`{cli} write {path} {field}=-` {READS}{REPLACES}"),
                Change::Erase => format!("`{cli} delete {path}`"),
            };
        }
    };
    match (edit.change, edit.field) {
        (Change::Set(_), _) if versioned => {
            format!("`{} {path} {field}=-` {READS}", command("patch"))
        }
        (Change::Set(_), _) => format!("`{} {path} {field}=-` {READS}{REPLACES}", command("put")),
        (Change::Erase, Some(name)) if versioned => {
            let json = serde_json::json!({ name: null }).to_string();
            let patch = command("patch");
            format!(
                "`echo {} | {patch} -method=patch {path} -`",
                shell_word(&json)
            )
        }
        (Change::Erase, Some(_)) => format!(
            "`{} {path}` writes it anew: name all fields but `{field}`",
            command("put")
        ),
        (Change::Erase, None) => format!("`{} {path}`", command("delete")),
    }
}

/// `vault kv NAME` with its flags.
pub(crate) fn command(
    dialect: Dialect,
    name: &str,
    namespace: Option<&str>,
    mount: &str,
) -> String {
    let namespace =
        namespace.map_or_else(String::new, |namespace| format!(" -namespace={namespace}"));
    format!("{} kv {name}{namespace} -mount={mount}", dialect.cli())
}
