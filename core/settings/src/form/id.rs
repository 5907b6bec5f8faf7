//! Ids: where one is given, and where one is named.

use std::marker::PhantomData;

use juzhen_domain::id::{self, AccountId, ColumnId, PersonId, Platform, RouteId, UnitCode};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::At;
use super::text::is_invisible;
use crate::problem::{Expected, Thing, What};
use crate::read::{Defined, Form, Notes};
use crate::tree::{Node, Value};

/// An id type of the domain and what it names.
pub(crate) trait Named: for<'a> From<&'a str> {
    const THING: Thing;
}

impl Named for UnitCode {
    const THING: Thing = Thing::Unit;
}
impl Named for PersonId {
    const THING: Thing = Thing::Person;
}
impl Named for AccountId {
    const THING: Thing = Thing::Account;
}
impl Named for ColumnId {
    const THING: Thing = Thing::Column;
}
impl Named for RouteId {
    const THING: Thing = Thing::Route;
}
impl Named for Platform {
    const THING: Thing = Thing::Platform;
}

/// An id that is given here; it must be the only one of its kind in all files.
pub(crate) struct New<T>(PhantomData<T>);

impl<T: Named> Form for New<T> {
    type Out = At<T>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<At<T>> {
        let text = read_id(node, T::THING, notes)?;
        notes.defined.push(Defined { thing: T::THING, id: text.to_owned(), place: node.place });
        Some(At { value: T::from(text), place: node.place })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        id_schema()
    }
}

/// An id that is given elsewhere.
pub(crate) struct Ref<T>(PhantomData<T>);

impl<T: Named> Form for Ref<T> {
    type Out = At<T>;

    fn read(node: &Node<'_>, notes: &mut Notes) -> Option<At<T>> {
        read_id(node, T::THING, notes).map(|text| At { value: T::from(text), place: node.place })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        id_schema()
    }
}

fn read_id<'n>(node: &'n Node<'_>, thing: Thing, notes: &mut Notes) -> Option<&'n str> {
    let Value::Scalar { text, .. } = &node.value else {
        notes.expected(node, Expected::Text);
        return None;
    };
    if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
        notes.fault(node.place, What::Invisible { code: u32::from(c) });
        return None;
    }
    if !id::is_plain(text) {
        notes.fault(node.place, What::BadId { thing, found: node.found() });
        return None;
    }
    Some(text)
}

fn id_schema() -> Schema {
    json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" })
}
