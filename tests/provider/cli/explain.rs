//! `explain`: what it lists is what the stores then see.

mod aws;
mod chains;
mod gcp;
mod vault;

use serde_json::Value;
use test_servers::{Provider, Request};

use super::{URL, compare, shown};

/// A server whose requests are compared with those that were foretold.
struct Watched<'a> {
    name: &'a str,
    url: String,
    requests: Box<dyn Fn() -> Vec<Request> + 'a>,
}

impl<'a> Watched<'a> {
    fn new(name: &'a str, url: String, requests: impl Fn() -> Vec<Request> + 'a) -> Self {
        Self {
            name,
            url,
            requests: Box::new(requests),
        }
    }
}

/// The report for programs.
fn explained(provider: &Provider) -> Value {
    let run = provider.tool(&["explain", URL, "--format", "json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    serde_json::from_str(&run.stdout).expect("the report is JSON")
}

/// Explains, then gets, and compares: method and path of each request, for each server.
fn agree(provider: &Provider, watched: &[Watched<'_>]) {
    let report = explained(provider);
    let foretold: Vec<_> = report["sources"][0]["steps"]
        .as_array()
        .expect("a source has steps")
        .iter()
        .filter(|step| step["step"] == "request")
        .filter(|step| {
            !step["condition"]
                .as_str()
                .is_some_and(|only| only.starts_with("if "))
        })
        .map(|step| {
            let text = |key: &str| step[key].as_str().expect("it is text").to_owned();
            (text("method"), text("url"))
        })
        .collect();
    for server in watched {
        let asked = (server.requests)();
        assert!(asked.is_empty(), "{}: {asked:?}", server.name);
    }
    let run = provider.tool(&["get", URL]);
    assert_eq!(run.code, Some(0), "{run:?}\n{report:#}");
    let mut known = 0;
    for server in watched {
        let foretold: Vec<_> = foretold
            .iter()
            .filter_map(|(method, url)| {
                let path = url.strip_prefix(&server.url)?.split('?').next()?;
                Some(format!("{method} {path}"))
            })
            .collect();
        known += foretold.len();
        let seen: Vec<_> = (server.requests)()
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect();
        assert_eq!(foretold, seen, "{}", server.name);
    }
    assert_eq!(known, foretold.len(), "{foretold:?}");
}

/// The report for people, with the servers named instead of where they are.
fn told(provider: &Provider, watched: &[Watched<'_>]) -> String {
    let text = shown(provider, &provider.tool(&["explain", URL]));
    watched.iter().fold(text, |text, server| {
        text.replace(&server.url, &format!("https://{}", server.name))
    })
}
