//! The rules of a publish guard, what Cargo names, and what an identity token states: two patterns of crates, a requirement
//! on the version, the path of a claim and a pattern of it, the crate and its version, a line each, and then the claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cargo_credential_bridge_backend::identity::WorkloadToken;
use cargo_credential_bridge_backend::{Kind, SecretString};
use semver::{Version, VersionReq};
use serde_json::Value;

use super::{TOKEN, line};
use crate::protocol::{Operation, Subject};
use crate::publish_guard::{Claims, Glob, PublishGuard};
use crate::registry::IndexUrl;

/// A token is given if each rule holds, as a model has it, and only then; no refusal has more than one line of others'
/// words, nor what the other claims state.
pub(super) fn laws(mut text: &str) {
    let [one, other, requirement, path, claim, name, version] = [(); 7].map(|()| line(&mut text));
    let url: IndexUrl = "sparse+https://crates.example.com/index/"
        .parse()
        .expect("it is a URL");
    let globs = |texts: &[&str]| -> Vec<_> {
        texts
            .iter()
            .filter_map(|text| Glob::new((*text).to_owned()))
            .collect()
    };
    let requirement = VersionReq::parse(requirement).ok();
    let guard = PublishGuard {
        operations: vec![Operation::Publish],
        crates: Some(globs(&[one, other])),
        versions: requirement.clone().map(|one| vec![one]),
        claims: vec![(path.to_owned(), globs(&[claim]))],
        identity: None,
    };
    for glob in guard.crates.iter().flatten() {
        assert!(glob.matches(&glob.to_string()));
    }
    let subject = Subject {
        name: Some(name.to_owned()),
        version: Some(version.to_owned()),
        checksum: None,
    };
    let has_name = matches(one, name) || matches(other, name);
    let has_version = requirement.is_none_or(|requirement| {
        Version::parse(version).is_ok_and(|version| requirement.matches(&version))
    });
    let outcome = guard.check_subject(Operation::Publish, &subject, &url);
    assert_eq!(outcome.is_ok(), has_name && has_version, "{outcome:?}");
    if let Err(error) = outcome {
        assert_eq!(error.kind(), Kind::PermissionDenied);
        assert_one_line(error.what());
    }
    let nothing = guard.check_subject(Operation::Publish, &Subject::default(), &url);
    assert_eq!(nothing.err().map(|error| error.kind()), Some(Kind::Invalid));
    claims(&guard, path, claim, text, &url);
}

fn claims(guard: &PublishGuard, path: &str, pattern: &str, payload: &str, url: &IndexUrl) {
    let jwt = format!("e30.{}.{TOKEN}", URL_SAFE_NO_PAD.encode(payload));
    let token = WorkloadToken::recognize(SecretString::from(jwt)).expect("it has the form of one");
    assert!(!format!("{token:?}").contains(TOKEN));
    if let Some(shown) = token.claims() {
        assert_one_line(&shown);
    }
    let stated: Option<Value> = serde_json::from_str(payload).ok().filter(Value::is_object);
    let claims = Claims::of(&token);
    assert_eq!(claims.is_some(), stated.is_some());
    let (Some(claims), Some(stated)) = (claims, stated) else {
        return;
    };
    // A path with a dot in it may lead to several places, which the tests of the claims have.
    let texts = match (path.contains('.'), &stated[path]) {
        (true, _) => claims.texts(path),
        (_, Value::Array(many)) => many.iter().filter_map(text).collect(),
        (_, one) => text(one).into_iter().collect(),
    };
    let holds = texts.iter().any(|text| matches(pattern, text));
    let outcome = guard.check_claims(Operation::Publish, &claims, url);
    assert_eq!(outcome.is_ok(), holds, "{outcome:?}");
    if let Err(error) = outcome {
        assert_eq!(error.kind(), Kind::PermissionDenied);
        // The path and the pattern are the config's own words.
        if !format!("{path}{pattern}").contains(char::is_control) {
            assert_one_line(&error.causes()[0]);
        }
        let is_told = |text: &str| text.contains(TOKEN);
        let told = texts.iter().any(|text| is_told(text))
            || is_told(path)
            || is_told(pattern)
            || is_told(&claims.names());
        assert!(told || !is_told(&format!("{error:?}")), "{error:?}");
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The pattern, letter by letter: which of its beginnings stand for the text so far.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<_> = pattern.chars().collect();
    let stars = |reached: &mut Vec<bool>| {
        for at in 0..pattern.len() {
            if reached[at] && pattern[at] == '*' {
                reached[at + 1] = true;
            }
        }
    };
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    stars(&mut reached);
    for letter in text.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (at, wanted) in pattern.iter().enumerate().filter(|(at, _)| reached[*at]) {
            match wanted {
                '*' => next[at] = true,
                '?' => next[at + 1] = true,
                wanted => next[at + 1] |= *wanted == letter,
            }
        }
        stars(&mut next);
        reached = next;
    }
    // An empty pattern is none, and allows nothing.
    !pattern.is_empty() && reached[pattern.len()]
}

/// Line breaks, and what else moves the cursor, are for us to write.
fn assert_one_line(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}
