//! Which entry of the config a registry's index URL belongs to: by URL alone, exactly.
//!
//! The name of a registry is no part of it: any repository may give any name to any URL. Nor is `.git` cut off
//! or a prefix matched without a `/` boundary: that is how Cargo sent tokens to the wrong registry
//! (CVE-2026-5222).

use core::fmt;
use core::str::FromStr;

use cargo_credential_bridge_backend::log::Public;
use cargo_credential_bridge_backend::step;
use url::Url;

/// The two kinds of index, which never match each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Index {
    /// `sparse+https://…`
    Sparse,
    /// A git repository: `https://…` or `registry+https://…`
    Git,
}

/// The index URL of a registry, in the one form in which two of them are compared: scheme and host in lower
/// case, no default port, no trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IndexUrl {
    index: Index,
    /// Scheme, user, host and port: all before the path.
    authority: String,
    host: String,
    /// Path, query and fragment, without the path's trailing slash.
    path: String,
}

impl IndexUrl {
    /// Whether `self` is `below`, or below it by whole path segments.
    pub fn is_below(&self, below: &Self) -> bool {
        self.index == below.index
            && self.authority == below.authority
            && self
                .path
                .strip_prefix(&below.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') && stays_below(rest))
    }
}

/// Whether no server can take this path, below another, for one beside it: some decode an encoded slash or dot before they
/// look at the segments, once or twice, and some leave out what is behind a semicolon.
fn stays_below(rest: &str) -> bool {
    let rest = rest.to_ascii_lowercase();
    let hides = ["%25", "%2e", "%2f", "%5c"];
    let mut segments = rest.split('/');
    !hides.iter().any(|hidden| rest.contains(hidden))
        && segments.all(|segment| !matches!(segment.split(';').next(), Some("." | "..")))
}

impl IndexUrl {
    /// Whether both are on one host.
    pub fn is_on_host_of(&self, other: &Self) -> bool {
        self.host == other.host
    }

    /// Where a sparse index says how it is used: its `config.json`. `None` for a git index, which is no web page.
    pub fn config_json(&self) -> Option<Url> {
        let text = self.to_string();
        let index = Url::parse(text.strip_prefix("sparse+")?).ok()?;
        index.join("config.json").ok()
    }
}

impl FromStr for IndexUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // `Url` passes over some of these and turns others into slashes; no index URL has them.
        if text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
        {
            return Err("an index URL has no spaces, control characters or backslashes".to_owned());
        }
        let (index, rest) = match text.split_once('+') {
            Some(("sparse", rest)) => (Index::Sparse, rest),
            Some(("registry", rest)) => (Index::Git, rest),
            _ => (Index::Git, text),
        };
        let url = Url::parse(rest).map_err(|error| format!("`{rest}` is not a URL: {error}"))?;
        if index == Index::Sparse && !matches!(url.scheme(), "http" | "https") {
            return Err("a sparse index is at `sparse+https://…`".to_owned());
        }
        // It would be shown as what it is not.
        let is_kind = |kind: &&str| url.scheme().starts_with(kind);
        if ["sparse+", "registry+"].iter().any(is_kind) {
            return Err("`sparse+` or `registry+` is in lower case, and there once".to_owned());
        }
        if url.cannot_be_a_base() {
            return Err(format!("`{rest}` is not the URL of an index"));
        }
        if url.password().is_some() {
            return Err("an index URL holds no password; Cargo refuses it too".to_owned());
        }
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let mut authority = format!("{}://", url.scheme());
        if !url.username().is_empty() {
            authority.push_str(url.username());
            authority.push('@');
        }
        authority.push_str(&host);
        if let Some(port) = url.port() {
            authority.push_str(&format!(":{port}"));
        }
        let mut path = url.path().to_owned();
        if path.ends_with('/') {
            path.pop();
        }
        if let Some(query) = url.query() {
            path.push('?');
            path.push_str(query);
        }
        if let Some(fragment) = url.fragment() {
            path.push('#');
            path.push_str(fragment);
        }
        Ok(Self {
            index,
            authority,
            host,
            path,
        })
    }
}

