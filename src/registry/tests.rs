use proptest::prelude::*;

use super::*;

fn url(text: &str) -> IndexUrl {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn entries(urls: &[(&str, bool)]) -> Entries<String> {
    let mut entries = Entries::default();
    for (text, is_prefix) in urls {
        entries
            .insert(vec![url(text)], *is_prefix, (*text).to_owned())
            .unwrap();
    }
    entries
}

#[test]
fn the_same_registry_written_in_two_ways() {
    for (one, other) in [
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://crates.example.com/index",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+HTTPS://Crates.Example.COM:443/index/",
        ),
        (
            "https://git.example.com/index",
            "registry+https://git.example.com:443/index/",
        ),
        (
            "ssh://git@git.example.com/index",
            "ssh://git@GIT.example.com/index",
        ),
        ("sparse+http://127.0.0.1:80/", "sparse+http://127.0.0.1"),
        (
            "sparse+https://crates.example.com/a/../index/",
            "sparse+https://crates.example.com/index/",
        ),
    ] {
        assert_eq!(url(one), url(other));
    }
}

#[test]
fn what_is_shown_is_the_same_registry() {
    for text in [
        "https://git.example.com",
        "https://git.example.com/index/",
        "https://git.example.com/index//",
        "https://git.example.com/index//?q#f",
        "https://git.example.com//",
        "sparse+https://crates.example.com/index",
        "sparse+https://crates.example.com/index//",
        "sparse+https://crates.example.com/index//?q",
    ] {
        assert_eq!(url(&url(text).to_string()), url(text), "{text}");
    }
}

#[test]
fn two_registries() {
    for (one, other) in [
        // The leak of CVE-2026-5222.
        (
            "sparse+https://crates.example.com/index",
            "sparse+https://crates.example.com/index.git",
        ),
        (
            "https://git.example.com/index",
            "https://git.example.com/index.git",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "https://crates.example.com/index/",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+http://crates.example.com/index/",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://crates.example.com/Index/",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://crates.example.com./index/",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://crates.example.com:8443/index/",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://x@crates.example.com/index/",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://crates.example.com/index//",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://crates.example.com/%69ndex/",
        ),
        (
            "sparse+https://crates.example.com/index/",
            "sparse+https://crates.example.com/index/?x",
        ),
        (
            "ssh://git@git.example.com/index",
            "ssh://me@git.example.com/index",
        ),
    ] {
        assert_ne!(url(one), url(other));
    }
}

#[test]
fn what_is_no_index_url() {
    for text in [
        "",
        "crates.example.com",
        "sparse+ssh://git@example.com/",
        "sparse+file:///index/",
        "SPARSE+https://example.com/",
        "registry+sparse+https://example.com/",
        "Registry+https://example.com/",
        "https://user:password@example.com/",
        "sparse+https://exam\tple.com/",
        "sparse+https://example.com/a b/",
        "sparse+https://example.com/a\u{1}b/",
        "sparse+https://example.com/a\\b/",
        "https:\\\\example.com/",
        "git@example.com:index.git",
        "data:text/plain,x",
    ] {
        assert!(text.parse::<IndexUrl>().is_err(), "{text:?}");
    }
}

