//! Pushes that have come before: the platform repeats one that was answered late, and anybody may repeat one that they saw.
//!
//! Both are told once. What was seen is kept by the minute, in as many places as there are minutes to remember.

use juzhen_sdk::prelude::*;
use sha2::{Digest, Sha256};

use super::event::Event;
use super::signature::Signed;

/// A signature is good for ten minutes before and after, so that many minutes have to be remembered.
const MINUTES: i64 = 32;
/// The platform repeats within seconds, under another signature.
const RECENT: i64 = 1;
/// One value of the daemon's store is no longer than 64 KiB.
const MOST_BYTES: usize = 60 << 10;

/// Whether neither this request nor this message has come before. Remembers both.
pub(super) async fn is_new(cx: &Cx, signed: &Signed<'_>, event: &Event) -> Result<bool> {
    let signed_at = signed.timestamp.parse::<i64>().unwrap_or(0) / 60;
    let request = mark(&format!("{} {}", signed.timestamp, signed.nonce));
    let requests = Slot::open(cx, "request", signed_at).await?;
    if requests.has(&request) {
        return Ok(false);
    }
    let now = cx.now_unix_ms() / 60_000;
    let message = mark(&event.identity());
    for before in 1..=RECENT {
        if Slot::open(cx, "message", now - before).await?.has(&message) {
            return Ok(false);
        }
    }
    let messages = Slot::open(cx, "message", now).await?;
    let new = !messages.has(&message);
    requests.with(cx, &request).await?;
    if new {
        messages.with(cx, &message).await?;
    }
    Ok(new)
}

/// What was seen in one minute.
struct Slot {
    key: String,
    minute: i64,
    marks: String,
}

impl Slot {
    /// A minute that is long over has left its place to this one.
    async fn open(cx: &Cx, what: &str, minute: i64) -> Result<Self> {
        let key = format!("seen:{what}:{}", minute.rem_euclid(MINUTES));
        let kept =
            cx.kv().get(&key).await?.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let marks = match kept.split_once(' ') {
            Some((of, marks)) if of.parse() == Ok(minute) => marks.to_owned(),
            _ => String::new(),
        };
        Ok(Self { key, minute, marks })
    }

    fn has(&self, mark: &str) -> bool {
        self.marks.split(' ').any(|seen| seen == mark)
    }

    async fn with(&self, cx: &Cx, mark: &str) -> Result<()> {
        if self.marks.len() > MOST_BYTES {
            return Err(Error::retryable("more pushes in a minute than can be remembered", None));
        }
        cx.kv().set(&self.key, format!("{} {} {mark}", self.minute, self.marks.trim()).as_bytes()).await
    }
}

fn mark(what: &str) -> String {
    Sha256::digest(what.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
