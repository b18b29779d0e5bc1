//! An identity as the config has it.

use core::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::system::{NAMES, SYSTEMS};
use super::{Identity, Origin};
use crate::value::Supplied;

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdentityVisitor;

        impl<'de> Visitor<'de> for IdentityVisitor {
            type Value = Identity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the name of a CI system, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`",
                )
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                SYSTEMS
                    .into_iter()
                    .find(|system| system.name == name)
                    .map(|system| Identity(Origin::System(system)))
                    .ok_or_else(|| E::unknown_variant(name, NAMES))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Supplied::from_map(map).map(|supplied| Identity(Origin::Supplied(supplied)))
            }
        }

        deserializer.deserialize_any(IdentityVisitor)
    }
}
