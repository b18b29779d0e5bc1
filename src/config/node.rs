//! TOML to Rust types by serde, with the place of every fault.
//!
//! The deserialiser of the `toml` crate reports unknown keys as text; this one keeps which keys are known, to
//! name the nearest, and never repeats a value, which may be a secret.

use core::ops::Range;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::{Deserialize, de, forward_to_deserialize_any};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::Fault;

/// A value of the config, with its place.
pub(crate) struct Node<'a>(pub(crate) Spanned<DeValue<'a>>);

impl<'a> Node<'a> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.0.span()
    }

    /// Reads the value as `T`.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Result<T, Fault> {
        T::deserialize(self)
    }

    /// A table to walk through by hand; `name` is what messages call it.
    pub(crate) fn table(self, name: impl Into<String>) -> Result<Table<'a>, Fault> {
        let span = self.span();
        match self.0.into_inner() {
            DeValue::Table(table) => Ok(Table {
                name: name.into(),
                span,
                table,
            }),
            other => Err(unexpected(&other, &"a table").at(span)),
        }
    }

    /// The elements of an array.
    pub(crate) fn elements(self) -> Result<Vec<Self>, Fault> {
        let span = self.span();
        match self.0.into_inner() {
            DeValue::Array(array) => Ok(array.into_iter().map(Node).collect()),
            other => Err(unexpected(&other, &"an array").at(span)),
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.get_ref().as_str()
    }
}

/// A table that is taken apart key by key.
pub(crate) struct Table<'a> {
    name: String,
    span: Range<usize>,
    table: DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(name: impl Into<String>, table: Spanned<DeTable<'a>>) -> Self {
        Self {
            name: name.into(),
            span: table.span(),
            table: table.into_inner(),
        }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Takes out a key.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node<'a>> {
        self.table.remove(key).map(Node)
    }

    /// Takes out a key and reads it.
    pub(crate) fn read<T: Deserialize<'a>>(&mut self, key: &str) -> Result<Option<T>, Fault> {
        self.take(key).map(Node::read).transpose()
    }

    /// Takes out a key that must be there.
    pub(crate) fn need(&mut self, key: &str) -> Result<Node<'a>, Fault> {
        self.take(key)
            .ok_or_else(|| Fault::new(format!("{} has no `{key}`", self.name)).at(self.span()))
    }

    /// The keys that are left.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.table
            .keys()
            .map(|key| key.get_ref().to_string())
            .collect()
    }

    /// All that is left, with the place of each key.
    pub(crate) fn rest(self) -> impl Iterator<Item = (String, Range<usize>, Node<'a>)> {
        self.table
            .into_iter()
            .map(|(key, value)| (key.get_ref().to_string(), key.span(), Node(value)))
    }

    /// What is left, as one value again.
    pub(crate) fn into_node(self) -> Node<'a> {
        Node(Spanned::new(self.span, DeValue::Table(self.table)))
    }

    /// Nothing may be left; `known` is what could have been there.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), Fault> {
        match self.table.into_iter().next() {
            None => Ok(()),
            Some((key, _)) => Err(Fault::unknown("key", key.get_ref(), known).at(key.span())),
        }
    }
}

fn unexpected(found: &DeValue<'_>, expected: &dyn de::Expected) -> Fault {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    de::Error::invalid_type(Unexpected::Other(found), expected)
}

fn number(integer: &DeInteger<'_>) -> Result<i64, Fault> {
    i64::from_str_radix(integer.as_str(), integer.radix())
        .map_err(|_| Fault::new("the number is too large"))
}

/// The keys of a table, and where they are.
fn places(table: &DeTable<'_>) -> Vec<(String, Range<usize>)> {
    table
        .keys()
        .map(|key| (key.get_ref().to_string(), key.span()))
        .collect()
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let span = self.span();
        let mut keys = Vec::new();
        let read = match self.0.into_inner() {
            DeValue::String(text) => visitor.visit_str(&text),
            DeValue::Boolean(value) => visitor.visit_bool(value),
            DeValue::Integer(integer) => {
                number(&integer).and_then(|number| visitor.visit_i64(number))
            }
            DeValue::Array(array) => visitor.visit_seq(Elements(array.into_iter())),
            DeValue::Table(table) => {
                keys = places(&table);
                visitor.visit_map(Pairs {
                    pairs: table.into_iter(),
                    value: None,
                })
            }
            other @ (DeValue::Float(_) | DeValue::Datetime(_)) => Err(unexpected(&other, &visitor)),
        };
        read.map_err(|fault: Fault| fault.within(span, &keys))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let span = self.span();
        let text = match self.0.into_inner() {
            DeValue::String(text) => text.into_owned(),
            other => return Err(unexpected(&other, &"a string").at(span)),
        };
        let variant: StringDeserializer<Fault> = text.into_deserializer();
        variant
            .deserialize_enum(name, variants, visitor)
            .map_err(|fault: Fault| fault.at(span))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Elements<'de>(<toml::de::DeArray<'de> as IntoIterator>::IntoIter);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        self.0
            .next()
            .map(|element| seed.deserialize(Node(element)))
            .transpose()
    }
}

struct Pairs<'de> {
    pairs: <DeTable<'de> as IntoIterator>::IntoIter,
    value: Option<Spanned<DeValue<'de>>>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let span = key.span();
        let key: StringDeserializer<Fault> = key.into_inner().into_owned().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault: Fault| fault.at(span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let value = self
            .value
            .take()
            .expect("serde asks for a value after its key");
        seed.deserialize(Node(value))
    }
}