#[test]
fn exact_before_longest_prefix_before_shorter() {
    let entries = entries(&[
        ("sparse+https://art.example.com/api/cargo/", true),
        ("sparse+https://art.example.com/api/cargo/team/", true),
        (
            "sparse+https://art.example.com/api/cargo/team/index/",
            false,
        ),
    ]);
    let find = |text: &str| entries.find(&url(text)).map(String::as_str);
    assert_eq!(
        find("sparse+https://art.example.com/api/cargo/team/index/"),
        Some("sparse+https://art.example.com/api/cargo/team/index/")
    );
    assert_eq!(
        find("sparse+https://art.example.com/api/cargo/team/other/"),
        Some("sparse+https://art.example.com/api/cargo/team/")
    );
    assert_eq!(
        find("sparse+https://art.example.com/api/cargo/teams/"),
        Some("sparse+https://art.example.com/api/cargo/")
    );
    assert_eq!(
        find("sparse+https://art.example.com/api/cargo"),
        Some("sparse+https://art.example.com/api/cargo/")
    );
    assert_eq!(find("sparse+https://art.example.com/api/cargoes/"), None);
    assert_eq!(find("sparse+https://art.example.com/api/"), None);
    assert_eq!(find("https://art.example.com/api/cargo/x"), None);
    for evil in [
        "../evil/",
        "..%2fevil/",
        "%2E%2e%2Fevil/",
        "..%252Fevil/",
        "..%5Cevil/",
        "..;/evil/",
        "x/..;y=z/evil/",
    ] {
        let evil = format!("sparse+https://art.example.com/api/cargo/{evil}");
        assert_eq!(find(&evil), None, "{evil}");
    }
    let odd = "sparse+https://art.example.com/api/cargo/..a/%20b;c/";
    assert!(find(odd).is_some());
}

#[test]
fn one_url_has_one_entry() {
    let mut entries = entries(&[("sparse+https://a.example.com/index/", false)]);
    let again = vec![
        url("sparse+https://b.example.com/"),
        url("sparse+https://A.example.com/index"),
    ];
    assert_eq!(entries.insert(again, false, String::new()), Err(1));
    let twice = vec![
        url("sparse+https://b.example.com/"),
        url("sparse+https://b.example.com"),
    ];
    assert_eq!(entries.insert(twice, false, String::new()), Err(1));
}

#[test]
fn what_of_an_entry_matches() {
    let mut entries = Entries::default();
    let own = url("sparse+https://a.example.com/index/");
    let also = url("https://a.example.com/index.git");
    let urls = vec![own.clone(), also.clone()];
    entries.insert(urls, true, ()).unwrap();
    let by = |text: &str| entries.matched(&url(text)).map(|matched| matched.by);
    assert_eq!(by("sparse+https://a.example.com/index"), Some(By::Url));
    assert_eq!(by("https://a.example.com/index.git"), Some(By::Also));
    assert_eq!(
        by("sparse+https://a.example.com/index/x/"),
        Some(By::Prefix)
    );
    // What `also` names stands for itself alone.
    assert_eq!(by("https://a.example.com/index.git/x"), None);

    assert_eq!(entries.urls().collect::<Vec<_>>(), [&own]);
    let all: Vec<_> = entries.all_urls().collect();
    assert_eq!(all, [([own, also].as_slice(), true)]);
}

#[test]
fn a_host_is_one_whatever_is_behind_it() {
    let one = url("sparse+https://crates.example.com/index/");
    assert!(one.is_on_host_of(&url("ssh://git@Crates.Example.com:2222/index")));
    assert!(!one.is_on_host_of(&url("sparse+https://example.com/index/")));
}

#[test]
fn where_an_index_says_how_it_is_used() {
    let config = |text: &str| url(text).config_json().map(|url| url.to_string());
    assert_eq!(
        config("sparse+https://crates.example.com/index").as_deref(),
        Some("https://crates.example.com/index/config.json")
    );
    assert_eq!(config("https://git.example.com/index"), None);
}

#[test]
fn a_sparse_index_ends_in_a_slash_and_a_repository_does_not() {
    for (text, shown) in [
        (
            "sparse+https://a.example.com/x",
            "sparse+https://a.example.com/x/",
        ),
        (
            "sparse+https://a.example.com/x?y",
            "sparse+https://a.example.com/x?y",
        ),
        (
            "sparse+https://a.example.com/x#y",
            "sparse+https://a.example.com/x#y",
        ),
        (
            "registry+https://a.example.com/x/",
            "https://a.example.com/x",
        ),
    ] {
        assert_eq!(url(text).to_string(), shown);
    }
}

