//! A source, its version, the identity at the store, the address of the job, the path of a claim and the reason of a failure,
//! a line each; the claims; and a line of Cargo's.

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cargo_credential_bridge_backend::identity::WorkloadToken;
use cargo_credential_bridge_backend::{Environment, Error, ExposeSecret as _, Kind, Known};

use super::record::Record;
use super::summary;
use crate::chain::Found;
use crate::fuzzing::{TOKEN, json, line};
use crate::protocol::{Answer, Cache, Request};
use crate::provider::Terms;
use crate::publish_guard::{Claims, PublishGuard};

/// What a token may not be found by.
const GIVEN: &str = "g1ven-Zq7";

/// Whatever the names hold: the line is one, of JSON, short enough for one piece, says what was asked, and has no token, given
/// or brought along; and the row of the summary is one row, of as many cells as its head.
pub(crate) fn laws(mut text: &str) {
    let whole = text;
    let [place, version, identity, job, path, reason, claims] = [(); 7].map(|()| line(&mut text));
    let Ok(request) = Request::parse(text.as_bytes()) else {
        return;
    };
    let environment = Environment::fixed([("CI_JOB_URL", job)], "/");
    let claims = stated(claims);
    let brought = request.login().ok().and_then(|login| login.token);
    let is_brought = brought.is_some_and(|token| token.expose_secret() == TOKEN);
    let given = Answer::Token {
        token: GIVEN.into(),
        cache: Cache::Session,
        operation_independent: true,
    };
    let error = Error::new(Kind::Invalid, reason).because(GIVEN).help(GIVEN);
    for end in [Ok(given), Ok(Answer::other(reason, [])), Err(error)] {
        let mut record = Record::new(&request, &environment);
        record.found(&found(place, version, identity));
        if let Some(claims) = &claims {
            record.claims(claims, &guard(path));
        }
        record.answered(&end, Duration::from_millis(7));
        let written = record.line();
        assert!(written.len() <= 4096, "{} bytes", written.len());
        let told = json(&written);
        assert!(told["outcome"].is_string() && told["time"].is_string());
        if let Some(name) = request.subject().name {
            let told = told["crate"].as_str().expect("it is named");
            assert!(told == name || name.starts_with(told.trim_end_matches('…')));
        }
        let row = summary::row(&record);
        assert_eq!(cells(&row), 6, "{row}");
        for text in [&told.to_string(), &row] {
            assert!(whole.contains(GIVEN) || !text.contains(GIVEN), "{text}");
            // Said once, it is the one that was brought along.
            let is_once = whole.matches(TOKEN).count() == 1;
            assert!(!is_brought || !is_once || !text.contains(TOKEN), "{text}");
        }
    }
}

fn stated(claims: &str) -> Option<Claims> {
    let jwt = format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(claims));
    Claims::of(&WorkloadToken::recognize(jwt.into())?)
}

fn found(place: &str, version: &str, identity: &str) -> Found {
    Found {
        token: GIVEN.into(),
        expiration: None,
        lifetime: None,
        place: place.to_owned(),
        backend: None,
        terms: Terms::default(),
        warnings: vec![GIVEN.to_owned()],
        said_in: Vec::new(),
        known: Known {
            version: Some(version.to_owned()),
            identity: Some(identity.to_owned()),
        },
        passed_over: Vec::new(),
    }
}

fn guard(path: &str) -> PublishGuard {
    PublishGuard {
        operations: Vec::new(),
        crates: None,
        versions: None,
        claims: vec![(path.to_owned(), Vec::new())],
        identity: None,
    }
}

/// The cells of a row of Markdown.
fn cells(row: &str) -> usize {
    let row = row.strip_suffix('\n').expect("the row ends");
    assert!(!row.contains(char::is_control), "{row:?}");
    let mut is_escaped = false;
    let edges = row.chars().filter(|c| {
        let is_edge = *c == '|' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        is_edge
    });
    edges.count() - 1
}
