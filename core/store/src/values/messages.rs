//! What readers write: as it comes from a platform, and as it is kept.

use std::time::Duration;

use jiff::Timestamp;
use juzhen_domain::id::{AccountId, DeliveryId, MessageId};
use juzhen_domain::message::{Kind, Said, Via};
use juzhen_domain::notice::Draft;

/// A message that may be new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Only if it is new.
    pub id: MessageId,
    pub said: Said,
}

/// A message, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub account: AccountId,
    pub said: Said,
    /// Whose post it is on, if that is ours.
    pub delivery: Option<DeliveryId>,
    pub received_at: Timestamp,
    pub via: Via,
}

/// Which messages are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    pub account: Option<AccountId>,
    pub kind: Option<Kind>,
    /// Only those that came then or later.
    pub since: Option<Timestamp>,
    /// Only those that came before this one.
    pub before: Option<MessageId>,
    pub most: u32,
}

/// A request of a platform that its adapter believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    pub account: AccountId,
    pub at: Timestamp,
    /// What makes the request one of a kind; `None`: it tells nothing that may not come again.
    pub once: Option<PushOnce>,
    pub messages: Vec<NewMessage>,
    /// How the tickets begin of posts that are decided.
    pub finished: Vec<String>,
    pub notices: Vec<Draft>,
    /// The platform does not wait for longer, and comes again: later than this, nothing is kept.
    pub patience: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushOnce {
    /// Lower-case hexadecimal SHA-256.
    pub mark: String,
    /// From then on its signature is too old anyway.
    pub keep_until: Timestamp,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    Kept {
        /// Messages that were not there before.
        new: u32,
        /// Deliveries that are looked at now.
        woken: u32,
    },
    /// This very request has come before, as a platform tries again: it is answered as before.
    Repeated,
    /// This very request has come before, and nobody but the platform may send it again.
    Replayed,
    /// It took longer than the platform waits.
    TooLate,
}

/// A poll of an account that is this caller's to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollTurn {
    pub cursor: Option<String>,
    /// The last one that succeeded.
    pub polled_at: Option<Timestamp>,
    /// Those that came to nothing since.
    pub failures: u32,
    /// What this account has published, newest first, by the platform's ids.
    pub posts: Vec<String>,
}

/// What a poll came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    pub account: AccountId,
    pub at: Timestamp,
    pub next_at: Timestamp,
    pub result: Result<PollAnswer, String>,
}

/// A poll that went well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollAnswer {
    pub messages: Vec<NewMessage>,
    /// `None`: as before.
    pub cursor: Option<String>,
    /// What could not be read.
    pub gaps: Vec<String>,
}

/// How far an account was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub account: AccountId,
    pub polled_at: Option<Timestamp>,
    pub pushed_at: Option<Timestamp>,
    pub next_at: Timestamp,
    pub failures: u32,
    /// Why the last poll came to nothing, with a machine word before the colon.
    pub problem: Option<String>,
    pub gaps: Vec<String>,
}
