//! What Cargo is told, for each way a request can end.

use core::time::Duration;

use cargo_credential_bridge_backend::{Error, Kind};

use crate::chain::Found;
use crate::config::{Config, Registry};
use crate::note::note;
use crate::protocol::{Answer, Cache, Operation, Request};
use crate::registry::IndexUrl;
use crate::token;

/// Cargo takes a token that expires within this many seconds for none, and asks for each request anew.
const CARGO_MARGIN: i64 = 60;

/// What a registry that only publishes through us is told on a read: Cargo asks for that token before it
/// builds the package, and never sends it, unless the registry wants a token for reads too.
const PLACEHOLDER: &str = "no-token-for-reads-is-configured";

/// The answer for a token that was found.
pub(crate) fn token_answer(
    config: &Config,
    registry: &Registry,
    operation: Operation,
    found: Found,
    url: &IndexUrl,
) -> Result<Answer, Error> {
    for warning in &found.warnings {
        note(warning);
    }
    let now = token::now();
    let from_now = |lifetime: Duration| {
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        now.saturating_add(lifetime).min(token::LAST_SECOND)
    };
    let leased = found.lifetime.map(from_now);
    // What a plugin says of its token holds, and so does what is known of the token itself.
    let terms = found.terms;
    let leased = match terms.cache {
        Cache::Expires(at) => Some(at.min(token::LAST_SECOND)),
        Cache::Never | Cache::Session => leased,
    };
    let expiration = match (leased, found.expiration) {
        (Some(lease), Some(token)) => Some(lease.min(token)),
        (lease, token) => lease.or(token).or_else(|| registry.ttl.map(from_now)),
    };
    if let Some(expiration) = expiration {
        check_expiration(expiration, now, &found.place)?;
    }
    if !found.passed_over.is_empty() && !config.quiet {
        let reasons: Vec<_> = found
            .passed_over
            .iter()
            .map(|error| error.what().to_owned())
            .collect();
        note(&format!(
            "the token for `{url}` is from {}; before it: {}",
            found.place,
            reasons.join("; ")
        ));
    }
    let cache = match expiration {
        _ if !registry.shares_chain_with_read(operation) => Cache::Never,
        _ if terms.cache == Cache::Never => Cache::Never,
        Some(expiration) => Cache::Expires(expiration),
        None => Cache::Session,
    };
    Ok(Answer::Token {
        token: found.token,
        cache,
        operation_independent: registry.is_operation_independent() && terms.operation_independent,
    })
}

/// Cargo would send a dead token, or ask again for every single request, so neither is given out.
pub(crate) fn check_expiration(expiration: i64, now: i64, place: &str) -> Result<(), Error> {
    let left = expiration.saturating_sub(now);
    if left > CARGO_MARGIN {
        return Ok(());
    }
    let state = if left <= 0 {
        format!("expired {} ago", seconds(left.saturating_neg()))
    } else {
        format!(
            "expires in {}, too soon for Cargo, which wants more than a minute",
            seconds(left)
        )
    };
    Err(
        Error::new(Kind::Invalid, format!("the token in {place} {state}"))
            .help("store a fresh one (or check this machine's clock)"),
    )
}

pub(crate) fn seconds(seconds: i64) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(seconds.unsigned_abs()))
}

/// The answer when every store that could be asked has no such secret. Cargo's protocol has no room for the
/// reasons, so they go to the person.
pub(crate) fn nothing_found(operation: Operation, url: &IndexUrl, errors: &[Error]) -> Answer {
    let reasons: Vec<_> = errors.iter().map(Error::what).collect();
    let mut text = format!(
        "no {} token for `{url}`: {}",
        operation.as_str(),
        reasons.join("; ")
    );
    if let Some(help) = errors.iter().find_map(Error::help_text) {
        text.push_str("; help: ");
        text.push_str(help);
    }
    note(&text);
    Answer::NotFound
}

/// The answer for an operation that has no chain.
///
/// A registry that only publishes through us, as crates.io may, is asked for a read token all the same, and
/// without one Cargo does not publish. It sends the token only where reads want one, which we know only if the
/// registry has just refused an anonymous read; hence the note.
pub(crate) fn without_chain(request: &Request, operation: Operation, url: &IndexUrl) -> Answer {
    let name = operation.as_str();
    note(&format!(
        "no {name} token for `{url}`: its entry has neither `sources` nor `{name}`"
    ));
    if operation == Operation::Read && !request.was_challenged {
        return Answer::Token {
            token: PLACEHOLDER.into(),
            cache: Cache::Never,
            operation_independent: false,
        };
    }
    Answer::NotFound
}

/// The one place where the facts of an error become the text that Cargo prints: what failed, then what was
/// asked and answered, then what to do.
pub(crate) fn failure(error: &Error) -> Answer {
    let mut caused_by = error.causes().to_vec();
    let mut message = error.what().to_owned();
    if let Some(help) = error.help_text() {
        let last = caused_by.last_mut().unwrap_or(&mut message);
        last.push_str("\nhelp: ");
        last.push_str(help);
    }
    Answer::other(message, caused_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_as_good_as_dead_is_not_given_out() {
        assert!(check_expiration(1061, 1000, "`t`").is_ok());
        for (expiration, expected) in [
            (
                1060,
                "the token in `t` expires in 1m, too soon for Cargo, which wants more than a minute",
            ),
            (1000, "the token in `t` expired 0s ago"),
            (400, "the token in `t` expired 10m ago"),
        ] {
            assert_eq!(
                check_expiration(expiration, 1000, "`t`")
                    .unwrap_err()
                    .what(),
                expected
            );
        }
    }
}
