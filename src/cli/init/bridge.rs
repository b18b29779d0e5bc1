//! The provider's own config: the text for a registry, and where it goes in the config that is there.

use core::ops::Range;
use std::collections::BTreeSet;
use std::path::Path;

use cargo_credential_bridge_backend::{Error, Kind};
use toml::de::DeTable;
use toml_edit::{DocumentMut, Item, Value};

use super::setup::{Job, Setup, Store};
use crate::config::Config;
use crate::registry::{By, IndexUrl};

/// For whom a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A job that reads, and nothing else.
    Job,
    /// The job that publishes.
    Publisher,
    /// This machine: whoever is on it reads by their own login where there is no job.
    Machine,
}

/// The config with the registry in it. `text` is what is there now.
///
/// # Errors
///
/// If that makes no sense, or has an entry for the registry already and none is to be replaced.
pub(super) fn with(setup: &Setup, path: &Path, text: &str, replace: bool) -> Result<String, Error> {
    let origin = format!("`{}`", path.display());
    let before = Config::check(text, &origin)?;
    let mut document: DocumentMut = text.parse().map_err(|_| {
        Error::new(
            Kind::Invalid,
            format!("the config {origin} can't be changed"),
        )
    })?;
    let found = before.registries.matched(&setup.url);
    match found.map(|found| (found.by, found.url)) {
        None | Some((By::Prefix, _)) => {}
        Some((By::Url, url)) if replace => remove(&mut document, url),
        Some((by, url)) => {
            let line = line(text, url);
            let error = Error::new(
                Kind::Invalid,
                format!(
                    "`{}` has an entry already, {origin}:{line}; nothing was changed",
                    setup.url
                ),
            );
            return Err(match by {
                By::Also => error.help(format!(
                    "it is among the `also` of `{url}`: change that by hand"
                )),
                _ => error.help("`--replace` puts a new one in its place"),
            });
        }
    }
    let taken = |name: &str| {
        let backends = document.get("backends").and_then(Item::as_table_like);
        backends.is_some_and(|backends| backends.contains_key(name))
    };
    let mut backend = setup.name.clone();
    let mut number = 2;
    while taken(&backend) || taken(&format!("{backend}-publish")) {
        backend = format!("{}-{number}", setup.name);
        number += 1;
    }
    let kept = document.to_string();
    let entry = entry(setup, &backend, Reader::Machine);
    let after = match kept.trim_end() {
        "" => entry,
        kept => format!("{kept}\n\n{entry}"),
    };
    // Nothing is written that we would not read.
    Config::check(&after, &format!("{origin}, as it would be"))?;
    Ok(after)
}

/// The tables for the registry.
pub(super) fn entry(setup: &Setup, backend: &str, reader: Reader) -> String {
    let mut backends = String::new();
    let mut sources = String::new();
    for (position, grant) in setup.grants.iter().enumerate() {
        if position > 0 && reader == Reader::Job && !matches!(setup.job, Job::GitLab { .. }) {
            continue;
        }
        let name = match position {
            0 => backend.to_owned(),
            _ => format!("{backend}-{}", grant.label),
        };
        // Nobody publishes from a machine without saying so.
        let own = (position == 0 && reader == Reader::Machine)
            .then(|| own(setup))
            .flatten();
        backends.push_str(&table(setup, &name, &grant.role, own));
        let key = if position == 0 {
            "sources"
        } else {
            grant.label
        };
        let field = setup.field.as_ref();
        let field = field.map_or_else(String::new, |field| format!(", field = \"{field}\""));
        let reference = match setup.store {
            Store::Vault(_) => "path",
            Store::Aws { .. } | Store::Google { .. } => "secret",
        };
        sources.push_str(&format!(
            "{key} = [ {{ backend = \"{name}\", {reference} = \"{}\"{field} }} ]\n",
            grant.secret
        ));
    }
    let scheme = setup.scheme.as_ref();
    let scheme = scheme.map_or_else(String::new, |scheme| format!("scheme = \"{scheme}\"\n"));
    format!(
        "{backends}[registries.\"{}\"]\n{scheme}{sources}",
        setup.index
    )
}

/// The way of a person on this machine, where the job's way is said.
fn own(setup: &Setup) -> Option<&'static str> {
    Some(match setup.store {
        Store::Vault(_) => "{ method = \"token\" }",
        Store::Aws { .. } => "{ method = \"default\" }",
        Store::Google { .. } => "{ method = \"adc\" }",
    })
}

