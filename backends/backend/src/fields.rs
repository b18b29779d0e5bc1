use core::fmt;
use std::borrow::Cow;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The fields of a secret that is one JSON object: in their order, the values as they are written.
///
/// A dot in a field's name leads into a nested object, where no field of that literal name exists.
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Takes an object apart, `None` if the text is none. The parser's own words may quote what it read.
    pub fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The value of the field with exactly this name. Of two, the last counts.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut fields = self.0.iter().rev();
        fields.find(|(known, _)| known == name).map(|field| field.1)
    }

    /// The nested object that the first part of `path` leads into, with that part and the rest of the path.
    pub fn nested<'b>(&self, path: &'b str) -> Option<(&'b str, &'a str, &'b str)> {
        let (first, rest) = path.split_once('.')?;
        let json = self.get(first)?.get();
        json.starts_with('{').then_some((first, json, rest))
    }

    /// The text of the field at `path`, `None` if it is none or not there.
    pub fn text(&self, path: &str) -> Option<SecretString> {
        if let Some(value) = self.get(path) {
            let text: Cow<'_, str> = serde_json::from_str(value.get()).ok()?;
            return Some(text.as_ref().into());
        }
        let (_, json, rest) = self.nested(path)?;
        Self::parse(json)?.text(rest)
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The object with another value for the field at `path`, which is a text.
    pub fn with(&self, path: &str, text: &SecretString) -> SecretString {
        let value = SecretString::from(
            serde_json::to_string(text.expose_secret()).expect("a string is JSON"),
        );
        self.with_json(path, &value)
    }

    /// The object with another value for the field at `path`, which is JSON.
    pub fn with_json(&self, path: &str, value: &SecretString) -> SecretString {
        self.replaced(path, Some(value))
            .unwrap_or_else(|| self.written(path, Some(value)))
    }

    /// The object without the field at `path`, `None` if there is no such field.
    pub fn without(&self, path: &str) -> Option<SecretString> {
        self.replaced(path, None)
    }

    /// The object with what `theirs` has changed in `base`: two changes of one object, put together.
    pub fn merged(&self, base: &Fields<'_>, theirs: &Fields<'_>) -> SecretString {
        let mut names = base.names();
        names.extend(theirs.names());
        names.sort_unstable();
        names.dedup();
        let mut merged = self.json();
        for name in names {
            let [was, is] = [base, theirs].map(|fields| fields.get(name).map(RawValue::get));
            if was == is {
                continue;
            }
            let ours = Fields::parse(merged.expose_secret()).expect("it was written as an object");
            let inner = [ours.get(name).map(RawValue::get), was, is]
                .map(|json| json.and_then(Fields::parse));
            let value = match inner {
                [Some(ours), Some(was), Some(is)] => Some(ours.merged(&was, &is)),
                _ => is.map(SecretString::from),
            };
            let next = ours.written(name, value.as_ref());
            merged = next;
        }
        merged
    }

    /// The object with another value for a field that is there, or without it.
    fn replaced(&self, path: &str, value: Option<&SecretString>) -> Option<SecretString> {
        if self.get(path).is_some() {
            return Some(self.written(path, value));
        }
        let (first, json, rest) = self.nested(path)?;
        let nested = Self::parse(json)?.replaced(rest, value)?;
        Some(self.written(first, Some(&nested)))
    }

    /// The text of the object.
    pub fn json(&self) -> SecretString {
        written(&self.pairs())
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_ref(), value.get()))
            .collect()
    }

    /// The text of the object, but for the field called `name`.
    fn written(&self, name: &str, value: Option<&SecretString>) -> SecretString {
        let value = value.map(SecretString::expose_secret);
        let mut rest = self.pairs();
        let place = rest.iter().position(|(known, _)| *known == name);
        rest.retain(|(known, _)| *known != name);
        if let Some(value) = value {
            rest.insert(place.unwrap_or(rest.len()), (name, value));
        }
        written(&rest)
    }
}

/// The text of an object with these fields.
fn written(fields: &[(&str, &str)]) -> SecretString {
    // Room for all of it, so that no copy is left behind where the text grew: an escaped byte is six long.
    let room = |(name, value): &(&str, &str)| 6 * name.len() + value.len() + 4;
    let mut json = String::with_capacity(2 + fields.iter().map(room).sum::<usize>());
    for (name, value) in fields {
        json.push(if json.is_empty() { '{' } else { ',' });
        json.push_str(&serde_json::to_string(name).expect("a string is JSON"));
        json.push(':');
        json.push_str(value);
    }
    if json.is_empty() {
        json.push('{');
    }
    json.push('}');
    json.into()
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(fields)
            }
        }

        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

        deserializer.deserialize_map(Pairs).map(Self)
    }
}

