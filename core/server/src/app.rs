//! What every handler has at hand.

use std::sync::Arc;

use axum::body::Bytes;
use jiff::Timestamp;
use juzhen_domain::access::Policy;
use juzhen_domain::id::PersonId;
use juzhen_domain::matrix::Person;
use juzhen_engine::Engine;
use juzhen_store::Store;
use tokio::sync::{Mutex, Semaphore};

use crate::access::AccessState;
use crate::callbacks::Seen;
use crate::health::Pulse;
use crate::options::ServerOptions;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) options: ServerOptions,
    /// Requests that may still begin.
    pub(crate) requests: Arc<Semaphore>,
    /// Uploads that may still begin.
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) callbacks: Callbacks,
    pub(crate) pulse: Pulse,
    pub(crate) access: AccessState,
    /// Held while a backup is made.
    pub(crate) backing_up: Mutex<()>,
    /// The OpenAPI document as JSON.
    pub(crate) document: Bytes,
}

/// What platforms send.
pub(crate) struct Callbacks {
    /// Requests that may still begin.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) seen: Seen,
}

impl App {
    pub(crate) fn new(engine: Engine, options: ServerOptions, document: Bytes) -> Self {
        Self(Arc::new(Inner {
            requests: Arc::new(Semaphore::new(options.requests)),
            uploads: Arc::new(Semaphore::new(options.uploads)),
            callbacks: Callbacks { room: Arc::new(Semaphore::new(options.callbacks)), seen: Seen::default() },
            pulse: Pulse::default(),
            access: AccessState::default(),
            backing_up: Mutex::default(),
            engine,
            options,
            document,
        }))
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.engine.store().as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.now()
    }

    /// What is asked of people who sign in, by the running settings.
    pub(crate) fn policy(&self) -> Policy {
        self.engine.settings().policy.policy()
    }

    /// Whether browsers reach the daemon by https.
    pub(crate) fn is_secure(&self) -> bool {
        self.engine.settings().server.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    /// A person of the running settings who has not left.
    pub(crate) fn active_person(&self, id: &PersonId) -> Option<Person> {
        self.engine.settings().people.get(id).filter(|person| person.active).cloned()
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
