//! Two index URLs, a line each.

use ::url::Url;

use super::line;
use crate::registry::{Bare, Entries, IndexUrl};

/// A URL reads as it is shown; an entry matches what is equal to it and nothing else, a prefix what is below it; and what
/// matches is of the same kind, scheme, user, host and port, as a general parser has them.
pub(super) fn laws(mut text: &str) {
    let texts = [line(&mut text), line(&mut text)];
    let [Ok(one), Ok(other)] = texts.map(str::parse::<IndexUrl>) else {
        return;
    };
    assert_eq!(one.to_string().parse().as_ref(), Ok(&one));
    assert!(one.is_below(&one));
    if one.is_below(&other) && other.is_below(&one) {
        assert_eq!(one, other);
    }
    let whole = |text: &str| shape(text).expect("it has been read");
    for (is_prefix, matches) in [(false, one == other), (true, other.is_below(&one))] {
        let mut entries = Entries::default();
        assert_eq!(entries.insert(vec![one.clone()], is_prefix, ()), Ok(()));
        assert_eq!(entries.find(&other).is_some(), matches, "{one} {other}");
        if matches {
            assert_eq!(whole(texts[0]).0, whole(texts[1]).0);
            assert!(one.is_on_host_of(&other));
        }
        if matches {
            let [one, other] = texts.map(|text| whole(text).1.concat());
            let rest = other.strip_prefix(&one);
            assert!(rest.is_some_and(|rest| rest.is_empty() || is_prefix && rest.starts_with('/')));
        }
    }
    for text in texts {
        bare(text);
    }
}

/// A log has the URL without what may not be for everyone.
fn bare(text: &str) {
    let shown = Bare(text).to_string();
    let (shown, _) = url(&shown).expect("it is a URL");
    let (given, _) = url(text).expect("it has been read");
    assert_eq!(
        shown.host_str(),
        given.host_str().map(str::to_ascii_lowercase).as_deref()
    );
    assert!(shown.username().is_empty() && shown.query().is_none() && shown.fragment().is_none());
}

type Origin = (bool, String, String, String, Option<u16>);

/// All before the path, and the path with what is behind it.
fn shape(text: &str) -> Option<(Origin, [String; 3])> {
    let (url, is_sparse) = url(text)?;
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let port = url.port_or_known_default();
    let origin = (
        is_sparse,
        url.scheme().to_owned(),
        url.username().to_owned(),
        host,
        port,
    );
    let path = url
        .path()
        .strip_suffix('/')
        .unwrap_or_else(|| url.path())
        .to_owned();
    let query = url.query().map(|query| format!("?{query}"));
    let fragment = url.fragment().map(|fragment| format!("#{fragment}"));
    Some((
        origin,
        [
            path,
            query.unwrap_or_default(),
            fragment.unwrap_or_default(),
        ],
    ))
}

fn url(text: &str) -> Option<(Url, bool)> {
    let (kind, rest) = text.split_once('+').unwrap_or_default();
    let rest = match kind {
        "sparse" | "registry" => rest,
        _ => text,
    };
    Some((Url::parse(rest).ok()?, kind == "sparse"))
}
