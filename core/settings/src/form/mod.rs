//! The forms of single values: text, numbers, words, ids, lists and tables.

mod id;
mod text;

use std::marker::PhantomData;

use juzhen_domain::matrix::{AccountLevel, AccountStatus, Procedure, Role, UnitCategory};
use juzhen_domain::route::RouteKind;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::fault::Place;
use crate::problem::{Expected, What, nearest};
use crate::read::{Form, Notes};
use crate::tree::{Node, Value};

pub(crate) use id::{New, Ref};
pub(crate) use text::{
    Address, Day, Free, Hook, Ip, SecretFile, SecretName, Site, Text, Zone, is_invisible, is_secret_name,
    visible,
};

/// A value with its place, for what is looked at again when everything is read.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    #[serde(skip)]
    pub(crate) place: Place,
}

/// Equal when the values are: moving a line changes nothing.
impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The value of `F` with its place.
pub(crate) struct Placed<F>(PhantomData<F>);

impl<F: Form> Form for Placed<F> {
    type Out = At<F::Out>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<At<F::Out>> {
        F::read(node, notes).map(|value| At { value, place: node.place })
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        F::schema(generator)
    }
}

/// The value of `F`; for fields that may be left out.
pub(crate) struct Maybe<F>(PhantomData<F>);

impl<F: Form> Form for Maybe<F> {
    type Out = Option<F::Out>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<Option<F::Out>> {
        F::read(node, notes).map(Some)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        F::schema(generator)
    }
}

/// The value of `F`, or `None` when it had a fault: the section around it is still checked against the other files.
pub(crate) struct Try<F>(PhantomData<F>);

impl<F: Form> Form for Try<F> {
    type Out = Option<F::Out>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<Option<F::Out>> {
        Some(F::read(node, notes))
    }

    fn missing() -> Option<Option<F::Out>> {
        Some(None)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        F::schema(generator)
    }
}

/// `true` or `false`, nothing else (Y08).
pub(crate) struct Flag;

impl Form for Flag {
    type Out = bool;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<bool> {
        let plain = match &node.value {
            Value::Scalar { text, plain: true } => text.as_ref(),
            _ => "",
        };
        match plain {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                let meant = match other.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" | "1" => Some(true),
                    "no" | "off" | "n" | "false" | "0" => Some(false),
                    _ => None,
                };
                notes.fault(node.place, What::Boolean { found: node.found(), meant });
                None
            }
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// A whole number within bounds, in plain decimal digits: no sign, no leading zero, no exponent (Y10 to Y14).
pub(crate) struct Count<const LEAST: u32, const MOST: u32>;

impl<const LEAST: u32, const MOST: u32> Form for Count<LEAST, MOST> {
    type Out = u32;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<u32> {
        let digits = match &node.value {
            Value::Scalar { text, plain: true } => text.as_ref(),
            _ => "",
        };
        let usual = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        let number = digits.parse().ok().filter(|n| usual && (LEAST..=MOST).contains(n));
        if number.is_none() {
            notes.expected(node, Expected::Number { least: LEAST, most: MOST });
        }
        number
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// A closed list of words.
pub(crate) trait Vocabulary: Sized {
    fn find(word: &str) -> Option<Self>;
    fn words() -> Vec<&'static str>;
}

/// One word of `T`.
pub(crate) struct Word<T>(PhantomData<T>);

impl<T: Vocabulary> Form for Word<T> {
    type Out = T;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<T> {
        let text = match &node.value {
            Value::Scalar { text, .. } => text.as_ref(),
            _ => "",
        };
        let found = T::find(text);
        if found.is_none() {
            let words = T::words();
            let near = nearest(text, words.iter().copied());
            notes.fault(node.place, What::UnknownWord { found: node.found(), near, known: words.join(", ") });
        }
        found
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": T::words() })
    }
}

macro_rules! vocabulary {
    ($type:ty: $($word:literal => $value:expr),+ $(,)?) => {
        impl $crate::form::Vocabulary for $type {
            fn find(word: &str) -> Option<Self> {
                match word { $($word => Some($value),)+ _ => None }
            }

            fn words() -> Vec<&'static str> {
                vec![$($word),+]
            }
        }
    };
}

pub(crate) use vocabulary;

vocabulary!(UnitCategory:
    "office" => Self::Office,
    "township" => Self::Township,
    "subdistrict" => Self::Subdistrict,
    "department" => Self::Department,
    "resident" => Self::Resident,
);
vocabulary!(AccountLevel: "district" => Self::District, "unit" => Self::Unit);
vocabulary!(AccountStatus:
    "planned" => Self::Planned,
    "active" => Self::Active,
    "suspended" => Self::Suspended,
    "closing" => Self::Closing,
    "closed" => Self::Closed,
);
vocabulary!(RouteKind: "publish" => Self::Publish, "forward" => Self::Forward);
vocabulary!(Procedure: "P1" => Self::P1, "P2" => Self::P2, "P3" => Self::P3, "P4" => Self::P4, "P5" => Self::P5);

/// The domain knows the roles and how they are written.
impl Vocabulary for Role {
    fn find(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|role| role.as_str()).collect()
    }
}

/// A list; elements with faults are left out of what comes back, and the faults are noted.
pub(crate) struct List<F>(PhantomData<F>);

impl<F: Form> Form for List<F> {
    type Out = Vec<F::Out>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<Vec<F::Out>> {
        let Value::List(nodes) = &node.value else {
            notes.expected(node, Expected::List);
            return None;
        };
        let each = |(index, node)| notes.at_index(index, |notes| F::read(node, notes));
        Some(nodes.iter().enumerate().filter_map(each).collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": F::schema(generator) })
    }
}

/// Keys that the operator chooses, each with a value of form `F`.
pub(crate) struct Table<F>(PhantomData<F>);

impl<F: Form> Form for Table<F> {
    type Out = Vec<(At<String>, F::Out)>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let Value::Map(entries) = &node.value else {
            notes.expected(node, Expected::Map);
            return None;
        };
        let mut table = Vec::with_capacity(entries.len());
        for entry in entries {
            let value = notes.at_name(&entry.key, |notes| F::read(&entry.value, notes));
            if let Some(value) = value {
                table.push((At { value: entry.key.clone().into_owned(), place: entry.key_place }, value));
            }
        }
        Some(table)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": F::schema(generator) })
    }
}