/// Names are for everyone, values are not.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(json: &str, path: &str, text: &str) -> String {
        let fields = Fields::parse(json).unwrap();
        fields.with(path, &text.into()).expose_secret().to_owned()
    }

    fn without(json: &str, path: &str) -> Option<String> {
        let fields = Fields::parse(json).unwrap();
        let json = fields.without(path)?;
        Some(json.expose_secret().to_owned())
    }

    #[test]
    fn nothing_but_the_field_changes() {
        let json = r#"{"z":1.50,"token":"old","n":{"a":[1, 2],"b":"\u00e9"},"y":null}"#;
        assert_eq!(
            with(json, "token", "a\"b\\"),
            r#"{"z":1.50,"token":"a\"b\\","n":{"a":[1, 2],"b":"\u00e9"},"y":null}"#
        );
        assert_eq!(
            with(json, "n.b", "x"),
            r#"{"z":1.50,"token":"old","n":{"a":[1, 2],"b":"x"},"y":null}"#
        );
        assert_eq!(
            without(json, "n").unwrap(),
            r#"{"z":1.50,"token":"old","y":null}"#
        );
        assert_eq!(
            without(json, "n.a").unwrap(),
            r#"{"z":1.50,"token":"old","n":{"b":"\u00e9"},"y":null}"#
        );
    }

    #[test]
    fn two_changes_are_put_together() {
        for (base, theirs, ours, merged) in [
            ("{}", r#"{"a":1}"#, r#"{"b":2}"#, r#"{"b":2,"a":1}"#),
            (
                r#"{"a":1,"b":2,"c":3}"#,
                r#"{"a":4,"c":3}"#,
                r#"{"a":1,"b":2,"c":5}"#,
                r#"{"a":4,"c":5}"#,
            ),
            (
                r#"{"n":{"a":1,"b":2}}"#,
                r#"{"n":{"a":3,"b":2}}"#,
                r#"{"n":{"a":1,"b":4}}"#,
                r#"{"n":{"a":3,"b":4}}"#,
            ),
            (
                r#"{"n":{"a":1}}"#,
                r#"{"n":"x"}"#,
                r#"{"n":{"a":2}}"#,
                r#"{"n":"x"}"#,
            ),
            (r#"{"a":1}"#, r#"{"a":1}"#, r#"{}"#, r#"{}"#),
        ] {
            let [base, theirs, ours] =
                [base, theirs, ours].map(|json| Fields::parse(json).unwrap());
            assert_eq!(ours.merged(&base, &theirs).expose_secret(), merged);
        }
    }

    #[test]
    fn a_field_that_is_not_there() {
        assert_eq!(with("{}", "a.b", "x"), r#"{"a.b":"x"}"#);
        assert_eq!(with(r#"{"a":{}}"#, "a.b", "x"), r#"{"a":{},"a.b":"x"}"#);
        assert_eq!(with(r#"{"a":"t"}"#, "a.b", "x"), r#"{"a":"t","a.b":"x"}"#);
        assert_eq!(without(r#"{"a":{}}"#, "a.b"), None);
        assert_eq!(without(r#"{"a":1}"#, "b"), None);
        assert_eq!(without(r#"{"a":1}"#, "a").unwrap(), "{}");
    }

    #[test]
    fn of_two_fields_with_one_name_the_last_counts_and_none_stays() {
        let json = r#"{"a":"1","b":2,"a":"3"}"#;
        assert_eq!(
            Fields::parse(json).unwrap().get("a").unwrap().get(),
            "\"3\""
        );
        assert_eq!(with(json, "a", "x"), r#"{"a":"x","b":2}"#);
        assert_eq!(without(json, "a").unwrap(), r#"{"b":2}"#);
    }

    #[test]
    fn only_objects_and_no_values_in_debug() {
        for json in ["[]", "1", "", "{", "\"{}\"", "{} x"] {
            assert!(Fields::parse(json).is_none(), "{json}");
        }
        let fields = Fields::parse(r#"{"token":"s3cret"}"#).unwrap();
        assert_eq!(format!("{fields:?}"), r#"{"token"}"#);
    }
}
