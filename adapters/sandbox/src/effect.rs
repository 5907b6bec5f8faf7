//! What a stand-in platform did to the outside world: one effect, as kept and as shown.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::weibo;

/// The hash that names what was said: lower-case hexadecimal SHA-256 of the UTF-8 bytes of the title (empty if there is
/// none), one line feed, and the text. Titles are one line, so no two pairs share a preimage. In a shell:
/// `printf '%s\n%s' "$title" "$text" | sha256sum`. Of a repost the text is its comment and the title is empty.
#[must_use]
pub fn text_sha256(title: &str, text: &str) -> String {
    hex(&said_hash(title, text))
}

/// One effect as `GET /ledger` shows it. Effects stand in the order in which they happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Unique over all platforms and all resets of this process; of a post it is the id that the client was given.
    pub id: String,
    /// `mock`, `weibo`, `wechat`.
    pub platform: String,
    /// The platform's id of the account. Empty for media that no pinned token ties to an account.
    pub account: String,
    pub kind: EffectKind,
    pub state: EffectState,
    /// See [`text_sha256`]. Of media: the hash of the bytes. Of a retraction: that of the retracted post.
    pub text_sha256: String,
    /// As received, never as normalised.
    pub text: String,
    pub title: Option<String>,
    /// What the public sees, if the platform changed the text (`normalise_text`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<String>,
    /// Where a re-issued post says that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Of a repost: the post it forwards. Of a retraction: the post it takes back. Of a comment: the post it is under.
    pub origin_id: Option<String>,
    /// Of a comment that answers another one: that one's id. Of a private message: who gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Wall clock of the sandbox, Unix milliseconds; never goes back.
    pub at_unix_ms: i64,
    /// From then on the public sees it (`visible_late_ms`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_from_unix_ms: Option<i64>,
    /// Size of uploaded media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// Made on the platform's own pages by a person, not by a client: no promise is about it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    pub request: RequestMark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    Post,
    Repost,
    Retract,
    Media,
    /// A comment, or an answer to one.
    Comment,
    /// A private message.
    Message,
}

/// What became of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Done. Posts start here, or come here from `Pending` with the poll that finds them published.
    Standing,
    /// Accepted with a ticket (`async_then`). Counted like a published one: the platform publishes it unasked.
    Pending,
    /// Accepted, then refused by the platform. The public never saw it, so it breaks no promise.
    Refused,
    /// Published, then taken back. It still counts: the public saw it.
    Retracted,
    /// Published, then taken down by the platform. It still counts.
    Removed,
}

/// Where a re-issued post comes from, as the client declared it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub account_name: String,
    pub uid: String,
    pub id: String,
    pub url: Option<String>,
}

/// The request that caused an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestMark {
    pub idempotency_key: Option<String>,
    /// Number of the request since the last reset, refused and unanswered ones counted.
    pub sequence: u64,
}

/// An effect before the ledger gave it a number and a time.
#[derive(Debug)]
pub(crate) struct NewEffect {
    pub(crate) account: Option<usize>,
    pub(crate) platform: &'static str,
    pub(crate) kind: EffectKind,
    pub(crate) state: EffectState,
    pub(crate) hash: [u8; 32],
    pub(crate) title: Option<Arc<str>>,
    pub(crate) text: Arc<str>,
    pub(crate) shown_text: Option<Arc<str>>,
    pub(crate) link: Option<String>,
    pub(crate) media: Vec<String>,
    pub(crate) source: Option<Source>,
    pub(crate) origin: Option<u64>,
    pub(crate) to: Option<String>,
    pub(crate) visible_late_ms: i64,
    pub(crate) bytes: Option<usize>,
    pub(crate) by_hand: bool,
    pub(crate) request: RequestMark,
}

impl NewEffect {
    /// An effect with nothing in it yet but who did what, and by which request.
    pub(crate) fn of(platform: &'static str, kind: EffectKind, request: RequestMark) -> Self {
        Self {
            account: None,
            platform,
            kind,
            state: EffectState::Standing,
            hash: said_hash("", ""),
            title: None,
            text: "".into(),
            shown_text: None,
            link: None,
            media: Vec::new(),
            source: None,
            origin: None,
            to: None,
            visible_late_ms: 0,
            bytes: None,
            by_hand: false,
            request,
        }
    }
}

