//! One line of the script: which requests go wrong, how often, and by which seed.
//!
//! A rule is JSON: `{"match":{"account":"1001","method":"POST"},"times":1,"do":{"kind":"reset_after_effect"}}`. How several
//! rules work together stands in `script.rs`.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::faults::Fault;
use crate::ledger::Full;

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
    /// Of the requests that match, only some, and times that vary; absent: all, and the times as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<Chance>,
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

/// A rule in force, as `GET /control/faults` shows it; a used-up one stays listed, so that a test can see that it fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleStatus {
    pub id: u64,
    #[serde(flatten)]
    pub rule: Rule,
    /// So many requests it changed.
    pub fired: u64,
    /// So many requests it matched, those that its chance let pass included.
    #[serde(default)]
    pub met: u64,
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
        Self { matching: Match::default(), times: None, chance: None, fault }
    }

    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Fires for so many of a hundred matching requests; the same seed chooses the same ones again.
    #[must_use]
    pub fn chance(mut self, percent: u8, seed: u64) -> Self {
        self.chance = Some(Chance { percent, seed, spread: false });
        self
    }

    /// Its milliseconds are drawn between 0 and what it says, by this seed.
    #[must_use]
    pub fn spread(mut self, seed: u64) -> Self {
        let percent = self.chance.map_or(100, |chance| chance.percent);
        self.chance = Some(Chance { percent, seed, spread: true });
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
        if self.chance.is_some_and(|chance| !(1..=100).contains(&chance.percent)) {
            return unusable("`chance.percent` must be 1 to 100".into());
        }
        self.fault.check().map_err(BadRule::Unusable)
    }
}
