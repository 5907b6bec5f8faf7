//! The ledger of effects, the accounts they belong to, and what was asked of the platforms. All look-ups are by index.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::effect::{Effect, EffectKind, EffectState, Entry, NewEffect, number_in};
use crate::expect::Expectation;
use crate::judge::{Expected, Violation, expected, judge};
use crate::world::now_unix_ms;

/// What `GET /ledger` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerSnapshot {
    /// Oldest first.
    pub effects: Vec<Effect>,
    pub violations: Vec<Violation>,
    /// The registered expectations, and how often each was met.
    pub expectations: Vec<Expected>,
    /// By method and route, `POST /mock/v1/accounts/{uid}/posts`; requests that never became an effect included.
    pub requests: BTreeMap<String, RequestCount>,
}

/// What was asked of one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCount {
    pub total: u64,
    /// Of them: answered with a status of 400 or more.
    pub refused: u64,
    /// Of them: left without an answer (`hang`, `reset_…`).
    pub unanswered: u64,
}

/// How a request ended, for its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Answered,
    Refused,
    Unanswered,
}

/// The most the ledger keeps. A test that needs more should say so; a runaway client should hear it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) effects: usize,
    pub(crate) text_bytes: usize,
    pub(crate) accounts: usize,
}

/// A limit was reached; the words say which, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox keeps at most {most} {what}; POST /control/reset empties it")]
pub struct Full {
    pub(crate) most: usize,
    pub(crate) what: &'static str,
}

pub(crate) struct Account {
    pub(crate) platform: &'static str,
    pub(crate) uid: Arc<str>,
    pub(crate) name: Arc<str>,
    /// Places in [`Ledger::entries`], oldest first.
    entries: Vec<usize>,
    /// The first post with these bytes.
    by_hash: HashMap<[u8; 32], u64>,
    /// The last post or repost that came with this `Idempotency-Key`.
    by_key: HashMap<String, u64>,
    requests: Counts,
}

impl Account {
    fn new(platform: &'static str, uid: Arc<str>) -> Self {
        let name = uid.clone();
        let (by_hash, by_key) = (HashMap::new(), HashMap::new());
        Self { platform, uid, name, entries: Vec::new(), by_hash, by_key, requests: Counts::default() }
    }
}

/// What an effect was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded {
    pub(crate) number: u64,
    pub(crate) at: i64,
}

pub(crate) struct Ledger {
    limits: Limits,
    /// Number of the first entry. Numbers go on over resets, so an id never means two things.
    first: u64,
    entries: Vec<Entry>,
    text_bytes: usize,
    accounts: Vec<Account>,
    /// Places in `accounts`: one for each platform that knows this id.
    by_uid: HashMap<Arc<str>, Vec<usize>>,
    expectations: Vec<Expectation>,
    requests: Counts,
    sequence: u64,
    last_ms: i64,
}

impl Ledger {
    pub(crate) fn new(limits: Limits, first: u64) -> Self {
        Self {
            limits,
            first,
            entries: Vec::new(),
            text_bytes: 0,
            accounts: Vec::new(),
            by_uid: HashMap::new(),
            expectations: Vec::new(),
            requests: Counts::default(),
            sequence: 0,
            last_ms: 0,
        }
    }

