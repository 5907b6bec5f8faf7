//! The first reading: JSON text to a tree, refusing what a lenient parser passes over in silence.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::JsonFault;
use crate::problem::Code;

/// Deeper than any request of ours, and far from any limit of the stack.
const MOST_DEPTH: u8 = 32;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Object(BTreeMap<String, Node>),
}

/// Reads all of `bytes` as one JSON value.
pub(super) fn read(bytes: &[u8]) -> Result<Node, JsonFault> {
    let special = Cell::new(None);
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let root = Reader { depth: 0, special: &special };
    root.deserialize(&mut source)
        .and_then(|node| source.end().map(|()| node))
        .map_err(|fault| JsonFault::new(special.get().unwrap_or(Code::MalformedJson), fault.to_string()))
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    depth: u8,
    /// What a fault was, when it was one of ours: the parser's own error type carries only text.
    special: &'a Cell<Option<Code>>,
}

impl Reader<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MOST_DEPTH {
            self.special.set(Some(Code::TooDeep));
            return Err(E::custom(format!("more than {MOST_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Node, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let inside = self.deeper()?;
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(inside)? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let inside = self.deeper()?;
        let mut fields = BTreeMap::new();
        while let Some(key) = object.next_key::<String>()? {
            if fields.contains_key(&key) {
                self.special.set(Some(Code::DuplicateKey));
                return Err(A::Error::custom(format!("key {key:?} is there twice")));
            }
            let node = object.next_value_seed(inside)?;
            fields.insert(key, node);
        }
        Ok(Node::Object(fields))
    }
}
