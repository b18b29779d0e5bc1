//! What answers may look like. They go into TOML, YAML, JSON, shell and Terraform: no character means anything in one of
//! these, and none is a pattern.

use url::{Host, Url};

use crate::registry::IndexUrl;

/// A name of these characters: letters, digits and `more`.
fn of(text: &str, more: &str, what: &str) -> Result<String, String> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    if text.is_empty() {
        return Err(format!("{what} is missing"));
    }
    match text.chars().find(|&c| !is_known(c)) {
        Some(c) if c == '*' || c == '?' => {
            Err(format!("`{c}` is a pattern: {what} is named exactly"))
        }
        Some(c) => Err(format!("{what} has no `{}`", c.escape_default())),
        None if text.starts_with(['-', '@', ':']) => {
            Err(format!("{what} does not begin with `{}`", &text[..1]))
        }
        None => Ok(text.to_owned()),
    }
}

pub(super) fn registry(text: &str) -> Result<String, String> {
    if text == "crates-io" {
        return Err(
            "Cargo asks nobody for `registries.crates-io`; for crates.io it is `[registry] credential-provider`"
                .to_owned(),
        );
    }
    of(text, "-_", "the name of a registry")
}

pub(super) fn name(text: &str) -> Result<String, String> {
    of(text, "._-", "a name")
}

pub(super) fn path(text: &str) -> Result<String, String> {
    let path = of(text, "._/@-", "a path")?;
    if path.starts_with('/') || path.ends_with('/') || path.contains("//") {
        return Err("a path has no `/` at its ends, and no two together".to_owned());
    }
    Ok(path)
}

/// Google's ids of pools and providers.
pub(super) fn id(text: &str) -> Result<String, String> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (4..=32).contains(&text.len()) && text.chars().all(is_known) && !text.starts_with("gcp-") {
        return Ok(text.to_owned());
    }
    Err("it has 4 to 32 small letters, digits and `-`, and does not begin with `gcp-`".to_owned())
}

/// Google's names of secrets.
pub(super) fn google_secret(text: &str) -> Result<String, String> {
    of(text, "_-", "a secret of Google's")
}

pub(super) fn number(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("it is a number".to_owned())
}

pub(super) fn account(text: &str) -> Result<String, String> {
    match number(text) {
        Ok(number) if number.len() == 12 => Ok(number),
        _ => Err("an account has 12 digits".to_owned()),
    }
}

pub(super) fn github_repository(text: &str) -> Result<String, String> {
    match path(text)?.split('/').count() {
        2 => Ok(text.to_owned()),
        _ => Err("a repository is OWNER/NAME".to_owned()),
    }
}

pub(super) fn gitlab_project(text: &str) -> Result<String, String> {
    match path(text)?.split('/').count() {
        0 | 1 => Err("a project is GROUP/NAME, with all groups above".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn service_account(text: &str) -> Result<String, String> {
    match path(text)?.split('/').count() {
        2 => Ok(text.to_owned()),
        _ => Err("a pod's service account is NAMESPACE/NAME".to_owned()),
    }
}

/// A branch, or a whole name that begins with `refs/`.
pub(super) fn git_ref(text: &str) -> Result<String, String> {
    let text = path(text)?;
    if !text.starts_with("refs/") {
        return Ok(format!("refs/heads/{text}"));
    }
    let is_known = ["refs/heads/", "refs/tags/"]
        .iter()
        .any(|kind| text.len() > kind.len() && text.starts_with(kind));
    match is_known {
        true => Ok(text),
        false => Err("it is a branch, `refs/heads/BRANCH` or `refs/tags/TAG`".to_owned()),
    }
}

/// The index of a registry, as Cargo takes it.
pub(super) fn index(text: &str) -> Result<String, String> {
    text.parse::<IndexUrl>()?;
    harmless(text)?;
    if text.starts_with("sparse+") && !text.ends_with('/') {
        return Err(format!(
            "Cargo refuses a sparse index without a slash at the end: `{text}/`"
        ));
    }
    let rest = text.split_once('+').map_or(text, |(_, rest)| rest);
    let url = Url::parse(rest).map_err(|error| error.to_string())?;
    if !url.username().is_empty() && url.scheme() != "ssh" {
        return Err("an index URL holds no user: the provider gives the token".to_owned());
    }
    Ok(text.to_owned())
}

/// The URL of a server, without a slash at the end.
pub(super) fn server(text: &str) -> Result<String, String> {
    harmless(text)?;
    let url = Url::parse(text).map_err(|error| format!("it is not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("it is the URL of a server alone: no user, no query".to_owned());
    }
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        _ => return Err("it begins with `https://`".to_owned()),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// What an identity is for: any text without a character that means something elsewhere.
pub(super) fn audience(text: &str) -> Result<String, String> {
    of(text, "._/:@-", "an audience")
}

fn harmless(url: &str) -> Result<(), String> {
    of(url, "._~/:@+%=&?#[]-", "a URL").map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_pattern_or_ends_a_string() {
        for text in [
            "a*", "a?b", "a\"b", "a'b", "$a", "a b", "a`b", "a\\b", "a\nb", "", "-a", "${a}",
        ] {
            assert!(name(text).is_err() && path(text).is_err(), "{text}");
            assert!(audience(text).is_err() && git_ref(text).is_err(), "{text}");
            assert!(
                index(&format!("sparse+https://h/{text}\"/")).is_err(),
                "{text}"
            );
        }
        assert_eq!(
            path("acme/*").unwrap_err(),
            "`*` is a pattern: a path is named exactly"
        );
    }

    #[test]
    fn refs_are_whole() {
        assert_eq!(git_ref("main").unwrap(), "refs/heads/main");
        assert_eq!(git_ref("refs/tags/v1").unwrap(), "refs/tags/v1");
        assert!(git_ref("refs/pull/1/merge").is_err());
        assert!(git_ref("refs/heads/").is_err());
    }

    #[test]
    fn a_sparse_index_ends_with_a_slash() {
        assert!(index("sparse+https://crates.example.com/index/").is_ok());
        assert!(index("https://git.example.com/index.git").is_ok());
        assert!(index("ssh://git@git.example.com/index.git").is_ok());
        assert!(
            index("sparse+https://crates.example.com/index")
                .unwrap_err()
                .contains("`sparse+https://crates.example.com/index/`")
        );
        assert!(index("https://me@git.example.com/index").is_err());
        assert!(index("crates.example.com").is_err());
    }

    #[test]
    fn a_server_is_asked_over_tls() {
        assert_eq!(
            server("https://vault.example.com:8200/").unwrap(),
            "https://vault.example.com:8200"
        );
        assert!(server("http://127.0.0.1:8200").is_ok());
        assert!(server("http://vault.example.com").is_err());
        assert!(server("https://me:pw@vault.example.com").is_err());
    }
}
