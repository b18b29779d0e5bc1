//! What the keys of a registry come to.

use super::*;

#[test]
fn a_token_lives_more_than_a_minute_and_ten_years_at_most() {
    let config = |ttl: &str| {
        format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"sparse+https://a.example.com/\"]\n\
             ttl = \"{ttl}\"\nsources = [ {{ backend = \"job\", var = \"A\" }} ]"
        )
    };
    for ttl in ["61s", "3650days"] {
        assert!(parse(&config(ttl)).is_ok(), "{ttl}");
    }
    for (ttl, why) in [
        ("60s", "too short: it must be more than 1m"),
        ("3650days 1s", "too long: "),
    ] {
        let found = fault(&config(ttl));
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn a_read_by_a_list_of_its_own_is_as_good_for_the_next_read() {
    let config = parse(
        "[backends.job]\ntype = \"env\"\n[registries.\"sparse+https://a.example.com/\"]\n\
         sources = [ { backend = \"job\", var = \"A\" } ]\n\
         read = [ { backend = \"job\", var = \"R\" } ]\nyank = [ { backend = \"job\", var = \"Y\" } ]",
    )
    .unwrap();
    let url = "sparse+https://a.example.com/".parse().unwrap();
    let registry = config.registries.find(&url).unwrap();
    for (operation, expected) in [
        (Operation::Read, true),
        (Operation::Yank, false),
        (Operation::Publish, false),
    ] {
        let shares = registry.shares_chain_with_read(operation);
        assert_eq!(shares, expected, "{}", operation.as_str());
    }
}
