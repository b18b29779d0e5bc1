//! A registry's name and a token, a line each, and the text of Cargo's `credentials.toml`.

use core::ops::RangeInclusive;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use toml::de::{DeTable, DeValue};
use toml_edit::{DocumentMut, Item, TableLike};

use super::super::Registry;
use super::super::files::{File, line as line_of};
use super::{erase, not_toml, set};
use crate::fuzzing::{TOKEN, line};

/// A token that is put in is the one that is read, and one that is taken out is gone; every line that is not the token's stays
/// where it is; and what is not TOML is refused without a word of it.
pub(crate) fn laws(mut text: &str) {
    let (name, token) = (line(&mut text), SecretString::from(line(&mut text)));
    let document = match text.parse::<DocumentMut>() {
        Ok(document) => document,
        Err(error) => {
            let error = not_toml(Path::new("credentials.toml"), text, error.span());
            return assert!(!format!("{error:?}").contains(TOKEN));
        }
    };
    let registry = match name {
        "" => Registry::CratesIo,
        name => Registry::Named(name.to_owned()),
    };
    let mut with = document.clone();
    if set(&mut with, &registry, &token) != Some(true) {
        return;
    }
    let with = with.to_string();
    assert_eq!(
        read(&with, &registry).as_deref(),
        Some(token.expose_secret())
    );
    let changed = changed(text, &registry);
    let mut lines = with.lines();
    for (number, line) in text.lines().enumerate() {
        let is_kept = changed.contains(&(number + 1)) || lines.any(|kept| kept == line);
        assert!(is_kept, "line {} is gone: {line:?}", number + 1);
    }
    let mut without: DocumentMut = with.parse().expect("what is written is TOML");
    assert_eq!(erase(&mut without, &registry), Some(true));
    let without: DocumentMut = without
        .to_string()
        .parse()
        .expect("what is written is TOML");
    assert_eq!(read(&without.to_string(), &registry), None);
    assert_eq!(others(&without, name), others(&document, name));
}

fn read(text: &str, registry: &Registry) -> Option<String> {
    let token = File::of(text)
        .token(registry)
        .expect("what is written is TOML");
    token.map(|token| token.expose_secret().to_owned())
}

/// The lines that a change may touch: those of the token, or of the table in braces that it is in; all of them where the token
/// of old moves.
fn changed(text: &str, registry: &Registry) -> RangeInclusive<usize> {
    let top = DeTable::parse(text).expect("it has been read").into_inner();
    if top.contains_key("token") {
        return 1..=usize::MAX;
    }
    let keys = match registry {
        Registry::CratesIo => &["registry", "token"][..],
        Registry::Named(name) => &["registries", name, "token"],
    };
    let mut table = &top;
    for key in keys {
        let Some((key, value)) = table.get_key_value(*key) else {
            break;
        };
        let at = |offset| line_of(text, offset);
        match value.get_ref() {
            DeValue::Table(inside) if !text[value.span()].starts_with('{') => table = inside,
            _ => return at(key.span().start)..=at(value.span().end),
        }
    }
    // None: there is no such number.
    0..=0
}

/// What is there besides this registry, and besides crates.io, whose token may move.
fn others(document: &DocumentMut, name: &str) -> Vec<(String, String)> {
    let top = document
        .iter()
        .filter(|(key, _)| !["registries", "registry", "token"].contains(key));
    let registries = document.get("registries").and_then(Item::as_table_like);
    let registries = registries
        .into_iter()
        .flat_map(TableLike::iter)
        .filter(|(key, _)| *key != name);
    top.chain(registries)
        .map(|(key, item)| (key.to_owned(), item.to_string().trim().to_owned()))
        .collect()
}
