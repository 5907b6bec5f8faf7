//! The oracle: compares what was published with what was expected. Plain values in, plain values out.
//!
//! It looks at everything each time it is asked, so an expectation that is registered after the effect counts too.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::effect::{Effect, EffectKind, EffectState};
use crate::expect::Expectation;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    pub kind: ViolationKind,
    pub account: String,
    /// Ids of the effects that break it, oldest first; of a `duplicate` the allowed ones too.
    pub effects: Vec<String>,
    /// For a human reader.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// One account published the same bytes, or forwarded the same post, more often than allowed (once, if nothing says
    /// otherwise).
    Duplicate,
    /// Expectations exist, and no account was expected to say this.
    Unapproved,
    /// Another account was expected to say this.
    WrongAccount,
    /// Before every expected time.
    Early,
    /// After the last expected time.
    Late,
}

/// How often an expectation was met; `seen` below `times` at the end of a test means that something was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    #[serde(flatten)]
    pub expectation: Expectation,
    /// Effects with these bytes on this account (shared by expectations of the same bytes).
    pub seen: u64,
}

/// Finds every broken promise: first what was said once too often, then what was said wrongly, each oldest first.
#[must_use]
pub fn judge(effects: &[Effect], expectations: &[Expectation]) -> Vec<Violation> {
    let book = Book::of(expectations);
    let mut violations = duplicates(effects, &book);
    if !expectations.is_empty() {
        violations
            .extend(effects.iter().filter(|effect| counts(effect)).filter_map(|effect| book.wrong(effect)));
    }
    violations
}

/// Counts for each expectation the effects that match it.
pub(crate) fn expected(effects: &[Effect], expectations: &[Expectation]) -> Vec<Expected> {
    let mut said: HashMap<(&str, &str), Vec<&Effect>> = HashMap::new();
    for effect in effects.iter().filter(|effect| counts(effect)) {
        said.entry((&effect.account, &effect.text_sha256)).or_default().push(effect);
    }
    expectations
        .iter()
        .map(|expectation| {
            let key = (expectation.account.as_str(), expectation.text_sha256.as_str());
            let matching = said.get(&key).map_or(&[][..], Vec::as_slice);
            let seen = matching.iter().filter(|effect| is_about(expectation, effect)).count();
            Expected { expectation: expectation.clone(), seen: seen as u64 }
        })
        .collect()
}

/// The public saw it or will see it.
fn counts(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::Post | EffectKind::Repost) && was_said(effect)
}

/// Somebody saw it or will see it, and a client said it.
fn was_said(effect: &Effect) -> bool {
    effect.state != EffectState::Refused && !effect.by_hand
}

fn is_answer(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::Comment | EffectKind::Message)
}

fn is_about(expectation: &Expectation, effect: &Effect) -> bool {
    expectation.origin_id.is_none() || expectation.origin_id == effect.origin_id
}

