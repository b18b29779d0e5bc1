use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::{Environment, Error, Kind};

/// A setting that is written down, or that the job supplies: a string, `{ env = "NAME" }` or
/// `{ file = "PATH" }`.
///
/// What is written down is checked when the settings are read; what the job supplies, when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<T = String> {
    /// Written down.
    Given(T),
    /// In the job's environment.
    Supplied(Supplied),
}

/// Where a job supplies a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Supplied {
    /// In an environment variable.
    Env(String),
    /// In a file.
    File(PathBuf),
}

/// A setting that is a secret: `{ env = "NAME" }` or `{ file = "PATH" }`, never written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretValue(Supplied);

/// One of something, or an array of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Value<T>
where
    T: FromStr + Clone,
    T::Err: fmt::Display,
{
    /// The value; `key` is the name of the setting, for messages.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] if the job does not supply it, [`Kind::Invalid`] if it makes no sense.
    pub fn resolve(&self, key: &str, environment: &Environment) -> Result<T, Error> {
        match self {
            Self::Given(value) => Ok(value.clone()),
            Self::Supplied(supplied) => {
                let text = supplied.read(key, environment)?;
                text.parse().map_err(|error: T::Err| {
                    Error::new(Kind::Invalid, format!("`{key}` from {supplied} is no use"))
                        .because(error.to_string())
                })
            }
        }
    }

    /// As [`resolve`](Self::resolve), for a setting that may be left out.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn resolve_optional(
        value: Option<&Self>,
        key: &str,
        environment: &Environment,
    ) -> Result<Option<T>, Error> {
        value
            .map(|value| value.resolve(key, environment))
            .transpose()
    }
}

impl<T: fmt::Display> Value<T> {
    /// The value as a word of a shell's command: what the job supplies, as the shell gets it.
    pub fn in_shell(&self) -> String {
        match self {
            Self::Given(value) => shell_word(&value.to_string()),
            Self::Supplied(Supplied::Env(name)) => format!("\"${name}\""),
            Self::Supplied(Supplied::File(path)) => {
                format!("\"$(cat {})\"", shell_word(&path.to_string_lossy()))
            }
        }
    }
}

/// Text as one word of a shell's command, in quotes where that needs them.
pub fn shell_word(text: &str) -> String {
    // No setting with a zero byte in it gets as far as a command.
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), |word| word.into_owned())
}

impl Supplied {
    /// Whether the job supplies it, without reading more than that.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`], saying what is missing.
    pub fn check(&self, key: &str, environment: &Environment) -> Result<(), Error> {
        let exists = match self {
            Self::Env(name) => environment.var(name)?.is_some(),
            Self::File(path) => environment.path(path)?.exists(),
        };
        if exists {
            Ok(())
        } else {
            Err(self.absent(key))
        }
    }

    /// The text that the job supplies, with surrounding white space cut off.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] if the job does not supply it, [`Kind::Invalid`] if it can't be read.
    pub fn read(&self, key: &str, environment: &Environment) -> Result<String, Error> {
        match self {
            Self::Env(name) => environment.var(name)?.map(|value| value.trim().to_owned()),
            Self::File(path) => environment.read_text(key, path)?,
        }
        .filter(|text| !text.is_empty())
        .ok_or_else(|| self.absent(key))
    }

    fn absent(&self, key: &str) -> Error {
        let state = match self {
            Self::Env(_) => "is not set",
            Self::File(_) => "does not exist or is empty",
        };
        Error::new(Kind::NotAvailable, format!("no {key} here: {self} {state}"))
    }
}

impl fmt::Display for Supplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

impl SecretValue {
    /// Whether the job supplies it.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`], saying what is missing.
    pub fn check(&self, key: &str, environment: &Environment) -> Result<(), Error> {
        self.0.check(key, environment)
    }

    /// The secret; `key` is the name of the setting, for messages.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] if the job does not supply it, [`Kind::Invalid`] if it can't be read.
    pub fn resolve(&self, key: &str, environment: &Environment) -> Result<SecretString, Error> {
        self.0.read(key, environment).map(SecretString::from)
    }
}

impl fmt::Display for SecretValue {
    /// The place that it is from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads the table form; what a string means is up to the type that is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuppliedTable {
    env: Option<String>,
    file: Option<PathBuf>,
}

impl Supplied {
    pub(crate) fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let table = SuppliedTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
        match (table.env, table.file) {
            (Some(env), None) if !env.is_empty() => Ok(Self::Env(env)),
            (None, Some(file)) if file != Path::new("") => Ok(Self::File(file)),
            _ => Err(de::Error::custom(
                "expected one of `{ env = \"NAME\" }` and `{ file = \"PATH\" }`",
            )),
        }
    }
}

impl<'de, T> Deserialize<'de> for Value<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor<T>(PhantomData<T>);

        impl<'de, T> Visitor<'de> for ValueVisitor<T>
        where
            T: FromStr,
            T::Err: fmt::Display,
        {
            type Value = Value<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(Value::Given).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Supplied::from_map(map).map(Value::Supplied)
            }
        }

        deserializer.deserialize_any(ValueVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecretVisitor;

        impl<'de> Visitor<'de> for SecretVisitor {
            type Value = SecretValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`{ env = \"NAME\" }` or `{ file = \"PATH\" }`: a secret is never written down in this file",
                )
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
                Err(E::invalid_type(Unexpected::Other("a string"), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Supplied::from_map(map).map(SecretValue)
            }
        }

        deserializer.deserialize_any(SecretVisitor)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ManyVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table or an array of tables")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(|one| OneOrMany(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                if many.is_empty() {
                    return Err(de::Error::invalid_length(0, &"at least one table"));
                }
                Ok(OneOrMany(many))
            }
        }

        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        let given = |text: &str| Value::Given(text.to_owned()).in_shell();
        assert_eq!(given("ci/cargo"), "ci/cargo");
        assert_eq!(given("it's $HOME"), "\"it's \"'$HOME'");
        let supplied = |supplied| Value::<String>::Supplied(supplied).in_shell();
        assert_eq!(supplied(Supplied::Env("NS".to_owned())), "\"$NS\"");
        assert_eq!(
            supplied(Supplied::File("/run/the ns".into())),
            "\"$(cat '/run/the ns')\""
        );
    }

    #[test]
    fn supplied_values_are_trimmed_and_empty_ones_absent() {
        let environment = Environment::fixed([("TOKEN", " hvs.x\n"), ("BLANK", " \n")], "/");
        let value = |name: &str| SecretValue(Supplied::Env(name.to_owned()));
        use secrecy::ExposeSecret as _;
        assert_eq!(
            value("TOKEN")
                .resolve("token", &environment)
                .unwrap()
                .expose_secret(),
            "hvs.x"
        );
        for name in ["BLANK", "NONE"] {
            let error = value(name).resolve("token", &environment).unwrap_err();
            assert_eq!(error.kind(), Kind::NotAvailable);
            assert_eq!(
                error.what(),
                format!("no token here: the environment variable `{name}` is not set")
            );
        }
    }
}
