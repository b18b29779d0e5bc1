//! The text of a config.

use cargo_credential_bridge_backend::Kind;

use super::TOKEN;
use crate::config::{Config, Registry};
use crate::protocol::Operation;
use crate::registry::By;

/// A text is refused with its place, and what is not TOML without a value of it; or each registry is found by its URLs, has
/// chains that lead somewhere, and a guard that refuses something.
pub(super) fn laws(text: &str) {
    let config = match Config::check(text, "the config") {
        Ok(config) => config,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.what().starts_with("bad config: "), "{error}");
            assert!(!error.causes().is_empty(), "{error}");
            if error.what().contains("not TOML") && is_behind_keys(text) {
                assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
            }
            return;
        }
    };
    for (urls, is_prefix) in config.registries.all_urls() {
        for (position, url) in urls.iter().enumerate() {
            let found = config.registries.matched(url).expect("it is one of them");
            assert_eq!((found.url, found.by == By::Url), (&urls[0], position == 0));
            chains(&config, found.value);
        }
        let below = format!("{}/x/", urls[0].to_string().trim_end_matches('/')).parse();
        if let (true, Ok(below)) = (is_prefix, below) {
            assert!(
                config.registries.find(&below).is_some()
                    || urls[0].to_string().contains(['?', '#'])
            );
        }
    }
}

/// Whether the token stands nowhere but behind an equals sign.
fn is_behind_keys(text: &str) -> bool {
    text.lines()
        .filter_map(|line| Some((line.find(TOKEN)?, line.find('='))))
        .all(|(token, equals)| equals.is_some_and(|equals| equals < token))
}

fn chains(config: &Config, registry: &Registry) {
    for operation in Operation::ALL {
        for source in registry.chain(operation).unwrap_or_default() {
            assert!(!crate::chain::place(config, source).is_empty());
        }
    }
    if let Some(guard) = &registry.guard {
        assert!(!guard.described().is_empty() && !guard.operations.is_empty());
    }
}
