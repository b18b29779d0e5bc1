//! One behaviour, whatever the store: the same tests run over every backend.
//!
//! A new backend implements [`Store`] and adds its line to the list at the end.

mod bound;
mod stores;

use serde_json::{Value, json};
use test_servers::Provider;
use test_servers::provider::error_text;

use self::bound::*;
use crate::BINARY;

const URL: &str = "sparse+https://crates.example.com/index/";

/// A store as the suite needs it: filled by a test, then asked through the provider.
trait Store {
    /// An empty one.
    fn start() -> Self;

    /// Keeps a set of fields under a name.
    fn put(&mut self, name: &str, fields: &Value);

    /// Says, beside what is under a name and there, which registries it is for; gives the line of `[backends.store]` by which
    /// that counts. `None` if the store has no place for that.
    fn bind(&mut self, name: &str, urls: &str) -> Option<&'static str>;

    /// Lets nobody read what is under a name; `false` if the store knows no rights.
    fn deny(&mut self, name: &str) -> bool;

    /// `[backends.store]`.
    fn backend(&self) -> String;

    /// A backend of the same type that nothing answers at, if there can be one.
    fn unreachable(&self) -> Option<String>;

    /// A backend of the same type that this machine has no identity for, if there can be one.
    fn without_identity(&self) -> Option<String>;

    /// The keys of a source that name a secret.
    fn source(&self, name: &str) -> String;

    /// The variables and files that the job has.
    fn equip(&self, provider: Provider) -> Provider;
}

/// Runs one request against a chain with a variable behind the store.
struct Asked {
    answer: Value,
    stderr: String,
}

impl Asked {
    fn text(&self) -> String {
        error_text(&self.answer)
    }

    fn token(&self) -> &str {
        self.answer["Ok"]["token"].as_str().unwrap_or_default()
    }
}

/// Asks for the token of a registry with these keys, whose `$store` is the source for a name.
fn ask<S: Store>(store: &S, backend: &str, registry: &str, secrets: &[&str]) -> Asked {
    ask_with(
        store,
        backend,
        &format!("[registries.\"{URL}\"]\n{registry}"),
        secrets,
    )
}

/// The same, with whole entries, one of which is of the registry.
fn ask_with<S: Store>(store: &S, backend: &str, entries: &str, secrets: &[&str]) -> Asked {
    let config = format!(
        "timeout = \"20s\"\n[backends.store]\n{backend}\n[backends.fallback]\ntype = \"env\"\n{entries}\n"
    );
    let provider = store.equip(
        Provider::new(BINARY)
            .config(&config)
            .env("FALLBACK", "fa11back-s3cret"),
    );
    let provider = secrets
        .iter()
        .fold(provider, |provider, secret| provider.secret(secret));
    let run = provider.run(test_servers::provider::get_request(URL, "read").as_bytes());
    Asked {
        answer: run.answer(),
        stderr: run.stderr,
    }
}

fn source<S: Store>(store: &S, name: &str, field: &str) -> String {
    format!(
        "{{ backend = \"store\", {}, field = \"{field}\" }}",
        store.source(name)
    )
}

fn sources<S: Store>(store: &S, name: &str, field: &str) -> String {
    format!("sources = [ {} ]", source(store, name, field))
}

const FALLBACK: &str = "{ backend = \"fallback\", var = \"FALLBACK\" }";

fn a_field_is_the_token<S: Store>() {
    let mut store = S::start();
    store.put(
        "cargo",
        &json!({
            "token": "t0ken-s3cret", "number": 1234567890123_u64, "yes": true, "line": "1ine-s3cret\r\n",
            "nested": { "deep": { "token": "d33p-s3cret" } }, "a.b": "1iteral-s3cret", "a": { "b": "other" },
            "escaped": "a\"b\\c",
        }),
    );
    for (field, token) in [
        ("token", "t0ken-s3cret"),
        ("number", "1234567890123"),
        ("yes", "true"),
        ("line", "1ine-s3cret"),
        ("nested.deep.token", "d33p-s3cret"),
        ("a.b", "1iteral-s3cret"),
        ("escaped", "a\"b\\c"),
    ] {
        let asked = ask(
            &store,
            &store.backend(),
            &sources(&store, "cargo", field),
            &[],
        );
        assert_eq!(
            asked.token(),
            token,
            "{field}: {}\n{}",
            asked.answer,
            asked.stderr
        );
        assert_eq!(asked.answer["Ok"]["cache"], "session");
        assert_eq!(asked.answer["Ok"]["operation_independent"], true);
        assert_eq!(asked.stderr, "");
    }
}

fn a_missing_secret_makes_way_for_the_next_source<S: Store>() {
    let store = S::start();
    let missing = source(&store, "nothing-here", "token");
    let asked = ask(
        &store,
        &store.backend(),
        &format!("sources = [ {missing} ]"),
        &[],
    );
    assert_eq!(asked.answer, json!({"Err":{"kind":"not-found"}}));
    assert!(
        asked
            .stderr
            .starts_with("cargo-credential-bridge: no read token for `"),
        "{}",
        asked.stderr
    );
    assert_eq!(asked.stderr.lines().count(), 1, "{}", asked.stderr);

    let asked = ask(
        &store,
        &store.backend(),
        &format!("sources = [ {missing}, {FALLBACK} ]"),
        &[],
    );
    assert_eq!(asked.token(), "fa11back-s3cret", "{}", asked.answer);
    let notice = "is from the environment variable `FALLBACK` of `fallback`; before it: ";
    assert!(asked.stderr.contains(notice), "{}", asked.stderr);
}

