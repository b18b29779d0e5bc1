//! Searches output and files for secrets, in the forms in which a program might write them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

use crate::http::percent_encode;

/// Shorter secrets would be found by chance.
const SHORTEST: usize = 8;

/// Panics if any of the secrets is in any of the channels, and names the channel and the form.
///
/// Searched are the secret itself, its base64 (both alphabets, at every alignment), its percent-encoding, its form inside a
/// JSON string, its bytes in hexadecimal digits and as Rust's `Debug` lists them. The secret is not printed: not even a failing test writes it to a log.
///
/// # Panics
/// If a secret is found, or is too short to be searched for.
pub fn assert_absent(secrets: &[&str], channels: &[(&str, &[u8])]) {
    for (number, secret) in secrets.iter().enumerate() {
        for (channel, bytes) in channels {
            let form = find(secret, bytes);
            assert!(
                form.is_none(),
                "secret {number} is in {channel}, as {}",
                form.unwrap_or_default()
            );
        }
    }
}

/// The form in which a secret is in these bytes, if it is.
///
/// # Panics
/// If the secret is too short to be searched for.
#[must_use]
pub fn find(secret: &str, bytes: &[u8]) -> Option<&'static str> {
    let found = |(_, form): &(&str, String)| memmem::find(bytes, form.as_bytes()).is_some();
    forms(secret).into_iter().find(found).map(|(name, _)| name)
}

/// The files and links below a directory that hold any of the secrets, in their content, target or name.
///
/// # Panics
/// If the directory can't be read or a secret is too short.
#[must_use]
pub fn find_in_dir(dir: &Path, secrets: &[&str]) -> Vec<PathBuf> {
    search_dir(dir, secrets).found
}

/// What a search of a directory came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The number of files and links searched.
    pub files: usize,
    /// Those that hold a secret, and directories with one in their name.
    pub found: Vec<PathBuf>,
}

/// Like [`find_in_dir`], and counts.
///
/// # Panics
/// If the directory can't be read or a secret is too short.
#[must_use]
pub fn search_dir(dir: &Path, secrets: &[&str]) -> Search {
    let forms: Vec<String> = secrets
        .iter()
        .flat_map(|secret| forms(secret))
        .map(|(_, form)| form)
        .collect();
    let mut search = Search::default();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(&dir).expect("the directory can be read") {
            let entry = entry.expect("the directory can be read");
            let (path, kind) = (
                entry.path(),
                entry.file_type().expect("an entry has a type"),
            );
            let mut bytes = entry.file_name().into_encoded_bytes();
            if kind.is_dir() {
                left.push(path.clone());
            } else {
                search.files += 1;
            }
            if kind.is_symlink() {
                let target = std::fs::read_link(&path).expect("the link can be read");
                bytes.extend(target.into_os_string().into_encoded_bytes());
            } else if kind.is_file() {
                bytes.extend(std::fs::read(&path).expect("the file can be read"));
            }
            if forms
                .iter()
                .any(|form| memmem::find(&bytes, form.as_bytes()).is_some())
            {
                search.found.push(path);
            }
        }
    }
    search.found.sort();
    search
}

/// What is in a directory at one time, to tell what is written to it later.
#[derive(Debug, Default)]
pub struct Snapshot(BTreeMap<PathBuf, Vec<u8>>);

impl Snapshot {
    /// Takes one. What can't be read is left out.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut left = vec![dir.to_owned()];
        while let Some(dir) = left.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => left.push(path),
                    Ok(kind) if kind.is_file() => {
                        files.insert(path.clone(), std::fs::read(path).unwrap_or_default());
                    }
                    _ => {}
                }
            }
        }
        Self(files)
    }

    /// The files that are new since `before`, or are not what they were then, with what is in them now.
    pub fn written_since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a Path, &'a [u8])> {
        let written = |(path, bytes): &(&PathBuf, &Vec<u8>)| before.0.get(*path) != Some(*bytes);
        let files = self.0.iter().filter(written);
        files.map(|(path, bytes)| (path.as_path(), bytes.as_slice()))
    }
}

