//! Secrets that say which registries they are for.

use serde_json::{Value, json};

use super::{Asked, FALLBACK, Store, URL, ask, ask_with, source, sources};

const TOKEN: &str = "t0ken-s3cret";
const OTHER: &str = "sparse+https://other.example.com/index/";

/// Asks for the token beside which this is said.
fn ask_beside<S: Store>(store: &mut S, said: &Value) -> Asked {
    store.put("cargo", &json!({ "token": TOKEN, "index-url": said }));
    let registry = format!(
        "sources = [ {}, {FALLBACK} ]\non-unavailable = \"next\"",
        source(store, "cargo", "token")
    );
    ask(store, &store.backend(), &registry, &[])
}

/// The whole error, and a promise that no token of the chain is in it.
fn refusal(asked: &Asked) -> String {
    let text = asked.text();
    for token in [TOKEN, "fa11back-s3cret"] {
        assert!(
            !text.contains(token) && !asked.stderr.contains(token),
            "{text}"
        );
    }
    text
}

/// URLs are compared as those of entries are.
pub(super) fn a_secret_is_for_the_registries_that_it_names<S: Store>() {
    let mut store = S::start();
    for said in [
        json!(URL),
        json!("sparse+https://crates.example.com/index"),
        json!("sparse+HTTPS://Crates.Example.COM:443/index/"),
        json!([OTHER, URL]),
        json!([URL]),
        json!(format!("{OTHER}  {URL}\n")),
        json!([format!("{OTHER} {URL}"), "https://github.com/acme/index"]),
    ] {
        let asked = ask_beside(&mut store, &said);
        assert_eq!(asked.token(), TOKEN, "{said}: {}", asked.answer);
        assert_eq!(asked.stderr, "");
    }
}

pub(super) fn a_secret_is_for_no_other_registry<S: Store>() {
    let mut store = S::start();
    for said in [
        OTHER,
        "sparse+https://crates.example.com/",
        "sparse+https://crates.example.com/index/more/",
        "sparse+https://crates.example.com/Index/",
        "sparse+https://crates.example.com:8443/index/",
        "sparse+https://crates.example.com.evil.example/index/",
        "sparse+http://crates.example.com/index/",
        "https://crates.example.com/index/",
        "registry+https://crates.example.com/index/",
    ] {
        let text = refusal(&ask_beside(&mut store, &json!(said)));
        let end = format!(
            " of `store` is not for the registry `{URL}`\n\
             its field `index-url` says that it is for `{said}`\n\
             help: name another secret for this registry in the config; if this one is for it too, add its URL there"
        );
        assert!(text.ends_with(&end), "{text}");
    }
    let text = refusal(&ask_beside(
        &mut store,
        &json!([OTHER, "https://a.example/b"]),
    ));
    let both = format!("says that it is for `{OTHER}` and `https://a.example/b`");
    assert!(text.contains(&both), "{text}");
}

/// Nobody guesses, and what may be a token in the wrong place is not shown.
pub(super) fn what_names_no_registry_is_for_none<S: Store>() {
    let mut store = S::start();
    let wrong = "has `sparse+ftp://crates.example.com/`, which is not an index URL";
    for (said, why) in [
        (json!("sparse+ftp://crates.example.com/"), wrong),
        // Although the registry is named as well.
        (json!([URL, "sparse+ftp://crates.example.com/"]), wrong),
        (
            json!("https://ci:pa55word-s3cret@crates.example.com/"),
            "has `https://crates.example.com/`, which is not an index URL",
        ),
        (
            json!("crates.example.com/index"),
            "has a text that is not a URL",
        ),
        (json!(TOKEN), "has a text that is not a URL"),
        (
            json!(format!("ftp+x://{TOKEN}\\")),
            "has a text that is not a URL",
        ),
        (json!(""), "is empty"),
        (json!(" \n"), "is empty"),
        (json!([]), "is empty"),
        (json!(null), "is neither a text nor an array of texts"),
        (json!(7), "is neither a text nor an array of texts"),
        (
            json!({ "url": URL }),
            "is neither a text nor an array of texts",
        ),
        (json!([URL, 7]), "is neither a text nor an array of texts"),
    ] {
        let text = refusal(&ask_beside(&mut store, &said));
        let clear = " of `store` does not say clearly which registries it is for\n";
        assert!(text.contains(clear), "{said}: {text}");
        assert!(
            text.contains(&format!("\nits field `index-url` {why}\n")),
            "{said}: {text}"
        );
        assert!(!text.contains("pa55word"), "{text}");
    }
}