fn table(setup: &Setup, name: &str, role: &str, own: Option<&str>) -> String {
    let mut text = format!("[backends.{name}]\n");
    let mut push = |key: &str, value: &str| text.push_str(&format!("{key} = \"{value}\"\n"));
    match &setup.store {
        Store::Vault(vault) => {
            push("type", if vault.is_bao { "openbao" } else { "vault" });
            push("address", &vault.address);
            if let Some(namespace) = &vault.namespace {
                push("namespace", namespace);
            }
            if vault.mount != "secret" {
                push("mount", &vault.mount);
            }
        }
        Store::Aws { region, .. } => {
            push("type", "aws");
            push("region", region);
        }
        Store::Google { project, .. } => {
            push("type", "gcp");
            push("project", project);
        }
    }
    match (method(setup, role), own) {
        (Some(method), Some(own)) => {
            text.push_str(&format!("auth = [\n  {method},\n  {own},\n]\n"));
        }
        (Some(method), None) => text.push_str(&format!("auth = {method}\n")),
        (None, _) => {}
    }
    text.push('\n');
    text
}

/// How a job proves who it is; none where the store's own way is enough.
fn method(setup: &Setup, role: &str) -> Option<String> {
    let identity = setup.job.identity()?;
    let is_pod = matches!(setup.job, Job::Pod { .. });
    match &setup.store {
        Store::Vault(vault) => {
            let method = if is_pod { "kubernetes" } else { "jwt" };
            let mount = match vault.auth_mount.as_str() {
                mount if mount == method => String::new(),
                mount => format!(", mount = \"{mount}\""),
            };
            let shown = match is_pod {
                true => String::new(),
                false => format!(
                    ", audience = \"{}\", identity = \"{identity}\"",
                    vault.audience
                ),
            };
            Some(format!(
                "{{ method = \"{method}\"{mount}, role = \"{role}\"{shown} }}"
            ))
        }
        // EKS and GKE give a pod what the clouds' own libraries look for.
        _ if is_pod => None,
        Store::Aws { account, .. } => Some(format!(
            "{{ method = \"web-identity\", role-arn = \"arn:aws:iam::{account}:role/{role}\", identity = \"{identity}\" }}"
        )),
        Store::Google { .. } => Some(format!(
            "{{ method = \"workload-identity\", provider = \"{}\", identity = \"{identity}\" }}",
            setup.store.provider()
        )),
    }
}

/// Takes out an entry, and the backends that only it has used.
fn remove(document: &mut DocumentMut, url: &IndexUrl) {
    let is_it = |key: &str| key.parse::<IndexUrl>().is_ok_and(|known| known == *url);
    let mut used = BTreeSet::new();
    let mut still = BTreeSet::new();
    let Some(registries) = document
        .get_mut("registries")
        .and_then(Item::as_table_like_mut)
    else {
        return;
    };
    let keys: Vec<String> = registries
        .iter()
        .map(|(key, item)| {
            backends(item, if is_it(key) { &mut used } else { &mut still });
            key.to_owned()
        })
        .filter(|key| is_it(key))
        .collect();
    for key in keys {
        registries.remove(&key);
    }
    if let Some(table) = document
        .get_mut("backends")
        .and_then(Item::as_table_like_mut)
    {
        for name in used.difference(&still) {
            table.remove(name);
        }
    }
}

/// The backends that the sources of an entry name.
fn backends(entry: &Item, names: &mut BTreeSet<String>) {
    let lists = entry
        .as_table_like()
        .into_iter()
        .flat_map(|table| table.iter());
    for (_, list) in lists {
        for source in list.as_array().into_iter().flatten() {
            let table = source.as_inline_table();
            let name = table.and_then(|table| table.get("backend"));
            names.extend(name.and_then(Value::as_str).map(str::to_owned));
        }
        for source in list.as_array_of_tables().into_iter().flatten() {
            let name = source.get("backend").and_then(Item::as_str);
            names.extend(name.map(str::to_owned));
        }
    }
}

/// The line of an entry.
fn line(text: &str, url: &IndexUrl) -> usize {
    let place = |table: &DeTable<'_>| -> Option<Range<usize>> {
        let registries = table.get("registries")?.get_ref().as_table()?;
        let is_it = |key: &str| key.parse::<IndexUrl>().is_ok_and(|known| known == *url);
        let (key, _) = registries.iter().find(|(key, _)| is_it(key.get_ref()))?;
        Some(key.span())
    };
    let table = DeTable::parse(text).ok();
    let at = table.and_then(|table| place(table.get_ref()));
    let before = at.and_then(|at| text.get(..at.start));
    before.map_or(1, |before| before.matches('\n').count() + 1)
}
