//! The script in force: decides for each request which faults it meets, and counts what fired.
//!
//! Every request meets at most one rule that decides its *answer* (a refusal, a reset, a late effect …), the oldest
//! that matches and is not used up, so two rules with `times: 1` fail the first request one way and the second another.
//! The other kinds bend what happens (a delay, a visibility lag, normalised text …) and add to it: one of each kind.

use std::sync::Arc;

use tracing::warn;

use crate::faults::{AsyncOutcome, Fault, KeyAnswer, ListEnd, Reach, ScriptedRefusal};
use crate::ledger::Full;
use crate::rule::{BadRule, Match, Rule, RuleStatus};

/// More rules than any script needs; each request looks through all of them.
const MOST_RULES: usize = 1_000;

/// The script.
#[derive(Default)]
pub(crate) struct Script {
    rules: Vec<RuleStatus>,
    given: u64,
}

impl Script {
    /// The script of a seed, whose rules were checked when it was read.
    pub(crate) fn of(rules: &[Rule]) -> Self {
        let mut script = Self::default();
        for rule in rules {
            // Only more rules than a script holds can be refused here.
            if let Err(bad) = script.add(rule.clone()) {
                warn!(reason = %bad, "A rule of the seed is left out");
            }
        }
        script
    }

    pub(crate) fn add(&mut self, rule: Rule) -> Result<u64, BadRule> {
        rule.check()?;
        if self.rules.len() >= MOST_RULES {
            return Err(Full { most: MOST_RULES, what: "fault rules" }.into());
        }
        self.given += 1;
        self.rules.push(RuleStatus { id: self.given, rule, fired: 0, met: 0 });
        Ok(self.given)
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn list(&self) -> Vec<RuleStatus> {
        self.rules.clone()
    }

    /// Counts a rule that was found to matter only while the request was carried out.
    pub(crate) fn fired(&mut self, id: u64) {
        if let Some(status) = self.rules.iter_mut().find(|status| status.id == id) {
            status.fired += 1;
        }
    }

    /// Decides what happens to a request, and counts the rules that it used.
    pub(crate) fn choose(&mut self, seen: &Seen<'_>) -> Plan {
        let mut plan = Plan::default();
        for status in self.rules.iter_mut().filter(|one| one.rule.fault.reach() == Reach::Answer) {
            if let Some(fault) = status.meets(seen) {
                status.fired += 1;
                plan.answer = Some(fault);
                break;
            }
        }
        let applied = !plan.answer.as_ref().is_some_and(Fault::is_before_effect);
        for status in &mut self.rules {
            let allowed = match status.rule.fault.reach() {
                Reach::Answer => false,
                Reach::Any => true,
                Reach::Publication => seen.publishes && applied,
                Reach::List => seen.lists && applied,
            };
            if let Some(fault) = allowed.then(|| status.meets(seen)).flatten()
                && plan.bend(status.id, &fault)
            {
                status.fired += 1;
            }
        }
        plan
    }
}

/// What the rules see of a request.
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) account: Option<&'a str>,
    pub(crate) words: &'a [Arc<str>],
    /// It asks for a post or a repost, so the kinds that bend a publication apply.
    pub(crate) publishes: bool,
    /// It asks for the posts of an account.
    pub(crate) lists: bool,
}

/// What the rules decided for one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) answer: Option<Fault>,
    pub(crate) delay_ms: u64,
    pub(crate) twist: Twist,
}

/// How what is carried out is bent.
#[derive(Debug, Default)]
pub(crate) struct Twist {
    pub(crate) visible_late_ms: u64,
    pub(crate) normalise: Option<Normalise>,
    pub(crate) then: Option<Later>,
    /// The rule, to be counted when it really bites.
    pub(crate) repeat_content: Option<u64>,
    /// The rule, to be counted when it really bites, the window in milliseconds, and what is said to a known key.
    pub(crate) idempotency: Option<(u64, u64, KeyAnswer)>,
    /// The rule, to be counted when it really bites, the posts and the window in milliseconds.
    pub(crate) quota: Option<(u64, u64, u64)>,
    pub(crate) remove_after_ms: Option<u64>,
    pub(crate) skew_ms: i64,
    pub(crate) part: Option<(usize, ListEnd, bool)>,
    pub(crate) disorder: bool,
    pub(crate) strange: bool,
}