    /// An empty ledger with the same limits, whose numbers go on.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.limits, self.first + self.entries.len() as u64)
    }

    /// The account with this id, made if it is new.
    pub(crate) fn account(&mut self, platform: &'static str, uid: &str) -> Result<usize, Full> {
        if let Some(index) = self.find_account(platform, uid) {
            return Ok(index);
        }
        if self.accounts.len() >= self.limits.accounts {
            return Err(Full { most: self.limits.accounts, what: "accounts" });
        }
        let (index, uid) = (self.accounts.len(), Arc::<str>::from(uid));
        self.by_uid.entry(uid.clone()).or_default().push(index);
        self.accounts.push(Account::new(platform, uid));
        Ok(index)
    }

    pub(crate) fn find_account(&self, platform: &'static str, uid: &str) -> Option<usize> {
        let is_on = |index: &&usize| self.account_at(**index).is_some_and(|one| one.platform == platform);
        self.with_uid(uid).iter().find(is_on).copied()
    }

    /// The accounts with this id, over all platforms.
    pub(crate) fn with_uid(&self, uid: &str) -> &[usize] {
        self.by_uid.get(uid).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn rename(&mut self, index: usize, name: &str) {
        if let Some(account) = self.accounts.get_mut(index) {
            account.name = name.into();
        }
    }

    pub(crate) fn account_at(&self, index: usize) -> Option<&Account> {
        self.accounts.get(index)
    }

    pub(crate) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The places of all accounts, those that did something last first.
    pub(crate) fn liveliest(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.accounts.len()).collect();
        let last = |place: &usize| self.accounts.get(*place).and_then(|one| one.entries.last());
        places.sort_by_key(|place| std::cmp::Reverse(last(place)));
        places
    }

    /// Numbers a request that arrived.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(crate) fn count(&mut self, route: &'static str, account: Option<usize>, ended: Ended) {
        self.requests.add(route, ended);
        if let Some(account) = account.and_then(|index| self.accounts.get_mut(index)) {
            account.requests.add(route, ended);
        }
    }

    /// Writes an effect down; `now` is Unix milliseconds, and time never goes back in the ledger.
    pub(crate) fn record(&mut self, effect: NewEffect, now: i64) -> Result<Recorded, Full> {
        if self.entries.len() >= self.limits.effects {
            return Err(Full { most: self.limits.effects, what: "effects" });
        }
        let bytes = effect.text.len() + effect.title.as_ref().map_or(0, |title| title.len());
        if self.text_bytes + bytes > self.limits.text_bytes {
            return Err(Full { most: self.limits.text_bytes, what: "bytes of text" });
        }
        self.text_bytes += bytes;
        let place = self.entries.len();
        let number = self.first + place as u64;
        self.last_ms = self.last_ms.max(now);
        let visible_from = match effect.state {
            EffectState::Pending => i64::MAX,
            _ => self.last_ms.saturating_add(effect.visible_late_ms),
        };
        self.index(&effect, place, number);
        let account_uid = effect
            .account
            .and_then(|index| self.accounts.get(index))
            .map_or_else(|| "".into(), |one| one.uid.clone());
        let (at, state, said) = (self.last_ms, effect.state, Arc::new(effect));
        self.entries.push(Entry {
            number,
            at,
            state,
            visible_from,
            removed_from: i64::MAX,
            account_uid,
            said,
        });
        Ok(Recorded { number, at })
    }

    fn index(&mut self, effect: &NewEffect, place: usize, number: u64) {
        let Some(account) = effect.account.and_then(|index| self.accounts.get_mut(index)) else { return };
        account.entries.push(place);
        if effect.kind == EffectKind::Post {
            account.by_hash.entry(effect.hash).or_insert(number);
        }
        let publishes = matches!(effect.kind, EffectKind::Post | EffectKind::Repost);
        if let Some(key) = effect.request.idempotency_key.as_ref().filter(|_| publishes) {
            account.by_key.insert(key.clone(), number);
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Entry> {
        self.entries.get(self.place(number)?)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Entry> {
        let place = self.place(number)?;
        self.entries.get_mut(place)
    }

    /// The platform takes a post down. Whether there is one of this id.
    pub(crate) fn remove(&mut self, id: &str, now: i64) -> bool {
        let number = self.named(id).filter(|entry| entry.is_post()).map(|entry| entry.number);
        let Some(entry) = number.and_then(|number| self.get_mut(number)) else { return false };
        entry.removed_from = entry.removed_from.min(now);
        true
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    /// The entry that a client's id (`p17…`, `f17…`, `1790…`) names.
    pub(crate) fn named(&self, id: &str) -> Option<&Entry> {
        let entry = self.get(number_in(id)?)?;
        (entry.id() == id).then_some(entry)
    }

    /// The first post of this account with these bytes.
    pub(crate) fn first_with(&self, account: usize, hash: [u8; 32]) -> Option<&Entry> {
        self.get(*self.accounts.get(account)?.by_hash.get(&hash)?)
    }

    /// The last post or repost of this account that came with this `Idempotency-Key`.
    pub(crate) fn with_key(&self, account: usize, key: &str) -> Option<&Entry> {
        self.get(*self.accounts.get(account)?.by_key.get(key)?)
    }

    /// Everything this account did between the two times, both included, oldest first.
    pub(crate) fn of_account(
        &self,
        account: usize,
        since: i64,
        until: i64,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        let places = self.accounts.get(account).map_or(&[][..], |one| one.entries.as_slice());
        let at = |place: &usize| self.entries.get(*place).map_or(i64::MAX, |entry| entry.at);
        let from = places.partition_point(|place| at(place) < since);
        let to = places.partition_point(|place| at(place) <= until).max(from);
        places.get(from..to).unwrap_or_default().iter().filter_map(|place| self.entries.get(*place))
    }

    pub(crate) fn expect(&mut self, expectations: Vec<Expectation>) -> Result<(), Full> {
        if self.expectations.len() + expectations.len() > self.limits.effects {
            return Err(Full { most: self.limits.effects, what: "expectations" });
        }
        self.expectations.extend(expectations);
        Ok(())
    }

    /// What a snapshot is made of; cheap, so that the lock is held shortly. `account`: only what belongs to that id.
    pub(crate) fn copy(&self, account: Option<&str>) -> LedgerCopy {
        let expectations = self.expectations.clone();
        let Some(uid) = account else {
            let (entries, requests) = (self.entries.clone(), self.requests.shown());
            return LedgerCopy { entries, expectations, requests, only: None };
        };
        let mut copy = LedgerCopy {
            entries: Vec::new(),
            expectations,
            requests: BTreeMap::new(),
            only: Some(uid.to_owned()),
        };
        for index in self.with_uid(uid) {
            copy.entries.extend(self.of_account(*index, i64::MIN, i64::MAX).cloned());
            copy.requests.extend(self.account_at(*index).map(|one| one.requests.shown()).unwrap_or_default());
        }
        copy
    }
}

/// The ledger at one moment, not yet judged.
pub(crate) struct LedgerCopy {
    entries: Vec<Entry>,
    expectations: Vec<Expectation>,
    requests: BTreeMap<String, RequestCount>,
    only: Option<String>,
}

impl LedgerCopy {
    /// Everything that takes long, done without the lock.
    pub(crate) fn judged(self) -> LedgerSnapshot {
        let now = now_unix_ms();
        let effects: Vec<Effect> = self.entries.iter().map(|entry| entry.view(now)).collect();
        // Judged with the expectations of all accounts, or `wrong_account` would look like `unapproved`.
        let violations = judge(&effects, &self.expectations);
        let mut expectations = self.expectations;
        if let Some(only) = self.only {
            expectations.retain(|one| one.account == only);
        }
        let expectations = expected(&effects, &expectations);
        LedgerSnapshot { effects, violations, expectations, requests: self.requests }
    }
}

/// A handful of routes: a list is smaller and faster than a map.
#[derive(Default)]
struct Counts(Vec<(&'static str, RequestCount)>);

impl Counts {
    fn add(&mut self, route: &'static str, ended: Ended) {
        let mut one = RequestCount { total: 1, ..RequestCount::default() };
        match ended {
            Ended::Answered => {}
            Ended::Refused => one.refused = 1,
            Ended::Unanswered => one.unanswered = 1,
        }
        match self.0.iter_mut().find(|(name, _)| *name == route) {
            Some((_, count)) => {
                count.total += 1;
                count.refused += one.refused;
                count.unanswered += one.unanswered;
            }
            None => self.0.push((route, one)),
        }
    }

    fn shown(&self) -> BTreeMap<String, RequestCount> {
        self.0.iter().map(|(route, count)| ((*route).to_owned(), *count)).collect()
    }
}