/// What may not happen twice: the same bytes as a post of its own, a forward of the same post, or the same bytes to the same
/// person or under the same post.
#[derive(PartialEq, Eq, Hash)]
enum Once<'a> {
    Bytes(&'a str),
    Forward(&'a str),
    Answer { bytes: &'a str, under: Option<&'a str>, to: Option<&'a str> },
}

fn duplicates(effects: &[Effect], book: &Book<'_>) -> Vec<Violation> {
    let mut place: HashMap<(&str, Once<'_>), usize> = HashMap::new();
    let mut groups: Vec<Vec<&Effect>> = Vec::new();
    for effect in effects.iter().filter(|effect| was_said(effect) && (counts(effect) || is_answer(effect))) {
        let once = match (&effect.kind, &effect.origin_id) {
            _ if is_answer(effect) => Once::Answer {
                bytes: &effect.text_sha256,
                under: effect.origin_id.as_deref(),
                to: effect.to.as_deref(),
            },
            (EffectKind::Repost, Some(origin)) => Once::Forward(origin),
            _ => Once::Bytes(&effect.text_sha256),
        };
        let at = *place.entry((&effect.account, once)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(effect),
            None => groups.push(vec![effect]),
        }
    }
    groups.iter().filter_map(|group| duplicate(group, book)).collect()
}

fn duplicate(group: &[&Effect], book: &Book<'_>) -> Option<Violation> {
    let first = group.first()?;
    // Expectations are about what is published; an answer is given once.
    let allowed = if is_answer(first) { 1 } else { book.allowed(first) };
    if group.len() as u64 <= allowed {
        return None;
    }
    let what = match (first.kind, &first.origin_id) {
        (EffectKind::Repost, Some(origin)) => format!("forwarded post {origin}"),
        _ if is_answer(first) => format!("gave the same answer {}", first.text_sha256),
        _ => format!("published the bytes {}", first.text_sha256),
    };
    Some(Violation {
        kind: ViolationKind::Duplicate,
        account: first.account.clone(),
        effects: group.iter().map(|effect| effect.id.clone()).collect(),
        detail: format!("account {} {what} {} times, allowed {allowed}", first.account, group.len()),
    })
}

/// The expectations by what they are about.
struct Book<'a> {
    by_bytes: HashMap<&'a str, Vec<&'a Expectation>>,
    by_origin: HashMap<(&'a str, &'a str), u64>,
}

impl<'a> Book<'a> {
    fn of(expectations: &'a [Expectation]) -> Self {
        let mut book = Self { by_bytes: HashMap::new(), by_origin: HashMap::new() };
        for expectation in expectations {
            book.by_bytes.entry(&expectation.text_sha256).or_default().push(expectation);
            if let Some(origin) = &expectation.origin_id {
                *book.by_origin.entry((&expectation.account, origin)).or_default() += expectation.times;
            }
        }
        book
    }

    fn about(&self, effect: &Effect) -> Vec<&'a Expectation> {
        let all = self.by_bytes.get(effect.text_sha256.as_str()).map_or(&[][..], Vec::as_slice);
        all.iter().copied().filter(|expectation| is_about(expectation, effect)).collect()
    }

    fn allowed(&self, effect: &Effect) -> u64 {
        let named: u64 = match (effect.kind, &effect.origin_id) {
            (EffectKind::Repost, Some(origin)) => {
                self.by_origin.get(&(effect.account.as_str(), origin.as_str())).copied().unwrap_or(0)
            }
            _ => {
                let about = self.about(effect);
                about.iter().filter(|one| one.account == effect.account).map(|one| one.times).sum()
            }
        };
        named.max(1)
    }

    fn wrong(&self, effect: &Effect) -> Option<Violation> {
        let (own, others): (Vec<_>, Vec<_>) =
            self.about(effect).into_iter().partition(|one| one.account == effect.account);
        let (kind, detail) = if own.is_empty() {
            match others.first() {
                Some(other) => (
                    ViolationKind::WrongAccount,
                    format!(
                        "these bytes were expected on account {}, not on {}",
                        other.account, effect.account
                    ),
                ),
                None => (
                    ViolationKind::Unapproved,
                    format!("no expectation names the bytes {} on any account", effect.text_sha256),
                ),
            }
        } else {
            mistimed(effect.at_unix_ms, &own)?
        };
        let (account, effects) = (effect.account.clone(), vec![effect.id.clone()]);
        Some(Violation { kind, account, effects, detail })
    }
}

fn mistimed(at: i64, own: &[&Expectation]) -> Option<(ViolationKind, String)> {
    let is_early = |one: &Expectation| one.not_before_unix_ms.is_some_and(|first| at < first);
    let is_late = |one: &Expectation| one.latest_unix_ms.is_some_and(|last| at > last);
    if own.iter().any(|one| !is_early(one) && !is_late(one)) {
        return None;
    }
    if own.iter().all(|one| is_early(one)) {
        let first = own.iter().filter_map(|one| one.not_before_unix_ms).min()?;
        return Some((ViolationKind::Early, format!("{} ms before its time", first.saturating_sub(at))));
    }
    let last = own.iter().filter_map(|one| one.latest_unix_ms).filter(|last| *last < at).max()?;
    Some((ViolationKind::Late, format!("{} ms after its latest time", at.saturating_sub(last))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{RequestMark, text_sha256};

    fn post(id: &str, account: &str, text: &str, at: i64) -> Effect {
        Effect {
            id: id.into(),
            platform: "mock".into(),
            account: account.into(),
            kind: EffectKind::Post,
            state: EffectState::Standing,
            text_sha256: text_sha256("", text),
            text: text.into(),
            title: None,
            shown_text: None,
            link: None,
            media: vec![],
            source: None,
            origin_id: None,
            to: None,
            at_unix_ms: at,
            visible_from_unix_ms: None,
            bytes: None,
            by_hand: false,
            request: RequestMark { idempotency_key: None, sequence: 1 },
        }
    }

    fn repost(id: &str, account: &str, origin: &str) -> Effect {
        Effect { kind: EffectKind::Repost, origin_id: Some(origin.into()), ..post(id, account, "", 0) }
    }

    fn check(effects: &[Effect], expectations: &[Expectation], wanted: &[(ViolationKind, &[&str])]) {
        let found = judge(effects, expectations);
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.kind, one.effects.iter().map(String::as_str).collect::<Vec<_>>()))
            .collect();
        let wanted: Vec<_> = wanted.iter().map(|(kind, ids)| (*kind, ids.to_vec())).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_same_bytes_twice_on_one_account_is_a_duplicate_unless_allowed() {
        let twice = [post("a", "u1", "x", 0), post("b", "u1", "x", 9), post("c", "u2", "x", 9)];
        check(&twice, &[], &[(ViolationKind::Duplicate, &["a", "b"])]);
        let allowed = [Expectation::of("u1", "", "x").times(2), Expectation::of("u2", "", "x")];
        check(&twice, &allowed, &[]);
        let added_up = [Expectation::of("u1", "", "x"), Expectation::of("u1", "", "x"), allowed[1].clone()];
        check(&twice, &added_up, &[]);
    }

    #[test]
    fn one_post_forwarded_twice_is_a_duplicate_and_two_forwards_of_two_posts_are_not() {
        check(&[repost("a", "u1", "p1"), repost("b", "u1", "p2")], &[], &[]);
        let twice = [repost("a", "u1", "p1"), repost("b", "u1", "p1")];
        check(&twice, &[], &[(ViolationKind::Duplicate, &["a", "b"])]);
        check(&twice, &[Expectation::of("u1", "", "").origin("p1").times(2)], &[]);
    }

    #[test]
    fn the_same_answer_to_the_same_person_is_a_duplicate_and_to_another_is_not() {
        let answer = |id: &str, to: &str| Effect {
            kind: EffectKind::Comment,
            origin_id: Some("p1".into()),
            to: Some(to.into()),
            ..post(id, "u1", "收到", 0)
        };
        check(&[answer("a", "c1"), answer("b", "c2")], &[], &[]);
        let twice = [answer("a", "c1"), answer("b", "c1")];
        check(&twice, &[Expectation::of("u1", "", "别的")], &[(ViolationKind::Duplicate, &["a", "b"])]);
    }

    #[test]
    fn what_the_platform_refused_later_breaks_nothing_and_what_was_retracted_still_counts() {
        let mut pair = [post("a", "u1", "x", 0), post("b", "u1", "x", 1)];
        pair[0].state = EffectState::Refused;
        check(&pair, &[], &[]);
        pair[0].state = EffectState::Retracted;
        check(&pair, &[], &[(ViolationKind::Duplicate, &["a", "b"])]);
    }

    #[test]
    fn unapproved_and_wrong_account_are_told_apart() {
        let said = [post("a", "u1", "x", 0), post("b", "u1", "y", 0)];
        check(
            &said,
            &[Expectation::of("u2", "", "x")],
            &[(ViolationKind::WrongAccount, &["a"]), (ViolationKind::Unapproved, &["b"])],
        );
    }

    #[test]
    fn times_are_inclusive_and_any_fitting_expectation_is_enough() {
        let said = [post("a", "u1", "x", 100)];
        let window = |from, to| Expectation::of("u1", "", "x").not_before(from).latest(to);
        check(&said, &[window(100, 100)], &[]);
        check(&said, &[window(101, 200)], &[(ViolationKind::Early, &["a"])]);
        check(&said, &[window(0, 99)], &[(ViolationKind::Late, &["a"])]);
        check(&said, &[window(0, 99), window(200, 300)], &[(ViolationKind::Late, &["a"])]);
        check(&said, &[window(0, 99), window(50, 150)], &[]);
    }

    #[test]
    fn expectations_say_how_often_they_were_met() {
        let said = [post("a", "u1", "x", 0)];
        let wanted = [Expectation::of("u1", "", "x"), Expectation::of("u1", "", "y")];
        let seen: Vec<_> = expected(&said, &wanted).iter().map(|one| one.seen).collect();
        assert_eq!(seen, [1, 0]);
    }
}
