//! People's access: signing in and out, invitations, passwords, keys, and who may come in at all.

mod hasher;
mod invitations;
mod keys;
mod passwords;
mod people;
mod sessions;
mod sign_in;
mod verify;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use juzhen_domain::id::PersonId;
use juzhen_store::Audit;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::{Rates, Swept, token};
use crate::command::Open;

pub(crate) use hasher::Hasher;

/// One file per noun.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(sign_in::routes())
        .merge(sessions::routes())
        .merge(invitations::routes())
        .merge(passwords::routes())
        .merge(people::routes())
        .merge(keys::routes())
}

/// What this daemon remembers of people's access between two requests; the rest is in the database.
#[derive(Default)]
pub(crate) struct AccessState {
    pub(crate) hasher: Hasher,
    pub(crate) rates: Rates,
    pub(crate) swept: Swept,
    pub(crate) locals: Locals,
}

/// Tokens minted on the machine that were seen since the start: the first use of each is in the audit.
#[derive(Debug, Default)]
pub(crate) struct Locals(Mutex<BTreeSet<String>>);

impl Locals {
    pub(crate) fn is_new(&self, token: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token::hash(token))
    }
}

/// The audit row of somebody who is not known yet, or whose own access it is.
fn row<T>(open: &Open<T>, actor: &str, action: &str, person: &PersonId, mut detail: Value) -> Audit {
    if let Some(fields) = detail.as_object_mut() {
        fields.insert("address".to_owned(), open.address.clone().into());
    }
    Audit {
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: subject(person),
        detail,
        at: open.at,
        request: Some(open.request.0.clone()),
    }
}

fn subject(person: &PersonId) -> String {
    format!("person:{person}")
}
