//! Cargo's config: the registry's index, and that Cargo asks us for its token.

use std::path::Path;

use cargo_credential_bridge_backend::{Error, Kind};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::setup::Setup;

const PROGRAM: &str = "cargo-credential-bridge";

/// Cargo's config with the registry in it. `text` is what is there now.
///
/// # Errors
///
/// If that makes no sense, or says something else of the registry and nothing is to be replaced.
pub(super) fn with(setup: &Setup, path: &Path, text: &str, replace: bool) -> Result<String, Error> {
    let invalid = |why: String| {
        Error::new(
            Kind::Invalid,
            format!(
                "Cargo's config `{}` {why}; nothing was changed",
                path.display()
            ),
        )
    };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        // The parser's own words show the line, which may be a token's.
        invalid("is not TOML".to_owned()).because(format!("line {line} makes no sense"))
    })?;
    let name = &setup.name;
    let table = below(document.as_table_mut(), "registries", true)
        .and_then(|registries| below(registries, name, false))
        .ok_or_else(|| {
            invalid(format!(
                "is not as Cargo has it: `registries.{name}` is no table"
            ))
        })?;
    for (key, value, is_it) in [
        (
            "index",
            setup.index.as_str(),
            is_index as fn(&Item, &Setup) -> bool,
        ),
        ("credential-provider", PROGRAM, is_provider),
    ] {
        match table.get_mut(key) {
            Some(item) if is_it(item, setup) => {}
            Some(item) if replace => {
                let mut new = Value::from(value);
                if let Some(old) = item.as_value() {
                    *new.decor_mut() = old.decor().clone();
                }
                *item = Item::Value(new);
            }
            Some(_) => {
                return Err(
                    invalid(format!("says something else for `registries.{name}.{key}`")).help(
                        format!(
                            "`--replace` makes it `{value}`; or give the registry another name by `--registry`"
                        ),
                    ),
                );
            }
            None => {
                table.insert(key, Item::Value(Value::from(value)));
            }
        }
    }
    Ok(document.to_string())
}

/// The text with `…` in place of every string but what is the registry's own: it may hold tokens.
pub(super) fn shown(setup: &Setup, text: &str) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return String::new();
    };
    for (key, item) in document.iter_mut() {
        match (key.get(), item.as_table_like_mut()) {
            ("registries", Some(registries)) => {
                for (key, item) in registries.iter_mut() {
                    let is_ours = key.get() == setup.name;
                    mask(
                        item,
                        if is_ours {
                            &["index", "credential-provider"]
                        } else {
                            &[]
                        },
                    );
                }
            }
            _ => mask(item, &[]),
        }
    }
    document.to_string()
}

fn mask(item: &mut Item, but: &[&str]) {
    if let Some(table) = item.as_table_like_mut() {
        for (key, item) in table.iter_mut() {
            if !but.contains(&key.get()) {
                mask(item, &[]);
            }
        }
    } else if let Some(tables) = item.as_array_of_tables_mut() {
        for (_, item) in tables.iter_mut().flat_map(Table::iter_mut) {
            mask(item, &[]);
        }
    } else if let Some(value) = item.as_value_mut()
        && (value.is_str() || value.is_array())
    {
        let decor = value.decor().clone();
        *value = Value::from("…");
        *value.decor_mut() = decor;
    }
}

fn is_index(item: &Item, setup: &Setup) -> bool {
    item.as_str() == Some(&setup.index)
}

/// Cargo takes a string or an array of words.
fn is_provider(item: &Item, _: &Setup) -> bool {
    let array = item.as_array().filter(|array| array.len() == 1);
    let first = array.and_then(|array| array.get(0)).and_then(Value::as_str);
    item.as_str().or(first) == Some(PROGRAM)
}

/// The table of this name, made if there is none.
fn below<'a>(
    table: &'a mut dyn TableLike,
    name: &str,
    is_implicit: bool,
) -> Option<&'a mut dyn TableLike> {
    let table = table.entry(name).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(is_implicit);
        Item::Table(table)
    });
    table.as_table_like_mut()
}
