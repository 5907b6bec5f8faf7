//! What a platform tells us by itself: its callback requests, and what is in them.

use serde::{Deserialize, Serialize};

use super::{Message, Tracked};

/// Body of `receive`: a request of the platform to the callback address of one account. Its body has to be UTF-8, and is no
/// longer than the daemon allows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receive {
    /// Upper case.
    pub method: String,
    /// In the order of the address, decoded.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Answer of `receive`: what the platform is to be answered, and what it has told. The daemon keeps what was told before it
/// answers. Anything but a 2xx says that the request is not believed: then nothing is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Received {
    /// 401 for a request that is not the platform's, or no longer.
    pub status: u16,
    pub content_type: String,
    pub body: String,
    /// Nothing, when the request is not believed. The same message may come as often as the platform likes: the daemon knows
    /// it by its kind and id.
    pub told: Vec<Told>,
    /// By which the daemon knows this very request again, and refuses who sends it once more. `None` where nothing was told,
    /// as when a platform tries an address out.
    pub once: Option<Once>,
}

/// What makes a signed request one of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Once {
    /// Such as its time and its number used once; not what no signature covers.
    pub key: String,
    /// From then on its signature is too old to be believed anyway.
    pub until_unix_ms: i64,
}

impl Default for Received {
    fn default() -> Self {
        Self {
            status: 200,
            content_type: "text/plain".to_owned(),
            body: String::new(),
            told: Vec::new(),
            once: None,
        }
    }
}

/// One thing that a platform told. An unknown one reads as [`Told::Other`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Told {
    /// What became of a post that it had taken for later.
    Finished {
        /// How the ticket that `publish` answered begins.
        ticket: String,
        outcome: Tracked,
    },
    /// What a reader wrote.
    Message { message: Message },
    /// Something about the account that people have to know, in words for them.
    Notice { text: String },
    #[serde(other)]
    Other,
}
