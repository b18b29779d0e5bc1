//! The schema for editors, and the config as it is read, know the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::cli::SCHEMA;

/// A key that nobody knows, and that is like none.
const STRAY: &str = "zzzzzz";

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Configs with the stray key in each table that there can be, and the name of that table in the schema.
fn tables() -> Vec<(String, String)> {
    let registry = |keys: &str| format!("[registries.\"sparse+https://a.example/\"]\n{keys}");
    let backend = |kind: &str, keys: &str| format!("[backends.x]\ntype = \"{kind}\"\n{keys}\n");
    let stray = format!("{STRAY} = 1");
    let mut tables = vec![
        (stray.clone(), String::new()),
        (
            registry(&format!("sources = [ \"cargo:token\" ]\n{stray}")),
            "registry".to_owned(),
        ),
        (
            format!("[audit]\nsyslog = true\n{stray}"),
            "audit".to_owned(),
        ),
        (
            registry(&format!(
                "sources = [ \"cargo:token\" ]\nguard = {{ crates = [ \"x\" ], {stray} }}"
            )),
            "guard".to_owned(),
        ),
        (
            backend("vault", &format!("address = {{ {stray} }}")),
            "supplied".to_owned(),
        ),
    ];
    for (kind, source) in [
        ("vault", "vault"),
        ("openbao", "vault"),
        ("aws", "aws"),
        ("gcp", "gcp"),
        ("file", "file"),
        ("env", "env"),
    ] {
        tables.push((backend(kind, &stray), kind.to_owned()));
        let source_table = format!("sources = [ {{ backend = \"x\", {stray} }} ]");
        tables.push((
            backend(kind, "") + &registry(&source_table),
            format!("{source}-source"),
        ));
    }
    for (kind, methods) in methods() {
        for method in methods {
            let auth = format!("auth = {{ method = \"{method}\", {stray} }}");
            tables.push((backend(kind, &auth), format!("{kind}-method-{method}")));
        }
    }
    tables
}

/// The methods of each store, as the config knows them.
fn methods() -> Vec<(&'static str, Vec<String>)> {
    ["vault", "aws", "gcp"]
        .map(|kind| {
            let text =
                format!("[backends.x]\ntype = \"{kind}\"\nauth = {{ method = \"{STRAY}\" }}");
            (kind, offered(&text))
        })
        .to_vec()
}

/// What the help of a fault offers.
fn offered(text: &str) -> Vec<String> {
    let fault = parse(text).err().unwrap();
    let error = fault.explain("`c.toml`", text);
    let help = error.help_text().unwrap().to_owned();
    assert!(help.starts_with("known here: "), "{help}");
    help.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn keys(table: &Value) -> BTreeSet<String> {
    let properties = table["properties"].as_object();
    properties
        .into_iter()
        .flat_map(|keys| keys.keys().cloned())
        .collect()
}

#[test]
fn it_has_the_keys_that_are_read_and_no_others() {
    let schema = schema();
    let mut seen = BTreeMap::new();
    for (text, name) in tables() {
        let fault = parse(&text).err().unwrap();
        let mut known: BTreeSet<_> = fault
            .known()
            .unwrap_or_else(|| panic!("{text}\n{fault}"))
            .iter()
            .cloned()
            .collect();
        let table = match name.as_str() {
            "" => &schema,
            name => &schema["definitions"][name],
        };
        if name.contains("-method-") {
            // What a method is chosen by is read before.
            known.insert("method".to_owned());
        }
        assert_eq!(keys(table), known, "`{name}`, by\n{text}");
        assert_eq!(table["additionalProperties"], false, "`{name}`");
        seen.insert(name, ());
    }
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        let is_seen = !definition["properties"].is_object() || seen.contains_key(name);
        assert!(is_seen, "no config is tried for `{name}`");
    }
}

#[test]
fn it_has_the_names_that_are_read_and_no_others() {
    let schema = schema();
    let definitions = &schema["definitions"];
    let names = |choice: &Value| -> Vec<_> {
        let list = choice.as_array().unwrap();
        list.iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect()
    };
    let refs = |choice: &Value, prefix: &str| -> Vec<_> {
        let list = choice["oneOf"].as_array().unwrap().iter();
        list.map(|one| {
            let name = one["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            name.strip_prefix(prefix).unwrap().to_owned()
        })
        .collect()
    };
    let types: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(refs(&definitions["backend"], ""), types);
    for name in types {
        assert_eq!(definitions[name]["properties"]["type"]["const"], name);
    }
    for (kind, methods) in methods() {
        let prefix = format!("{kind}-method-");
        assert_eq!(
            refs(&definitions[&prefix[..prefix.len() - 1]], &prefix),
            methods
        );
    }
    for (text, choice) in [
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"jwt\", identity = \"zzzzzz\" }",
            &definitions["identity"]["anyOf"][0]["enum"],
        ),
        (
            "[backends.x]\ntype = \"vault\"\nauth = { method = \"gcp\", role = \"r\", type = \"zzzzzz\" }",
            &definitions["vault-method-gcp"]["properties"]["type"]["enum"],
        ),
        (
            "[registries.\"sparse+https://a.example/\"]\nsources = [ \"cargo:token\" ]\non-unavailable = \"zzzzzz\"",
            &definitions["registry"]["properties"]["on-unavailable"]["enum"],
        ),
        (
            "[registries.\"sparse+https://a.example/\"]\nsources = [ \"cargo:token\" ]\nguard = { operations = [ \"zzzzzz\" ] }",
            &definitions["guard"]["properties"]["operations"]["items"]["enum"],
        ),
    ] {
        assert_eq!(names(choice), offered(text), "{text}");
    }
}

fn faults(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    let config: Value = toml::from_str(text).unwrap();
    validator
        .iter_errors(&config)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn every_example_is_valid_by_it() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (origin, text) in examples() {
        let faults = faults(&validator, &text);
        assert!(faults.is_empty(), "{origin}: {faults:#?}");
    }
    assert!(faults(&validator, CONFIG).is_empty());
}

#[test]
fn what_makes_no_sense_is_not() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for text in [
        "timeuot = \"5s\"",
        "[backends.x]\ntype = \"valut\"",
        "[backends.x]\ntype = \"vault\"\nadress = \"https://x\"",
        "[backends.x]\ntype = \"vault\"\nauth = { method = \"token\", token = \"inline\" }",
        "[backends.x]\ntype = \"vault\"\nauth = []",
        "[backends.x]\ntype = \"aws\"\nregion = \"a-1\"\nregions = [ \"b-1\" ]",
        "[registries.\"https://a.example/\"]\nprefix = true",
        "[registries.\"https://a.example/\"]\nsources = []",
        "[registries.\"https://a.example/\"]\nsources = [ \"cargo:token\" ]\nguard = {}",
        "[registries.\"https://a.example/\"]\nsources = [ \"cargo:token\" ]\nguard = { crates = [] }",
        "[registries.\"https://a.example/\"]\nsources = [ \"cargo:token\" ]\nguard = { claims = { ref = 1 } }",
        "[audit]",
        "[audit]\nsyslog = false\njob-summary = false",
        "[registries.\"https://a.example/\"]\nsources = [ { backend = \"x\", path = \"p\", raw-path = \"q\" } ]",
    ] {
        assert!(!faults(&validator, text).is_empty(), "{text}");
        assert!(parse(text).is_err(), "{text}");
    }
}
