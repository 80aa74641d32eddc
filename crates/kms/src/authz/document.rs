//! Policy documents as JSON has them: no element twice, none unknown, each of its type.
//!
//! What the elements mean is read in [`super::statement`].

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

/// A document as JSON has it. An element that is there may not be `null`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct RawDocument {
    #[serde(default, deserialize_with = "present")]
    pub(super) version: Option<String>,
    #[serde(default, deserialize_with = "present", rename = "Id")]
    _id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) statement: Option<OneOrMany<Object<RawStatement>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct RawStatement {
    #[serde(default, deserialize_with = "present", rename = "Sid")]
    _sid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) effect: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) principal: Option<RawPrincipal>,
    #[serde(default, deserialize_with = "present")]
    pub(super) action: Option<OneOrMany<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) resource: Option<OneOrMany<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) condition: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_action: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_principal: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_resource: Option<IgnoredAny>,
}

/// `"*"` or an object of kinds of principals.
pub(super) enum RawPrincipal {
    Text(String),
    ByKind(PrincipalsByKind),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrincipalsByKind {
    #[serde(default, deserialize_with = "present", rename = "AWS")]
    pub(super) aws: Option<OneOrMany<String>>,
    #[serde(default, deserialize_with = "present", rename = "Service")]
    pub(super) service: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", rename = "Federated")]
    pub(super) federated: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", rename = "CanonicalUser")]
    pub(super) canonical_user: Option<IgnoredAny>,
}

/// An element that is there has a value: `null` is of the wrong type.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A struct from an object only: what serde derives takes a list of the values too.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// One value, or a list of them.
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = list.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany(many))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for RawPrincipal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PrincipalVisitor;

        impl<'de> Visitor<'de> for PrincipalVisitor {
            type Value = RawPrincipal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or an object")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawPrincipal, E> {
                Ok(RawPrincipal::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPrincipal, A::Error> {
                PrincipalsByKind::deserialize(MapAccessDeserializer::new(map)).map(RawPrincipal::ByKind)
            }
        }

        deserializer.deserialize_any(PrincipalVisitor)
    }
}