pub(super) fn each_object_on_the_way_has_a_say<S: Store>() {
    let mut store = S::start();
    store.put(
        "cargo",
        &json!({
            "index-url": [URL, OTHER], "user": "ci",
            "other": { "token": TOKEN, "index-url": OTHER },
            "ours": { "token": "0urs-s3cret", "index-url": URL },
            "nobody's": { "deeper": { "token": TOKEN }, "index-url": OTHER },
        }),
    );
    let asked = |registry: &str| ask(&store, &store.backend(), registry, &[]);
    let ours = asked(&sources(&store, "cargo", "ours.token"));
    assert_eq!(ours.token(), "0urs-s3cret", "{}", ours.answer);
    for (field, place) in [
        ("other.token", "other.index-url"),
        ("nobody's.deeper.token", "nobody's.index-url"),
    ] {
        let sources = sources(&store, "cargo", field);
        // A user name is sent as well as a password.
        let users = format!(
            "scheme = \"Basic\"\nusername-field = \"{field}\"\nsources = [ {} ]",
            source(&store, "cargo", "user")
        );
        for registry in [sources, users] {
            let text = refusal(&asked(&registry));
            let said = format!("its field `{place}` says that it is for `{OTHER}`");
            assert!(text.contains(&said), "{text}");
        }
    }
    // It is shown, so it is no token.
    for field in ["index-url", "ours.index-url"] {
        let text = refusal(&asked(&sources(&store, "cargo", field)));
        assert!(
            text.contains("says which registries it is for, and is not a token"),
            "{text}"
        );
    }
    // The whole value would have the token in it, where the store has whole values.
    store.put("cargo", &json!({ "token": TOKEN, "index-url": OTHER }));
    let whole = format!(
        "sources = [ {{ backend = \"store\", {} }} ]",
        store.source("cargo")
    );
    let text = refusal(&ask(&store, &store.backend(), &whole, &[]));
    assert!(
        text.contains("is not for the registry") || text.contains("is a set of fields"),
        "{text}"
    );
}

/// An entry for all below a URL, and further URLs of an entry: the secret must name the one that is asked for.
pub(super) fn an_entry_for_several_urls_gives_each_its_own<S: Store>() {
    let mut store = S::start();
    let entries = |store: &S| {
        let sources = sources(store, "cargo", "token");
        [
            (
                "sparse+https://crates.example.com/",
                "prefix = true".to_owned(),
            ),
            (OTHER, format!("also = [ \"{URL}\" ]")),
        ]
        .map(|(url, key)| (url, format!("[registries.\"{url}\"]\n{key}\n{sources}")))
    };
    for (url, entry) in entries(&store) {
        for (said, is_given) in [
            (json!(url), false),
            (json!([url, URL]), true),
            (json!(URL), true),
        ] {
            store.put("cargo", &json!({ "token": TOKEN, "index-url": said }));
            let asked = ask_with(&store, &store.backend(), &entry, &[]);
            match is_given {
                true => assert_eq!(asked.token(), TOKEN, "{entry}: {}", asked.answer),
                false => assert!(
                    refusal(&asked).contains("is not for the registry"),
                    "{entry}"
                ),
            }
        }
    }
}

pub(super) fn a_store_may_say_it_beside_the_secret<S: Store>() {
    let mut store = S::start();
    let bound = |store: &mut S, urls: &str, said: Value| {
        store.put("cargo", &said);
        let setting = store.bind("cargo", urls)?;
        let backend = format!("{}\n{setting}", store.backend());
        let registry = format!(
            "sources = [ {}, {FALLBACK} ]",
            source(store, "cargo", "token")
        );
        Some(ask(store, &backend, &registry, &[]))
    };
    let plain = json!({ "token": TOKEN });
    let Some(asked) = bound(&mut store, &format!("{OTHER} {URL}"), plain.clone()) else {
        return;
    };
    assert_eq!(asked.token(), TOKEN, "{}", asked.answer);
    assert_eq!(asked.stderr, "");
    for (urls, said, why) in [
        (
            OTHER,
            plain.clone(),
            format!(" `index-url` says that it is for `{OTHER}`\n"),
        ),
        ("", plain.clone(), " `index-url` is empty\n".to_owned()),
        (
            "crates",
            plain,
            " `index-url` has a text that is not a URL\n".to_owned(),
        ),
        // Both must name it.
        (
            URL,
            json!({ "token": TOKEN, "index-url": OTHER }),
            format!("\nits field `index-url` says that it is for `{OTHER}`\n"),
        ),
        (
            OTHER,
            json!({ "token": TOKEN, "index-url": URL }),
            format!(" `index-url` says that it is for `{OTHER}`\n"),
        ),
    ] {
        let text = refusal(&bound(&mut store, urls, said).expect("it has a place for it"));
        assert!(text.contains(&why), "{urls}: {text}");
    }
}
