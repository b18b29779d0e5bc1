//! Index URLs that look like that of a registry whose token is to be had.

use serde_json::json;
use test_servers::Provider;
use url::Url;

use crate::BINARY;

const TOKEN: &str = "st0red-s3cret-token";

const SPARSE: &str = "sparse+https://crates.example.com/index/";
const GIT: &str = "https://git.example.com/team/index.git";
const ADDRESS: &str = "sparse+http://127.0.0.1:8080/index/";
const ADDRESS6: &str = "sparse+http://[::1]:8080/index/";

/// What each is not: the same place.
const OTHERS: &[&str] = &[
    // Another kind of index.
    "https://crates.example.com/index/",
    "registry+https://crates.example.com/index/",
    "sparse+https://git.example.com/team/index.git",
    "SPARSE+https://crates.example.com/index/",
    "sparse+sparse+https://crates.example.com/index/",
    "sparse+registry+https://crates.example.com/index/",
    "git+https://git.example.com/team/index.git",
    // Another scheme or port.
    "sparse+http://crates.example.com/index/",
    "sparse+http://crates.example.com:443/index/",
    "sparse+https://crates.example.com:80/index/",
    "sparse+https://crates.example.com:8443/index/",
    "sparse+https://crates.example.com:99999/index/",
    "ssh://git.example.com/team/index.git",
    "ssh://git@git.example.com/team/index.git",
    "file:///git.example.com/team/index.git",
    // Another host.
    "sparse+https://crates.example.com./index/",
    "sparse+https://crates.example.com.evil.example/index/",
    "sparse+https://evil.example/crates.example.com/index/",
    "sparse+https://evil.example/https://crates.example.com/index/",
    "sparse+https://crates.example.com%2eevil.example/index/",
    "sparse+https://crates.example.com%00.evil.example/index/",
    "sparse+https://xcrates.example.com/index/",
    "sparse+https://example.com/index/",
    "sparse+https://crates-example.com/index/",
    "sparse+https://crates.example.co/index/",
    // Letters that look alike: Cyrillic es and a, dotless i, and what they are in a certificate.
    "sparse+https://\u{441}rates.example.com/index/",
    "sparse+https://cr\u{430}tes.example.com/index/",
    "sparse+https://crates.example.com/\u{131}ndex/",
    "sparse+https://xn--rates-3ye.example.com/index/",
    // A user, or a host that stands where one would.
    "sparse+https://ci@crates.example.com/index/",
    "sparse+https://ci:pw@crates.example.com/index/",
    "sparse+https://crates.example.com@evil.example/index/",
    "sparse+https://crates.example.com:443@evil.example/index/",
    "sparse+https://crates.example.com%2findex@evil.example/index/",
    "sparse+https://evil.example#@crates.example.com/index/",
    "sparse+https://evil.example?@crates.example.com/index/",
    "sparse+https://evil.example\\@crates.example.com/index/",
    "sparse+https://crates.example.com\\@evil.example/index/",
    // Another path.
    "sparse+https://crates.example.com/",
    "sparse+https://crates.example.com/index/x/",
    "sparse+https://crates.example.com/indexes/",
    "sparse+https://crates.example.com/Index/",
    "sparse+https://crates.example.com/index.git",
    "sparse+https://crates.example.com/index.git/",
    "sparse+https://crates.example.com//index/",
    "sparse+https://crates.example.com/index//",
    "sparse+https://crates.example.com/%69ndex/",
    "sparse+https://crates.example.com/index%2f",
    "sparse+https://crates.example.com/index/..",
    "sparse+https://crates.example.com/index/%2e%2e/",
    "sparse+https://crates.example.com/index/../evil/",
    "sparse+https://crates.example.com/index/..%2fevil/",
    "sparse+https://crates.example.com/index/;x",
    "https://git.example.com/team/index",
    "https://git.example.com/team/index.git.git",
    "https://git.example.com/Team/index.git",
    "https://git.example.com/team/../evil/index.git",
    // A query or a fragment.
    "sparse+https://crates.example.com/index/?",
    "sparse+https://crates.example.com/index/?x=1",
    "sparse+https://crates.example.com/index/#",
    "sparse+https://crates.example.com/index/#x",
    "https://git.example.com/team/index.git#main",
    "https://git.example.com/team/index.git?branch=main",
    // What a parser passes over.
    "sparse+https://crates.example.com/in\tdex/",
    "sparse+https://crates.exam\nple.com/index/",
    "sparse+https://crates.example.com/index/\r",
    " sparse+https://crates.example.com/index/",
    "sparse+ https://crates.example.com/index/",
    "sparse+https://crates.example.com/index/ ",
    "sparse+https:\\\\crates.example.com\\index\\",
    "sparse+https://crates.example.com/index/\u{0}",
    "sparse+https://crates.example.com/index/\u{a0}",
    "sparse+https://crates.example.com/in\u{200b}dex/",
    "sparse+https://crates.example.com/\u{202e}xedni/",
    // Another address.
    "sparse+http://127.0.0.2:8080/index/",
    "sparse+http://127.0.0.1.evil.example:8080/index/",
    "sparse+http://localhost:8080/index/",
    "sparse+http://[::ffff:127.0.0.1]:8080/index/",
    "sparse+http://[::2]:8080/index/",
    "sparse+http://0.0.0.0:8080/index/",
    "sparse+http://[::]:8080/index/",
    // Nothing at all.
    "",
    "sparse+",
    "sparse+https://",
    "corp",
    "crates.example.com/index/",
];

