//! Reading JSON no deeper than a tree of conditions may be. What is nested deeper is left out, so
//! that it is told as a mistake of the conditions, with its path, and not as JSON that nobody can
//! read. Pure.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::MOST_DEEP;

/// Levels of JSON that are read: each node may stand in a list, and one node more than there may
/// be is seen.
const LEVELS: usize = 2 * (MOST_DEEP + 1);

/// Reads conditions as they come in a body.
pub(in crate::scopes) fn conditions<'d, D: Deserializer<'d>>(from: D) -> Result<Value, D::Error> {
    Shallow(LEVELS).deserialize(from)
}

/// Reads conditions from a text; null where it is no JSON.
pub(in crate::scopes) fn conditions_of(text: &str) -> Value {
    let mut reader = serde_json::Deserializer::from_str(text);
    conditions(&mut reader).ok().filter(|_| reader.end().is_ok()).unwrap_or_default()
}

/// Reads a value with so many levels of lists and objects; those deeper are null.
struct Shallow(usize);

impl<'d> DeserializeSeed<'d> for Shallow {
    type Value = Value;

    fn deserialize<D: Deserializer<'d>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Shallow {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut list: A) -> Result<Value, A::Error> {
        let Some(left) = self.0.checked_sub(1) else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        };
        let mut read = Vec::new();
        while let Some(value) = list.next_element_seed(Self(left))? {
            read.push(value);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'d>>(self, mut object: A) -> Result<Value, A::Error> {
        let Some(left) = self.0.checked_sub(1) else {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        };
        let mut read = Map::new();
        while let Some(name) = object.next_key()? {
            read.insert(name, object.next_value_seed(Self(left))?);
        }
        Ok(Value::Object(read))
    }
}
