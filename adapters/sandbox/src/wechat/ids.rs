//! Ids that look like WeChat's, each given once.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::world::now_unix_ms;

/// `publish_id` and `msg_data_id` are never below.
const LEAST_DATA_ID: u64 = 2_247_483_648;
/// `msg_id` of an account with followers is never below.
const LEAST_MSG_ID: u64 = 3_147_483_650;

/// Gives ids out. They begin with the time, so that a restarted sandbox repeats none.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    began: u64,
}

/// Over all resets, so that an id never means two things.
static GIVEN: AtomicU64 = AtomicU64::new(0);

impl Ids {
    pub(crate) fn new() -> Self {
        Self { began: u64::try_from(now_unix_ms()).unwrap_or_default() }
    }

    /// So many of `A-Z a-z 0-9 - _`.
    pub(crate) fn text(&self, length: usize) -> String {
        let mut text = String::with_capacity(length + 43);
        while text.len() < length {
            let number = next();
            let hash =
                Sha256::new().chain_update(self.began.to_be_bytes()).chain_update(number.to_be_bytes());
            URL_SAFE_NO_PAD.encode_string(hash.finalize(), &mut text);
        }
        text.truncate(length);
        text
    }

    /// As long as the platform's own; clients reserve 512 characters.
    pub(crate) fn access_token(&self) -> String {
        format!("75_{}", self.text(138))
    }

    /// A `publish_id` or `msg_data_id`.
    pub(crate) fn data_id(&self) -> u64 {
        LEAST_DATA_ID + self.spread()
    }

    pub(crate) fn msg_id(&self) -> u64 {
        LEAST_MSG_ID + self.spread()
    }

    /// A `MsgId` or `user_comment_id`.
    pub(crate) fn long(&self) -> u64 {
        24_000_000_000_000_000 + self.began.wrapping_mul(1_000) % 1_000_000_000_000_000 + next()
    }

    /// A new number, whose place depends on when the sandbox began.
    fn spread(&self) -> u64 {
        (self.began / 100) % 500_000_000 + next()
    }
}

fn next() -> u64 {
    GIVEN.fetch_add(1, Ordering::Relaxed)
}

/// As if drawn, and the same for the same number (splitmix64).
pub(crate) fn mixed(number: u64) -> u64 {
    let state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
