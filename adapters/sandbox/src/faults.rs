//! What can go wrong: every kind of misbehaviour that a script can ask of the stand-in platforms (`rule.rs` says of which
//! requests).

use serde::{Deserialize, Serialize};

/// An hour: longer than any client waits, short enough to end.
const MOST_MS: u64 = 3_600_000;

/// What goes wrong. "Applied" means: the effect happens and stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Refused before the effect. `code` defaults to the platform's usual one for the status.
    Status(ScriptedRefusal),
    /// Applied, then answered with this error.
    StatusAfterEffect(ScriptedRefusal),
    /// Answered with the platform's own error of this number, in the words and with the status that go with it; `applied`:
    /// after the effect, as Weibo's 20053; `late_ms`: the effect comes so much later.
    PlatformError {
        code: i64,
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        applied: bool,
        #[serde(default)]
        late_ms: Option<u64>,
    },
    /// Never answered; the connection stays open until the client gives up.
    Hang {
        #[serde(default = "yes")]
        applied: bool,
    },
    /// Applied at once, answered after `ms`.
    DelayMs { ms: u64 },
    /// Applied, then the connection is reset (TCP RST) without an answer.
    ResetAfterEffect {},
    /// Not applied; the connection is reset (TCP RST) without an answer.
    ResetBeforeEffect {},
    /// Applied; half of the answer arrives, then the connection ends.
    ResetMidBody {},
    /// Applied; a complete HTTP answer whose JSON is cut in half.
    TruncateJson {},
    /// 200 with a web page, as from a captive portal or a maintenance proxy.
    #[serde(rename = "html_200")]
    Html200 {
        #[serde(default = "yes")]
        applied: bool,
    },
    /// 200 with `{"errcode":…}` that no documentation names.
    #[serde(rename = "unknown_errcode_200")]
    UnknownErrcode200 {
        #[serde(default = "yes")]
        applied: bool,
        #[serde(default = "odd_errcode")]
        errcode: i64,
    },
    /// Applied; the answer comes one byte every `interval_ms`.
    SlowDrip { interval_ms: u64 },
    /// Answered now, applied after `ms`.
    ApplyLateMs {
        ms: u64,
        #[serde(default)]
        answer: LateAnswer,
    },
    /// Applied; the answer is gzip that unpacks to so many MiB of zeros.
    GzipBomb {
        #[serde(default = "bomb_size")]
        mib: u32,
    },
    /// Not applied; sent elsewhere.
    #[serde(rename = "redirect_302")]
    Redirect302 { location: String },
    /// The post is public, in lists and on the page, only after `ms`.
    VisibleLateMs { ms: u64 },
    /// The public sees the text trimmed, with runs of spaces joined and ASCII punctuation made full-width; if wanted, also
    /// with web addresses shortened and emoji without their variation mark.
    NormaliseText {
        #[serde(default)]
        short_links: bool,
        #[serde(default)]
        emoji: bool,
    },
    /// A second post of the same bytes by the same account is refused: 409 `repeat_content` with the id of the first.
    RepeatContent {},
    /// Posts are accepted with a ticket; so many polls find them pending, the next one the outcome.
    AsyncThen {
        polls: u32,
        outcome: AsyncOutcome,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        message: Option<String>,
    },
    /// Posts are accepted with a ticket that is pending until an administrator of the platform has confirmed (`published`) or
    /// declined (`refused`) them, `ms` later.
    AdminConfirms { ms: u64, outcome: AsyncOutcome },
    /// `Idempotency-Key` counts: within so many seconds the same key on the same account publishes nothing more. The answer
    /// is the first one again, or 409 `key_known` with the id of the first.
    IdempotencyWindowS {
        seconds: u64,
        #[serde(default)]
        answer: KeyAnswer,
    },
    /// After so many posts of an account within the window, further ones are refused: 429 `quota_used_up` with the wait.
    Quota { posts: u64, window_s: u64 },
    /// The platform takes the post down again after `ms`, unasked (its own review, a complaint).
    RemoveAfterMs { ms: u64 },
    /// The platform's clock is off by so much: the times that it tells, and those by which it understands a window.
    ClockSkewMs { ms: i64 },
    /// The account's list shows only some posts; it says so (`"complete":false`) or does not.
    ListPart {
        most: usize,
        #[serde(default)]
        which: ListEnd,
        #[serde(default)]
        says_so: bool,
    },
    /// Answers have fields that no documentation names, error codes as strings, and posts without their author.
    StrangeFields {},
    /// The account's list comes out of order, and each page begins with the last post of the page before.
    ListDisorder {},
}