/// An effect as the ledger keeps it: what never changes is shared, so that a snapshot is cheap to take under the lock.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) at: i64,
    pub(crate) state: EffectState,
    /// Unix milliseconds; `i64::MAX` while a ticket is pending.
    pub(crate) visible_from: i64,
    /// When the platform takes it down; `i64::MAX`: never.
    pub(crate) removed_from: i64,
    pub(crate) account_uid: Arc<str>,
    pub(crate) said: Arc<NewEffect>,
}

impl Entry {
    pub(crate) fn kind(&self) -> EffectKind {
        self.said.kind
    }

    pub(crate) fn is_post(&self) -> bool {
        matches!(self.kind(), EffectKind::Post | EffectKind::Repost)
    }

    /// The public can read it at `now`.
    pub(crate) fn is_visible(&self, now: i64) -> bool {
        self.is_post() && self.state_at(now) == EffectState::Standing && self.visible_from <= now
    }

    pub(crate) fn state_at(&self, now: i64) -> EffectState {
        match self.state {
            EffectState::Standing if self.removed_from <= now => EffectState::Removed,
            other => other,
        }
    }

    pub(crate) fn id(&self) -> String {
        id_of(self.said.platform, self.kind(), self.number)
    }

    /// What the public reads, which a platform may have changed.
    pub(crate) fn shown_text(&self) -> &str {
        self.said.shown_text.as_deref().unwrap_or(&self.said.text)
    }

    pub(crate) fn view(&self, now: i64) -> Effect {
        let said = &self.said;
        let origin_id = said.origin.map(|number| id_of(said.platform, EffectKind::Post, number));
        Effect {
            id: self.id(),
            platform: said.platform.to_owned(),
            account: self.account_uid.to_string(),
            kind: said.kind,
            state: self.state_at(now),
            text_sha256: hex(&said.hash),
            text: said.text.to_string(),
            title: said.title.as_deref().map(str::to_owned),
            shown_text: said.shown_text.as_deref().map(str::to_owned),
            link: said.link.clone(),
            media: said.media.clone(),
            source: said.source.clone(),
            origin_id,
            to: said.to.clone(),
            at_unix_ms: self.at,
            visible_from_unix_ms: (said.visible_late_ms > 0 && self.visible_from < i64::MAX)
                .then_some(self.visible_from),
            bytes: said.bytes,
            by_hand: said.by_hand,
            request: said.request.clone(),
        }
    }
}

/// Posts and reposts share a letter, because a client names either by the same kind of id.
/// Weibo's are the 16 digits that it gives out.
pub(crate) fn id_of(platform: &str, kind: EffectKind, number: u64) -> String {
    let letter = match kind {
        EffectKind::Post | EffectKind::Repost if platform == weibo::PLATFORM => {
            return weibo::mid_of(number).to_string();
        }
        EffectKind::Post | EffectKind::Repost => 'p',
        EffectKind::Retract => 'r',
        EffectKind::Media => 'f',
        EffectKind::Comment => 'c',
        EffectKind::Message => 'm',
    };
    format!("{letter}{number}")
}

/// The number in an id of [`id_of`].
pub(crate) fn number_in(id: &str) -> Option<u64> {
    match id.bytes().next()? {
        b'0'..=b'9' => weibo::number_of(id.parse().ok()?),
        _ => id.get(1..)?.parse().ok(),
    }
}

/// See [`text_sha256`].
pub(crate) fn said_hash(title: &str, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(title.as_bytes());
    hash.update(b"\n");
    hash.update(text.as_bytes());
    hash.finalize().into()
}

pub(crate) fn bytes_hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(64);
    for byte in hash {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_what_the_documented_shell_line_prints() {
        // printf '%s\n%s' '通知' '今天停水' | sha256sum
        assert_eq!(
            text_sha256("通知", "今天停水"),
            "a2269f9f3bc0f1c0310aa5a7ecc0ebefdf767d37c7b5db48522c52c46edcde8b"
        );
        // printf '\n' | sha256sum
        assert_eq!(text_sha256("", ""), "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b");
    }

    #[test]
    fn moving_words_between_title_and_text_changes_the_hash() {
        assert_ne!(text_sha256("停水", "通知"), text_sha256("", "停水通知"));
    }
}
