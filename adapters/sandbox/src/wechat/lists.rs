//! A page of a list: `{"total_count","item_count","item"}`.

use serde_json::{Value, json};

use super::body::Window;
use crate::answer::Reply;
use crate::faults::ListEnd;
use crate::script::Twist;

pub(crate) fn page<T>(window: &Window, all: &[T], item: impl Fn(&T) -> Value) -> Reply {
    let items: Vec<Value> = window.of(all).map(item).collect();
    Reply::json(200, &json!({ "total_count": all.len(), "item_count": items.len(), "item": items }))
}

/// What the script leaves of a list that is newest first. With `list_disorder` every second pair stands the wrong way round.
pub(crate) fn bent<T>(mut all: Vec<T>, twist: &Twist) -> Vec<T> {
    if let Some((most, end, _)) = twist.part {
        match end {
            ListEnd::Newest => all.truncate(most),
            ListEnd::Oldest => drop(all.drain(..all.len().saturating_sub(most))),
        }
    }
    if twist.disorder {
        all.chunks_mut(2).for_each(<[T]>::reverse);
    }
    all
}