/// An error answer of the platform, in its usual form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedRefusal {
    /// 400–599.
    pub status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `Retry-After`; of a 429 it is 1 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// `error.id`, for `repeat_content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl ScriptedRefusal {
    /// With the platform's usual code for this status.
    #[must_use]
    pub fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LateAnswer {
    #[default]
    #[serde(rename = "504")]
    GatewayTimeout,
    #[serde(rename = "hang")]
    Hang,
}

/// How a platform answers a key that it knows already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAnswer {
    #[default]
    Again,
    Known,
}

/// The part of a list that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListEnd {
    #[default]
    Newest,
    Oldest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsyncOutcome {
    Published,
    Refused,
}

impl Fault {
    /// Says what of it cannot be followed.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Status(refusal) | Self::StatusAfterEffect(refusal)
                if !(400..=599).contains(&refusal.status) =>
            {
                Err(format!("`status` must be 400 to 599, found {}", refusal.status))
            }
            Self::DelayMs { ms }
            | Self::ApplyLateMs { ms, .. }
            | Self::PlatformError { late_ms: Some(ms), .. }
            | Self::VisibleLateMs { ms }
            | Self::RemoveAfterMs { ms }
            | Self::AdminConfirms { ms, .. }
            | Self::SlowDrip { interval_ms: ms }
                if *ms > MOST_MS =>
            {
                Err(format!("at most {MOST_MS} ms (an hour), found {ms}"))
            }
            Self::GzipBomb { mib } if !(1..=1024).contains(mib) => {
                Err(format!("`mib` must be 1 to 1024, found {mib}"))
            }
            Self::Redirect302 { location } if location.parse::<axum::http::HeaderValue>().is_err() => {
                Err(format!("`location` cannot stand in a header: {location:?}"))
            }
            Self::Quota { window_s: 0, .. } => Err("`window_s` must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }

    /// What it applies to.
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Self::DelayMs { .. } | Self::ClockSkewMs { .. } | Self::StrangeFields {} => Reach::Any,
            Self::VisibleLateMs { .. }
            | Self::NormaliseText { .. }
            | Self::RepeatContent {}
            | Self::AsyncThen { .. }
            | Self::AdminConfirms { .. }
            | Self::IdempotencyWindowS { .. }
            | Self::Quota { .. }
            | Self::RemoveAfterMs { .. } => Reach::Publication,
            Self::ListPart { .. } | Self::ListDisorder {} => Reach::List,
            _ => Reach::Answer,
        }
    }

    /// The same with its milliseconds changed.
    pub(crate) fn with_ms(&self, change: impl Fn(u64) -> u64) -> Self {
        let mut changed = self.clone();
        match &mut changed {
            Self::DelayMs { ms }
            | Self::ApplyLateMs { ms, .. }
            | Self::PlatformError { late_ms: Some(ms), .. }
            | Self::VisibleLateMs { ms }
            | Self::RemoveAfterMs { ms }
            | Self::AdminConfirms { ms, .. } => *ms = change(*ms),
            _ => {}
        }
        changed
    }

    /// The request ends before anything happens.
    pub(crate) fn is_before_effect(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::ResetBeforeEffect {}
                | Self::PlatformError { applied: false, late_ms: None, .. }
                | Self::Redirect302 { .. }
                | Self::Hang { applied: false }
                | Self::Html200 { applied: false }
                | Self::UnknownErrcode200 { applied: false, .. }
        )
    }
}

/// Which requests a kind of fault can bend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It decides the answer; of these a request meets one at most.
    Answer,
    /// Every request.
    Any,
    /// A post or a repost that is applied.
    Publication,
    /// The list of an account's posts.
    List,
}

fn yes() -> bool {
    true
}

fn odd_errcode() -> i64 {
    79_901
}

fn bomb_size() -> u32 {
    64
}
