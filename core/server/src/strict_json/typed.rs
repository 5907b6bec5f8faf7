//! The second reading: the tree to a value of ours, with the place of whatever does not fit.

use std::collections::btree_map;
use std::fmt::Display;
use std::vec;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::JsonFault;
use super::tree::Node;
use crate::problem::Code;
use crate::words::nearest;

impl de::Error for JsonFault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Code::InvalidValue, message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Code::WrongType, format!("expected {expected}, found {found}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Code::InvalidValue, format!("expected {expected}, found {found}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("{variant:?} is none of: {}", expected.join(", "));
        Self::new(Code::InvalidValue, message).suggest(nearest(variant, expected.iter().copied()))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let message = match expected {
            [] => format!("field {field:?} is not known here: no field is"),
            known => format!("field {field:?} is not known here; known are: {}", known.join(", ")),
        };
        let suggestion = nearest(field, expected.iter().copied());
        Self::new(Code::UnknownField, message).suggest(suggestion).inside(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Code::MissingField, format!("field {field:?} is missing")).inside(field)
    }
}

impl<'de> de::Deserializer<'de> for Node {
    type Error = JsonFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonFault> {
        match self {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Unsigned(value) => visitor.visit_u64(value),
            Node::Signed(value) => visitor.visit_i64(value),
            Node::Float(value) => visitor.visit_f64(value),
            Node::Text(text) => visitor.visit_string(text),
            Node::List(nodes) => visitor.visit_seq(List { nodes: nodes.into_iter(), place: 0 }),
            Node::Object(fields) => visitor.visit_map(Object { fields: fields.into_iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonFault> {
        match self {
            Node::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonFault> {
        visitor.visit_newtype_struct(self)
    }

    /// A list is no object, even if its values would fit the fields one by one.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonFault> {
        match self {
            Node::Object(_) => self.deserialize_any(visitor),
            other => Err(de::Error::invalid_type(other.kind(), &visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonFault> {
        match self {
            Node::Text(text) => {
                let word: StrDeserializer<'_, JsonFault> = text.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            other => Err(de::Error::invalid_type(other.kind(), &"a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl Node {
    fn kind(&self) -> Unexpected<'_> {
        match self {
            Node::Null => Unexpected::Unit,
            Node::Bool(value) => Unexpected::Bool(*value),
            Node::Unsigned(value) => Unexpected::Unsigned(*value),
            Node::Signed(value) => Unexpected::Signed(*value),
            Node::Float(value) => Unexpected::Float(*value),
            Node::Text(text) => Unexpected::Str(text),
            Node::List(_) => Unexpected::Seq,
            Node::Object(_) => Unexpected::Map,
        }
    }
}

struct List {
    nodes: vec::IntoIter<Node>,
    place: usize,
}

impl<'de> SeqAccess<'de> for List {
    type Error = JsonFault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonFault> {
        let Some(node) = self.nodes.next() else { return Ok(None) };
        let place = self.place;
        self.place += 1;
        seed.deserialize(node).map(Some).map_err(|fault| fault.inside(&format!("[{place}]")))
    }
}

struct Object {
    fields: btree_map::IntoIter<String, Node>,
    value: Option<(String, Node)>,
}

impl<'de> MapAccess<'de> for Object {
    type Error = JsonFault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonFault> {
        let Some((key, node)) = self.fields.next() else { return Ok(None) };
        let word: StrDeserializer<'_, JsonFault> = key.as_str().into_deserializer();
        let read = seed.deserialize(word)?;
        self.value = Some((key, node));
        Ok(Some(read))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, JsonFault> {
        let (key, node) =
            self.value.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        seed.deserialize(node).map_err(|fault| fault.inside(&key))
    }
}
