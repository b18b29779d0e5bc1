use core::fmt;
use core::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer};

/// A path in Vault, as in `ci/cargo`: not empty, no slash at either end, no segment that a URL would lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VaultPath(String);

impl VaultPath {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment and the rest, if there is a rest.
    pub(crate) fn split_first(&self) -> Option<(&str, &str)> {
        self.0.split_once('/')
    }
}

impl FromStr for VaultPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix('/').unwrap_or(text);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path
            .split('/')
            .any(|segment| matches!(segment, "" | "." | ".."))
        {
            return Err(format!(
                "`{text}` is not a path: it has an empty segment, or one of dots only"
            ));
        }
        if path.chars().any(char::is_control) {
            return Err("a path has no control characters".to_owned());
        }
        Ok(Self(path.to_owned()))
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for VaultPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_ends_do_not_count_and_dots_are_refused() {
        let parse = |text: &str| text.parse::<VaultPath>().map(|path| path.0);
        assert_eq!(parse("/ci/cargo/").unwrap(), "ci/cargo");
        assert_eq!(parse("a").unwrap(), "a");
        for text in ["", "/", "a//b", "a/../b", "./a", "//a", "a\nb"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
