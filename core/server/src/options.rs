//! What the server is started with.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use juzhen_domain::id::PersonId;

use crate::backups::SharedBackups;

/// What whoever administers the machine has minted there: sessions, and the first invitation. The daemon answers it from
/// hashed files.
pub trait Tokens: Send + Sync + 'static {
    /// Asked with every request, so a token that was taken back counts no more from then on. May block for one look at
    /// a file.
    fn person(&self, token: &str) -> Option<PersonId>;

    /// Takes back every token of a person on this machine.
    fn take_back(&self, person: &PersonId) {
        let _ = person;
    }

    /// An invitation that was written on this machine and is not over.
    fn invitation(&self, token: &str) -> Option<LocalInvitation> {
        let _ = token;
        None
    }

    /// It is in the database from now on.
    fn forget_invitation(&self, token: &str) {
        let _ = token;
    }
}

/// A one-time link that was made without a daemon being asked (C14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalInvitation {
    pub person: PersonId,
    /// Who it was at the machine.
    pub by: String,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

/// Limits of the server, and who may come in.
#[derive(Clone)]
pub struct ServerOptions {
    pub tokens: Arc<dyn Tokens>,
    /// From the first byte of a request's body to its last.
    pub body_timeout: Duration,
    /// After this the client is answered; a change that was begun is finished all the same.
    pub request_timeout: Duration,
    /// Requests at a time; one more is answered with 503 at once. Health and metrics are not counted.
    pub requests: usize,
    /// Requests of platforms at a time, beside those of people; one more is answered with 503 at once (F98).
    pub callbacks: usize,
    /// Uploads at a time, each of up to [`ServerOptions::media_bytes`] in memory.
    pub uploads: usize,
    /// Largest picture or video.
    pub media_bytes: usize,
    /// None where the database is not a file of ours.
    pub backups: Option<SharedBackups>,
}

impl ServerOptions {
    pub fn new(tokens: Arc<dyn Tokens>) -> Self {
        Self {
            tokens,
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            requests: 256,
            callbacks: 32,
            uploads: 4,
            media_bytes: 20 << 20,
            backups: None,
        }
    }
}