/// Every form of a secret that is searched for, with its name.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    assert!(
        secret.len() >= SHORTEST,
        "a secret of {} bytes would be found by chance",
        secret.len()
    );
    let percent = percent_encode(secret);
    let json = serde_json::Value::from(secret).to_string();
    let bytes = |format: fn(&u8) -> String| secret.as_bytes().iter().map(format);
    let listed: Vec<String> = bytes(u8::to_string).collect();
    let mut forms = vec![
        ("plain text", secret.to_owned()),
        ("percent-encoding", lower_hex(&percent)),
        ("percent-encoding", percent),
        ("a JSON string", json[1..json.len() - 1].to_owned()),
        ("hexadecimal", bytes(|byte| format!("{byte:02x}")).collect()),
        ("hexadecimal", bytes(|byte| format!("{byte:02X}")).collect()),
        ("a list of bytes", listed.join(", ")),
    ];
    for offset in 0..3 {
        forms.push(("base64", aligned(&STANDARD_NO_PAD, secret, offset)));
        forms.push(("base64url", aligned(&URL_SAFE_NO_PAD, secret, offset)));
    }
    forms
}

/// The base64 characters that depend on the secret alone when it starts `offset` bytes into a group of three.
fn aligned(engine: &impl Engine, secret: &str, offset: usize) -> String {
    let padded = [&[0_u8; 2][..offset], secret.as_bytes()].concat();
    let encoded = engine.encode(&padded);
    let first = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded[first..end].to_owned()
}

/// The same percent-encoding with its hexadecimal digits in lower case.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "%" + &part[..2].to_lowercase() + &part[2..]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr?t>Token/é+1";

    #[test]
    fn finds_base64_at_every_alignment() {
        for before in 0..9 {
            for after in 0..4 {
                let text = format!("{}{SECRET}{}", "x".repeat(before), "y".repeat(after));
                let (standard, url) =
                    (STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text));
                assert!(
                    find(SECRET, standard.as_bytes()).is_some(),
                    "{before} {after}"
                );
                assert!(find(SECRET, url.as_bytes()).is_some(), "{before} {after}");
            }
        }
    }

    #[test]
    fn finds_the_other_forms_and_nothing_else() {
        assert_eq!(
            find(SECRET, format!("a {SECRET} b").as_bytes()),
            Some("plain text")
        );
        assert_eq!(
            find(SECRET, percent_encode(SECRET).as_bytes()),
            Some("percent-encoding")
        );
        assert_eq!(
            find(SECRET, b"s3cr%3ft%3eToken%2f%c3%a9%2b1"),
            Some("percent-encoding")
        );
        assert_eq!(
            find("tok\"en\\12345", br#"{"t":"tok\"en\\12345"}"#),
            Some("a JSON string")
        );
        let debug = format!("Answer {{ body: {:?} }}", SECRET.as_bytes());
        assert_eq!(find(SECRET, debug.as_bytes()), Some("a list of bytes"));
        for digits in [
            "x:733363723f743e546f6b656e2fc3a92b31",
            "733363723F743E546F6B656E2FC3A92B31 ",
        ] {
            assert_eq!(find(SECRET, digits.as_bytes()), Some("hexadecimal"));
        }
        assert_eq!(find(SECRET, b"s3cr?t>Token/+1"), None);
        assert_absent(
            &[SECRET, "another-secret"],
            &[("stdout", b""), ("stderr", b"hello")],
        );
    }

    #[test]
    #[should_panic(expected = "secret 1 is in stderr, as plain text")]
    fn says_where_without_the_secret() {
        assert_absent(
            &["absent-secret", SECRET],
            &[("stdout", b""), ("stderr", SECRET.as_bytes())],
        );
    }

    #[test]
    fn searches_files_and_names() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("a/b");
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(sub.join("clean"), "nothing").unwrap();
        assert!(find_in_dir(dir.path(), &["super-secret"]).is_empty());
        std::fs::write(
            sub.join("dirty"),
            [b"\0\xff".as_slice(), b"super-secret"].concat(),
        )
        .unwrap();
        std::fs::write(dir.path().join("super-secret.txt"), "").unwrap();
        let found = find_in_dir(dir.path(), &["super-secret"]);
        assert_eq!(
            found,
            [sub.join("dirty"), dir.path().join("super-secret.txt")]
        );
    }
}