/// The same place, written in another way: Cargo goes there too, as the same parser tells it where that is.
const SAME: &[(&str, &str)] = &[
    (SPARSE, SPARSE),
    (SPARSE, "sparse+https://crates.example.com/index"),
    (SPARSE, "sparse+HTTPS://Crates.EXAMPLE.com/index/"),
    (SPARSE, "sparse+https://crates.example.com:443/index/"),
    (SPARSE, "sparse+https://crates.example.com:0443/index/"),
    (SPARSE, "sparse+https://crates.example.com:/index/"),
    (SPARSE, "sparse+https://@crates.example.com/index/"),
    (SPARSE, "sparse+https:///crates.example.com/index/"),
    (SPARSE, "sparse+https:crates.example.com/index/"),
    (SPARSE, "sparse+https://%63rates.example.com/index/"),
    (SPARSE, "sparse+https://\u{ff43}rates.example.com/index/"),
    (SPARSE, "sparse+https://crates\u{3002}example.com/index/"),
    (SPARSE, "sparse+https://cr\u{ad}ates.example.com/index/"),
    (SPARSE, "sparse+https://crates.example.com/evil/../index/"),
    (SPARSE, "sparse+https://crates.example.com/./index/"),
    (SPARSE, "sparse+https://crates.example.com/index/%2e"),
    (GIT, GIT),
    (GIT, "registry+https://git.example.com/team/index.git/"),
    (ADDRESS, "sparse+http://127.1:8080/index/"),
    (ADDRESS, "sparse+http://0x7f.1:8080/index/"),
    (ADDRESS, "sparse+http://2130706433:8080/index/"),
    (ADDRESS, "sparse+http://0177.0.0.1:8080/index/"),
    (ADDRESS6, "sparse+http://[0:0:0:0:0:0:0:1]:8080/index/"),
    (ADDRESS6, "sparse+http://[::0001]:8080/index/"),
];

fn provider() -> Provider {
    let entries = [SPARSE, GIT, ADDRESS, ADDRESS6].map(|url| {
        format!(
            "[registries.\"{url}\"]\nsources = [ {{ backend = \"job\", var = \"JOB_TOKEN\" }} ]\n"
        )
    });
    Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n{}",
            entries.concat()
        ))
        .env("JOB_TOKEN", TOKEN)
        .secret(TOKEN)
}

/// Whether each of these is given the token, all by one process.
fn given<'a>(urls: impl Iterator<Item = &'a str>) -> Vec<(&'a str, bool)> {
    let urls: Vec<_> = urls.collect();
    let line = |url: &&str| {
        let registry = json!({ "index-url": url, "name": "corp" });
        format!(
            "{}\n",
            json!({ "v": 1, "registry": registry, "kind": "get", "operation": "read" })
        )
    };
    let lines: String = urls.iter().map(line).collect();
    let answers = provider().run(lines.as_bytes()).answers();
    assert_eq!(answers.len(), urls.len());
    let outcome = |(url, answer): (&'a str, &serde_json::Value)| {
        let is_given = answer["Ok"]["token"] == TOKEN;
        assert!(
            is_given || answer["Err"]["kind"] == "url-not-supported",
            "{url}: {answer}"
        );
        (url, is_given)
    };
    urls.into_iter().zip(&answers).map(outcome).collect()
}

#[test]
fn what_looks_like_it() {
    for (url, is_given) in given(OTHERS.iter().copied()) {
        assert!(!is_given, "{url:?}");
    }
}

/// Each is given the token, and leads to the host, the port and the path of the entry.
#[test]
fn what_is_the_same_place() {
    let place = |url: &str| {
        let url = url
            .trim_start_matches("sparse+")
            .trim_start_matches("registry+");
        let url = Url::parse(url).unwrap();
        (url.origin(), url.path().trim_end_matches('/').to_owned())
    };
    for (url, is_given) in given(SAME.iter().map(|(_, url)| *url)) {
        assert!(is_given, "{url:?}");
    }
    for (entry, url) in SAME {
        assert_eq!(place(entry), place(url));
    }
}

/// An entry for all below a URL is none for what is beside it.
#[test]
fn what_leads_out_of_a_prefix() {
    let below = "sparse+https://art.example.com/api/cargo/";
    let provider = Provider::new(BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{below}\"]\nprefix = true\nsources = [ {{ backend = \"job\", var = \"JOB_TOKEN\" }} ]\n"
        ))
        .env("JOB_TOKEN", TOKEN)
        .secret(TOKEN);
    for (rest, is_given) in [
        ("team/index/", true),
        ("../evil/", false),
        ("team/../../evil/", false),
        ("%2e%2e/evil/", false),
        ("team/%2e%2e/%2e%2e/evil/", false),
        ("..\\evil/", false),
        // What a server may take for the same.
        ("..%2fevil/", false),
        ("%2e%2e%2fevil/", false),
        ("..%252fevil/", false),
        ("..%5cevil/", false),
        ("..;/evil/", false),
    ] {
        let answer = provider.get(&format!("{below}{rest}"), "read");
        assert_eq!(answer["Ok"]["token"] == TOKEN, is_given, "{rest}: {answer}");
    }
    for beside in [
        "sparse+https://art.example.com/api/cargoes/",
        "sparse+https://art.example.com/api/",
        "sparse+https://evil.example/art.example.com/api/cargo/x/",
        "sparse+https://art.example.com@evil.example/api/cargo/x/",
        "sparse+https://art.example.com.evil.example/api/cargo/x/",
    ] {
        let answer = provider.get(beside, "read");
        assert_eq!(answer["Err"]["kind"], "url-not-supported", "{beside}");
    }
}
