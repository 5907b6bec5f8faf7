//! Scripted faults: which requests go wrong, how, and how often.
//!
//! A rule is JSON: `{"match":{"account":"1001","method":"POST"},"times":1,"do":{"kind":"reset_after_effect"}}`; [`Fault`]
//! lists the kinds. How several rules work together stands in `script.rs`.

use serde::{Deserialize, Serialize};

use crate::ledger::Full;

/// An hour: longer than any client waits, short enough to end.
const MOST_MS: u64 = 3_600_000;

/// One line of the script: which requests, how many of them, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// All given conditions must hold; none given: every request.
    #[serde(rename = "match", default)]
    pub matching: Match,
    /// So many requests, then the rule rests; absent: every one.
    #[serde(default)]
    pub times: Option<u64>,
    #[serde(rename = "do")]
    pub fault: Fault,
}

/// Conditions on a request; `GET`s match too, so a fault for posts alone says `method` or `path_contains`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The platform's id of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Part of the path with its mount: `/mock/v1/accounts/1001/posts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Part of the title, the text or the comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_contains: Option<String>,
}

/// What goes wrong. "Applied" means: the effect happens and stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Refused before the effect. `code` defaults to the platform's usual one for the status.
    Status(ScriptedRefusal),
    /// Applied, then answered with this error.
    StatusAfterEffect(ScriptedRefusal),
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
    /// The public sees the text trimmed, with runs of spaces joined and ASCII punctuation made full-width.
    NormaliseText {},
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
    /// `Idempotency-Key` counts: within so many seconds the same key on the same account gets the first answer again.
    IdempotencyWindowS { seconds: u64 },
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsyncOutcome {
    Published,
    Refused,
}

/// A rule in force, as `GET /control/faults` shows it; a used-up one stays listed, so that a test can see that it fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleStatus {
    pub id: u64,
    #[serde(flatten)]
    pub rule: Rule,
    /// So many requests it changed.
    pub fired: u64,
}

/// A rule that cannot be followed; the words name the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Full(#[from] Full),
}

impl Rule {
    /// Every request, every time.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { matching: Match::default(), times: None, fault }
    }

    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    #[must_use]
    pub fn account(mut self, uid: &str) -> Self {
        self.matching.account = Some(uid.to_owned());
        self
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.matching.method = Some(method.to_owned());
        self
    }

    #[must_use]
    pub fn path_contains(mut self, part: &str) -> Self {
        self.matching.path_contains = Some(part.to_owned());
        self
    }

    #[must_use]
    pub fn text_contains(mut self, part: &str) -> Self {
        self.matching.text_contains = Some(part.to_owned());
        self
    }

    /// Says what of the rule cannot be followed.
    pub(crate) fn check(&self) -> Result<(), BadRule> {
        let unusable = |reason: String| Err(BadRule::Unusable(reason));
        if self.times == Some(0) {
            return unusable("`times` must be at least 1, or null for every request".into());
        }
        match &self.fault {
            Fault::Status(refusal) | Fault::StatusAfterEffect(refusal)
                if !(400..=599).contains(&refusal.status) =>
            {
                unusable(format!("`status` must be 400 to 599, found {}", refusal.status))
            }
            Fault::DelayMs { ms }
            | Fault::ApplyLateMs { ms, .. }
            | Fault::VisibleLateMs { ms }
            | Fault::SlowDrip { interval_ms: ms }
                if *ms > MOST_MS =>
            {
                unusable(format!("at most {MOST_MS} ms (an hour), found {ms}"))
            }
            Fault::GzipBomb { mib } if !(1..=1024).contains(mib) => {
                unusable(format!("`mib` must be 1 to 1024, found {mib}"))
            }
            Fault::Redirect302 { location } if location.parse::<axum::http::HeaderValue>().is_err() => {
                unusable(format!("`location` cannot stand in a header: {location:?}"))
            }
            _ => Ok(()),
        }
    }
}

impl Fault {
    /// Decides the answer; of these a request meets one at most.
    pub(crate) fn is_answer(&self) -> bool {
        !matches!(
            self,
            Self::DelayMs { .. }
                | Self::VisibleLateMs { .. }
                | Self::NormaliseText {}
                | Self::RepeatContent {}
                | Self::AsyncThen { .. }
                | Self::IdempotencyWindowS { .. }
        )
    }

    /// The request ends before anything happens.
    pub(crate) fn is_before_effect(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::ResetBeforeEffect {}
                | Self::Redirect302 { .. }
                | Self::Hang { applied: false }
                | Self::Html200 { applied: false }
                | Self::UnknownErrcode200 { applied: false, .. }
        )
    }
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