/// What the platform changes in a text beyond spaces and punctuation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalise {
    pub(crate) short_links: bool,
    pub(crate) emoji: bool,
}

/// How a post that was accepted with a ticket is decided.
#[derive(Clone, Debug)]
pub(crate) struct Later {
    pub(crate) polls: u32,
    pub(crate) after_ms: u64,
    pub(crate) outcome: AsyncOutcome,
    pub(crate) refusal: ScriptedRefusal,
}

impl Plan {
    /// Takes a bending fault in unless there is one of its kind already; true: count it now.
    fn bend(&mut self, id: u64, fault: &Fault) -> bool {
        let twist = &mut self.twist;
        match fault {
            Fault::DelayMs { ms } if self.delay_ms == 0 => self.delay_ms = *ms,
            Fault::VisibleLateMs { ms } if twist.visible_late_ms == 0 => twist.visible_late_ms = *ms,
            Fault::NormaliseText { short_links, emoji } if twist.normalise.is_none() => {
                twist.normalise = Some(Normalise { short_links: *short_links, emoji: *emoji });
            }
            Fault::AsyncThen { polls, outcome, code, message } if twist.then.is_none() => {
                let (code, message) = (code.clone(), message.clone());
                let refusal = ScriptedRefusal { status: 400, code, message, ..ScriptedRefusal::default() };
                twist.then = Some(Later { polls: *polls, after_ms: 0, outcome: *outcome, refusal });
            }
            Fault::AdminConfirms { ms, outcome } if twist.then.is_none() => {
                let (code, message) = (Some("admin_declined".into()), Some("管理员未确认".into()));
                let refusal = ScriptedRefusal { status: 400, code, message, ..ScriptedRefusal::default() };
                twist.then = Some(Later { polls: 0, after_ms: *ms, outcome: *outcome, refusal });
            }
            Fault::RemoveAfterMs { ms } if twist.remove_after_ms.is_none() => {
                twist.remove_after_ms = Some(*ms);
            }
            Fault::ClockSkewMs { ms } if twist.skew_ms == 0 => twist.skew_ms = *ms,
            Fault::ListPart { most, which, says_so } if twist.part.is_none() => {
                twist.part = Some((*most, *which, *says_so));
            }
            Fault::StrangeFields {} if !twist.strange => twist.strange = true,
            Fault::ListDisorder {} if !twist.disorder => twist.disorder = true,
            Fault::RepeatContent {} => {
                twist.repeat_content.get_or_insert(id);
                return false;
            }
            Fault::IdempotencyWindowS { seconds, answer } => {
                twist.idempotency.get_or_insert((id, seconds.saturating_mul(1_000), *answer));
                return false;
            }
            Fault::Quota { posts, window_s } => {
                twist.quota.get_or_insert((id, *posts, window_s.saturating_mul(1_000)));
                return false;
            }
            _ => return false,
        }
        true
    }
}

impl RuleStatus {
    /// The fault, its times drawn, if this request meets it.
    fn meets(&mut self, seen: &Seen<'_>) -> Option<Fault> {
        if !self.matches(seen) {
            return None;
        }
        let (met, fault) = (self.met, &self.rule.fault);
        self.met += 1;
        match self.rule.chance {
            None => Some(fault.clone()),
            Some(chance) => chance.hits(met).then(|| fault.with_ms(|most| chance.drawn(met, most))),
        }
    }

    fn matches(&self, seen: &Seen<'_>) -> bool {
        let Match { account, method, path_contains, text_contains } = &self.rule.matching;
        self.rule.times.is_none_or(|times| self.fired < times)
            && account.as_deref().is_none_or(|uid| seen.account == Some(uid))
            && method.as_deref().is_none_or(|method| seen.method.eq_ignore_ascii_case(method))
            && path_contains.as_deref().is_none_or(|part| seen.path.contains(part))
            && text_contains.as_deref().is_none_or(|part| seen.words.iter().any(|words| words.contains(part)))
    }
}