fn a_secret_that_is_no_token_ends_the_chain<S: Store>() {
    let mut store = S::start();
    store.put(
        "odd",
        &json!({
            "list": ["s3cret-in-list"], "object": { "x": "s3cret-in-object" }, "none": null, "empty": "",
            "broken": "s3cret\nX-Evil: 1", "nul": "s3cret\u{0}", "accent": "s3crét-with-accent",
        }),
    );
    for (field, why) in [
        ("tokn", "has no field `tokn`"),
        ("object.y", "has no field `y`"),
        ("list", "is an array, and not a token"),
        ("object", "is an object, and not a token"),
        ("none", "is null, and not a token"),
        ("empty", "is empty"),
        ("broken", "has control characters in it"),
        ("nul", "has control characters in it"),
        ("accent", "has characters in it that are not ASCII"),
    ] {
        let registry = format!("sources = [ {}, {FALLBACK} ]", source(&store, "odd", field));
        let secrets = ["s3cret-in-list", "s3cret-in-object", "s3crét-with-accent"];
        let asked = ask(&store, &store.backend(), &registry, &secrets);
        let text = asked.text();
        assert!(text.contains(why), "{field}: {text}");
        assert!(!text.contains("X-Evil"), "{text}");
        if field == "tokn" {
            let fields =
                "its fields are `accent`, `broken`, `empty`, `list`, `none`, `nul`, `object`";
            assert!(text.contains(fields), "{text}");
        }
    }
}

fn a_scheme_may_take_a_second_field<S: Store>() {
    let mut store = S::start();
    store.put(
        "pair",
        &json!({ "user": "Aladdin", "password": "open sesame" }),
    );
    let sources = sources(&store, "pair", "password");
    let registry = format!("scheme = \"Basic\"\nusername-field = \"user\"\n{sources}");
    let asked = ask(&store, &store.backend(), &registry, &["open sesame"]);
    assert_eq!(
        asked.token(),
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "{}",
        asked.answer
    );
    let asked = ask(
        &store,
        &store.backend(),
        &format!("scheme = \"Bearer\"\n{sources}"),
        &["open sesame"],
    );
    assert_eq!(asked.token(), "Bearer open sesame", "{}", asked.answer);
}

fn who_is_refused_gets_nobody_elses_token<S: Store>() {
    let mut store = S::start();
    store.put("private", &json!({ "token": "pr1vate-s3cret" }));
    if !store.deny("private") {
        return;
    }
    let chain = format!(
        "sources = [ {}, {FALLBACK} ]\non-unavailable = \"next\"",
        source(&store, "private", "token")
    );
    let asked = ask(
        &store,
        &store.backend(),
        &chain,
        &["pr1vate-s3cret", "fa11back-s3cret"],
    );
    assert!(asked.text().contains("help: "), "{}", asked.text());
}

fn who_has_no_identity_here_asks_the_next_source<S: Store>() {
    let store = S::start();
    let Some(backend) = store.without_identity() else {
        return;
    };
    let one = source(&store, "cargo", "token");
    let asked = ask(&store, &backend, &format!("sources = [ {one} ]"), &[]);
    asked.text();
    let asked = ask(
        &store,
        &backend,
        &format!("sources = [ {one}, {FALLBACK} ]"),
        &[],
    );
    assert_eq!(asked.token(), "fa11back-s3cret", "{}", asked.answer);
    let asked = ask(
        &store,
        &backend,
        &format!("sources = [ {one}, {one} ]"),
        &[],
    );
    let text = asked.text();
    assert!(
        text.starts_with("none of the places for this registry's token can be used here"),
        "{text}"
    );
}

fn a_store_that_is_away_ends_the_chain_unless_told_otherwise<S: Store>() {
    let store = S::start();
    let Some(backend) = store.unreachable() else {
        return;
    };
    let chain = format!(
        "sources = [ {}, {FALLBACK} ]",
        source(&store, "cargo", "token")
    );
    let asked = ask(&store, &backend, &chain, &["fa11back-s3cret"]);
    assert!(asked.text().contains("can't reach"), "{}", asked.text());
    let asked = ask(
        &store,
        &backend,
        &format!("on-unavailable = \"next\"\n{chain}"),
        &[],
    );
    assert_eq!(asked.token(), "fa11back-s3cret", "{}", asked.answer);
}

/// Runs the suite over a store.
macro_rules! suite {
    ($($name:ident: $store:ty;)*) => {$(
        mod $name {
            suite!(@ $store:
                a_field_is_the_token
                a_missing_secret_makes_way_for_the_next_source
                a_secret_that_is_no_token_ends_the_chain
                a_scheme_may_take_a_second_field
                who_is_refused_gets_nobody_elses_token
                who_has_no_identity_here_asks_the_next_source
                a_store_that_is_away_ends_the_chain_unless_told_otherwise
                a_secret_is_for_the_registries_that_it_names
                a_secret_is_for_no_other_registry
                what_names_no_registry_is_for_none
                each_object_on_the_way_has_a_say
                an_entry_for_several_urls_gives_each_its_own
                a_store_may_say_it_beside_the_secret
            );
        }
    )*};
    (@ $store:ty: $($behaviour:ident)*) => {$(
        #[test]
        fn $behaviour() {
            super::$behaviour::<$store>();
        }
    )*};
}

suite! {
    env: super::stores::Env;
    file: super::stores::File;
    vault_kv2: super::stores::VaultKv2;
    vault_kv1: super::stores::VaultKv1;
    openbao: super::stores::OpenBao;
    aws: super::stores::Aws;
    gcp: super::stores::Gcp;
}
