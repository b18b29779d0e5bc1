//! The crates of a registry and their lines in the index.
//!
//! <https://doc.rust-lang.org/cargo/reference/registry-index.html> and `registry-web-api.html` beside it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::crate_file::checksum;

/// All crates, by name; their versions in order of publication.
#[derive(Debug, Default)]
pub(super) struct Crates(BTreeMap<String, Vec<Version>>);

#[derive(Debug)]
struct Version {
    number: String,
    line: Value,
    crate_file: Vec<u8>,
}

impl Crates {
    /// Adds what `cargo publish` sent; the error is for the person who published.
    pub(super) fn publish(&mut self, body: &[u8]) -> Result<(), String> {
        let (metadata, rest) = chunk(body).ok_or("the body has no metadata")?;
        let (crate_file, rest) = chunk(rest).ok_or("the body has no crate file")?;
        if !rest.is_empty() {
            return Err("the body has bytes after the crate file".into());
        }
        let metadata = serde_json::from_slice(metadata)
            .map_err(|error| format!("the metadata is not JSON: {error}"))?;
        self.add(&metadata, crate_file.to_vec())
    }

    /// Adds a version with the metadata of the publish API.
    pub(super) fn add(&mut self, metadata: &Value, crate_file: Vec<u8>) -> Result<(), String> {
        let text = |key: &str| {
            metadata[key]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("`{key}` is missing"))
        };
        let (name, number) = (text("name")?, text("vers")?);
        let versions = self.0.entry(name.clone()).or_default();
        if versions.iter().any(|version| version.number == number) {
            return Err(format!("crate version `{number}` is already uploaded"));
        }
        let dependencies = metadata["deps"].as_array().into_iter().flatten();
        let line = json!({
            "name": name,
            "vers": number,
            "deps": dependencies.map(dependency).collect::<Vec<_>>(),
            "cksum": checksum(&crate_file),
            "features": metadata.get("features").cloned().unwrap_or_else(|| json!({})),
            "yanked": false,
            "links": metadata["links"],
        });
        versions.push(Version {
            number,
            line,
            crate_file,
        });
        Ok(())
    }

    /// The index file at a path below the index, if there is one: one line a version.
    pub(super) fn index_file(&self, path: &str) -> Option<String> {
        let name = path.rsplit('/').next()?;
        let versions = self.0.get(name).filter(|_| path == index_path(name))?;
        Some(
            versions
                .iter()
                .map(|version| format!("{}\n", version.line))
                .collect(),
        )
    }

    pub(super) fn crate_file(&self, name: &str, number: &str) -> Option<Vec<u8>> {
        self.0
            .get(name)?
            .iter()
            .find(|version| version.number == number)
            .map(|version| version.crate_file.clone())
    }

    /// Sets whether a version is yanked; `None` if there is no such version.
    pub(super) fn yank(&mut self, name: &str, number: &str, yanked: bool) -> Option<()> {
        let version = self
            .0
            .get_mut(name)?
            .iter_mut()
            .find(|version| version.number == number)?;
        version.line["yanked"] = yanked.into();
        Some(())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// A chunk of the publish body: its length in four bytes, little-endian, and the rest of the body.
fn chunk(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// A dependency in the form of the index, which differs from that of the publish API in a few names.
fn dependency(published: &Value) -> Value {
    let renamed = published["explicit_name_in_toml"].as_str();
    json!({
        "name": renamed.map_or_else(|| published["name"].clone(), Value::from),
        "req": published["version_req"],
        "features": published["features"],
        "optional": published["optional"],
        "default_features": published["default_features"],
        "target": published["target"],
        "kind": published["kind"],
        "registry": published["registry"],
        "package": if renamed.is_some() { published["name"].clone() } else { Value::Null },
    })
}

fn index_path(name: &str) -> String {
    match name.len() {
        1 | 2 => format!("{}/{name}", name.len()),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(metadata: &str, crate_file: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        [
            &length(metadata.as_bytes())[..],
            metadata.as_bytes(),
            &length(crate_file),
            crate_file,
        ]
        .concat()
    }

    #[test]
    fn a_published_crate_is_in_the_index_once() {
        let mut crates = Crates::default();
        let body = body(
            r#"{"name":"abcd","vers":"0.1.0","deps":[{"name":"x","version_req":"^1"}]}"#,
            b"gzip",
        );
        crates.publish(&body).unwrap();
        assert_eq!(
            crates.publish(&body).unwrap_err(),
            "crate version `0.1.0` is already uploaded"
        );
        let line: Value = serde_json::from_str(&crates.index_file("ab/cd/abcd").unwrap()).unwrap();
        assert_eq!(
            (&line["deps"][0]["req"], &line["cksum"]),
            (&json!("^1"), &json!(checksum(b"gzip")))
        );
        assert_eq!(crates.index_file("3/a/abcd"), None);
        assert_eq!(crates.crate_file("abcd", "0.1.0").unwrap(), b"gzip");
        crates.yank("abcd", "0.1.0", true).unwrap();
        assert!(
            crates
                .index_file("ab/cd/abcd")
                .unwrap()
                .contains("\"yanked\":true")
        );
    }

    #[test]
    fn a_broken_body_is_refused() {
        let mut crates = Crates::default();
        let whole = body(r#"{"name":"a","vers":"1.0.0"}"#, b"gzip");
        for end in 0..whole.len() {
            assert!(crates.publish(&whole[..end]).is_err(), "{end}");
        }
        assert!(crates.publish(&[&whole[..], b"x"].concat()).is_err());
        assert!(crates.publish(&whole).is_ok());
    }
}