#[test]
fn the_log_has_an_index_without_what_may_be_secret() {
    for (text, shown) in [
        (
            "sparse+https://me@a.example.com:8443/x/?key=s3cret",
            "sparse+https://a.example.com:8443/x/",
        ),
        ("ssh://git@a.example.com/x#s3cret", "ssh://a.example.com/x"),
        ("s3cret", "not the URL of an index"),
    ] {
        assert_eq!(Bare(text).to_string(), shown);
    }
}

#[test]
fn the_nearest_is_on_the_same_host() {
    let entries = entries(&[
        ("sparse+https://crates.example.com/index/", false),
        ("sparse+https://other.example.com/indexes/", false),
    ]);
    let nearest = |text: &str| entries.nearest(&url(text)).map(ToString::to_string);
    assert_eq!(
        nearest("sparse+https://crates.example.com/indexes/").as_deref(),
        Some("sparse+https://crates.example.com/index/")
    );
    assert_eq!(nearest("sparse+https://elsewhere.example.com/index/"), None);
}

/// Host names, paths and the rest as index URLs have them.
fn parts() -> impl Strategy<Value = (String, String, Option<u16>, Vec<String>)> {
    (
        prop_oneof!["sparse\\+https", "sparse\\+http", "https", "ssh"],
        "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
        proptest::option::of(1024_u16..),
        proptest::collection::vec("[A-Za-z0-9_.~%-]{0,6}[A-Za-z0-9]", 0..4),
    )
        .prop_map(|(scheme, host, port, path)| (scheme, host, port, path))
}

fn written(scheme: &str, host: &str, port: Option<u16>, path: &[String]) -> String {
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path: String = path.iter().map(|segment| format!("/{segment}")).collect();
    format!("{scheme}://{host}{port}{path}")
}

proptest! {
    /// Writing the host in other cases, the default port and one trailing slash are all that is made equal.
    #[test]
    fn spelling_of_the_host_does_not_matter((scheme, host, port, path) in parts(), slash: bool) {
        let plain = url(&written(&scheme, &host, port, &path));
        let mut other = written(&scheme, &host.to_uppercase(), port, &path);
        if slash && scheme != "ssh" {
            other.push('/');
        }
        prop_assert_eq!(&plain, &url(&other));
        // What is compared is itself an index URL, the same one.
        prop_assert_eq!(&plain, &url(&plain.to_string()));
    }

    /// Any difference in kind, scheme, host, port or path is another registry, and is not found.
    #[test]
    fn a_token_is_for_one_registry(one in parts(), other in parts()) {
        let (a, b) = (written(&one.0, &one.1, one.2, &one.3), written(&other.0, &other.1, other.2, &other.3));
        let mut entries = Entries::default();
        entries.insert(vec![url(&a)], false, ()).unwrap();
        prop_assert!(entries.find(&url(&a)).is_some());
        let resolved = |text: &str| {
            let (kind, rest) = text.split_once('+').unwrap_or(("", text));
            (kind.to_owned(), Url::parse(rest).unwrap().as_str().trim_end_matches('/').to_owned())
        };
        prop_assert_eq!(entries.find(&url(&b)).is_some(), resolved(&a) == resolved(&b));
    }

    /// A prefix reaches what is below it by whole segments, and nothing else.
    #[test]
    fn a_prefix_ends_at_a_slash((scheme, host, port, path) in parts(), more in "[A-Za-z0-9]{1,6}") {
        let prefix = written(&scheme, &host, port, &path);
        let mut entries = Entries::default();
        entries.insert(vec![url(&prefix)], true, ()).unwrap();
        // `%2E` is a dot, and dots lead elsewhere.
        prop_assume!(path.last().is_none_or(|last| url(&prefix).path.ends_with(&format!("/{last}"))));
        let below = format!("{prefix}/{more}");
        let beside = format!("{prefix}{more}");
        prop_assert!(entries.find(&url(&below)).is_some());
        if !path.is_empty() {
            prop_assert!(entries.find(&url(&beside)).is_none());
        }
    }

    /// No text whatever makes the parser fail in another way than by an error.
    #[test]
    fn any_text(text: String) {
        let _ = text.parse::<IndexUrl>();
    }
}