impl fmt::Display for IndexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.index == Index::Sparse {
            f.write_str("sparse+")?;
        }
        let end = self.path.find(['?', '#']).unwrap_or(self.path.len());
        let (path, behind) = self.path.split_at(end);
        write!(f, "{}{path}", self.authority)?;
        // Cargo takes no sparse index without it; and of several, one is not in `path`.
        if self.index == Index::Sparse && behind.is_empty() || path.ends_with('/') {
            f.write_str("/")?;
        }
        f.write_str(behind)
    }
}

/// The index URL of a registry, for the log: without a user, a query or a fragment, which may hold what is not for everyone.
pub(crate) struct Bare<'a>(pub(crate) &'a str);

impl Public for Bare<'_> {}

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(url) = self.0.parse::<IndexUrl>() else {
            return f.write_str("not the URL of an index");
        };
        let (scheme, rest) = url.authority.split_once("://").unwrap_or_default();
        let (_, host) = rest.rsplit_once('@').unwrap_or(("", rest));
        let end = url.path.find(['?', '#']).unwrap_or(url.path.len());
        let bare = IndexUrl {
            authority: format!("{scheme}://{host}"),
            path: url.path[..end].to_owned(),
            ..url
        };
        bare.fmt(f)
    }
}

/// The entries of the config, by index URL.
#[derive(Debug)]
pub struct Entries<T> {
    entries: Vec<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    /// The URL of the entry, then those of `also`.
    urls: Vec<IndexUrl>,
    /// Whether the first URL stands for all below it.
    is_prefix: bool,
    value: T,
}

/// An entry that a URL belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a, T> {
    /// The URL of the entry.
    pub url: &'a IndexUrl,
    /// What of the entry it is that matches.
    pub by: By,
    /// The entry.
    pub value: &'a T,
}

/// What of an entry matches a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The URL of the entry itself.
    Url,
    /// One of the URLs in `also`.
    Also,
    /// The URL of the entry, as a prefix.
    Prefix,
}

impl<T> Entries<T> {
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// The position in `urls` of the one that an earlier entry, or the same, already has.
    pub fn insert(&mut self, urls: Vec<IndexUrl>, is_prefix: bool, value: T) -> Result<(), usize> {
        for (position, url) in urls.iter().enumerate() {
            let is_taken = urls[..position].contains(url)
                || self.entries.iter().any(|entry| entry.urls.contains(url));
            if is_taken {
                return Err(position);
            }
        }
        self.entries.push(Entry {
            urls,
            is_prefix,
            value,
        });
        Ok(())
    }

    /// The entry that `url` belongs to: the one that has exactly this URL, else the longest prefix of it.
    pub fn find(&self, url: &IndexUrl) -> Option<&T> {
        self.matched(url).map(|matched| matched.value)
    }

    /// As [`find`](Self::find), with what of the entry it is that matches.
    pub fn matched(&self, url: &IndexUrl) -> Option<Matched<'_, T>> {
        let exact = self.entries.iter().find(|entry| entry.urls.contains(url));
        let entry = exact.or_else(|| {
            self.entries
                .iter()
                .filter(|entry| entry.is_prefix && url.is_below(&entry.urls[0]))
                .max_by_key(|entry| entry.urls[0].path.len())
        })?;
        step!("entry", matched = Bare(&entry.urls[0].to_string()));
        Some(Matched {
            url: &entry.urls[0],
            by: match entry.urls.iter().position(|known| known == url) {
                Some(0) => By::Url,
                Some(_) => By::Also,
                None => By::Prefix,
            },
            value: &entry.value,
        })
    }

    /// The URLs of the entries, without those of `also`.
    pub fn urls(&self) -> impl Iterator<Item = &IndexUrl> {
        self.entries.iter().map(|entry| &entry.urls[0])
    }

    /// The URLs of each entry, its own first, and whether that one stands for all below it.
    pub fn all_urls(&self) -> impl Iterator<Item = (&[IndexUrl], bool)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.urls.as_slice(), entry.is_prefix))
    }

    /// The URL of an entry on the same host that is most like `url`, for a note to someone whose registry is
    /// not found. `None` if there is none on that host: then the registry is somebody else's business.
    pub fn nearest(&self, url: &IndexUrl) -> Option<&IndexUrl> {
        self.entries
            .iter()
            .flat_map(|entry| &entry.urls)
            .filter(|known| known.host == url.host)
            .min_by_key(|known| strsim::levenshtein(&known.to_string(), &url.to_string()))
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
