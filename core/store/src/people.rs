//! [`People`]: what the surface asks of a database about people's access and delegations. Beside [`Store`](crate::Store),
//! because nothing that publishes needs it.

use async_trait::async_trait;
use jiff::Timestamp;
use juzhen_domain::access::Invitation;
use juzhen_domain::access::key::Key;
use juzhen_domain::access::session::Session;
use juzhen_domain::id::PersonId;
use juzhen_domain::review::Delegation;

use crate::database::{Database, Job};
use crate::error::StoreError;
use crate::sql::{access, delegations, tokens};
use crate::values::*;

/// Durable like [`Store`](crate::Store), with the same errors.
#[async_trait]
pub trait People: Send + Sync {
    /// What is known of somebody.
    async fn access(&self, asking: &Asking) -> Result<Access, StoreError>;
    /// Reads it, lets `change` decide, and writes what it says with its audit rows. [`AccessChange::refused`] is answered as
    /// [`StoreError::Refused`] when the rest is written.
    async fn change_access(&self, asking: Asking, change: AccessChanger) -> Result<(), StoreError>;
    /// By the SHA-256 of its token.
    async fn invitation(&self, token: &str) -> Result<Option<Invitation>, StoreError>;

    /// By the SHA-256 of its token.
    async fn session(&self, token: &str) -> Result<Option<Shown<Session>>, StoreError>;
    /// It was used; written soon, and without anybody waiting for it.
    async fn session_used(&self, token: &str, at: Timestamp) -> Result<(), StoreError>;
    /// Newest first.
    async fn sessions(&self, person: &PersonId) -> Result<Vec<Session>, StoreError>;

    /// By the SHA-256 of its token.
    async fn key(&self, token: &str) -> Result<Option<Shown<Key>>, StoreError>;
    /// As [`People::session_used`].
    async fn key_used(&self, token: &str, at: Timestamp) -> Result<(), StoreError>;
    /// Of one person or of all, newest first.
    async fn keys(&self, person: Option<&PersonId>) -> Result<Vec<Key>, StoreError>;
    /// Whoever has a session or a key.
    async fn holders(&self) -> Result<Vec<PersonId>, StoreError>;
    /// Every one who was invited or let in, by id.
    async fn everyone(&self) -> Result<Vec<(PersonId, Access)>, StoreError>;

    /// Keeps a new one; the same id twice is an error.
    async fn delegate(&self, delegation: Delegation, audit: Audit) -> Result<(), StoreError>;
    /// Lets `change` decide what becomes of one.
    async fn change_delegation(&self, id: &str, change: DelegationChanger) -> Result<Delegation, StoreError>;
    /// Newest first.
    async fn delegations(&self, most: u32) -> Result<Vec<Delegation>, StoreError>;
}

#[async_trait]
impl<D: Database> People for D {
    async fn access(&self, asking: &Asking) -> Result<Access, StoreError> {
        let asking = asking.clone();
        self.read("read somebody's access", move |c| access::read(c, &asking)).await
    }

    async fn change_access(&self, asking: Asking, change: AccessChanger) -> Result<(), StoreError> {
        let changed = self.write("change somebody's access", move |c| access::change(c, &asking, &change));
        changed.await?.map_or(Ok(()), |refused| Err(StoreError::Refused(refused)))
    }

    async fn invitation(&self, token: &str) -> Result<Option<Invitation>, StoreError> {
        let token = token.to_owned();
        self.read("read an invitation", move |c| access::invitation_of(c, &token)).await
    }

    async fn session(&self, token: &str) -> Result<Option<Shown<Session>>, StoreError> {
        let token = token.to_owned();
        self.read("read a session", move |c| tokens::session(c, &token)).await
    }

    async fn session_used(&self, token: &str, at: Timestamp) -> Result<(), StoreError> {
        let token = token.to_owned();
        let job = Job::from("note that a session was used").in_no_hurry();
        self.write(job, move |c| tokens::session_used(c, &token, at)).await
    }

    async fn sessions(&self, person: &PersonId) -> Result<Vec<Session>, StoreError> {
        let person = person.clone();
        self.read("list sessions", move |c| tokens::sessions(c, &person)).await
    }

    async fn key(&self, token: &str) -> Result<Option<Shown<Key>>, StoreError> {
        let token = token.to_owned();
        self.read("read a key", move |c| tokens::key(c, &token)).await
    }

    async fn key_used(&self, token: &str, at: Timestamp) -> Result<(), StoreError> {
        let token = token.to_owned();
        let job = Job::from("note that a key was used").in_no_hurry();
        self.write(job, move |c| tokens::key_used(c, &token, at)).await
    }

    async fn keys(&self, person: Option<&PersonId>) -> Result<Vec<Key>, StoreError> {
        let person = person.cloned();
        self.read("list keys", move |c| tokens::keys(c, person.as_ref())).await
    }

    async fn holders(&self) -> Result<Vec<PersonId>, StoreError> {
        self.read("list who has a session or a key", tokens::holders).await
    }

    async fn everyone(&self) -> Result<Vec<(PersonId, Access)>, StoreError> {
        self.read("list people's access", access::everyone).await
    }

    async fn delegate(&self, delegation: Delegation, audit: Audit) -> Result<(), StoreError> {
        self.write("keep a delegation", move |c| delegations::keep(c, &delegation, &audit)).await
    }

    async fn change_delegation(&self, id: &str, change: DelegationChanger) -> Result<Delegation, StoreError> {
        let id = id.to_owned();
        self.write("change a delegation", move |c| delegations::change(c, &id, &change)).await
    }

    async fn delegations(&self, most: u32) -> Result<Vec<Delegation>, StoreError> {
        self.read("list delegations", move |c| delegations::list(c, most)).await
    }
}
