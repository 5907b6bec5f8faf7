//! One item through the whole machine of domain reference §1.5, without a database or a platform: with this a district tries
//! its procedures before it lives with them.
//!
//! Every event asks the very function that the daemon asks. What the daemon leaves to deliveries (publishing, and trying that
//! again) is played on the item itself.

use jiff::Timestamp;

use super::{Chain, Decision, Next, NotTheirs, Origin, Proposal, Refusal, Verdict};
use super::{decide, may_hand_in, next};
use crate::act::{self, ActRefusal};
use crate::hash::ContentHash;
use crate::id::{ItemId, UnitCode};
use crate::item::{Content, Item};
use crate::matrix::{Person, Procedure, Role};
use crate::schedule::{self, ScheduleRefusal};
use crate::state::ItemState;

/// An item that is played with, and where it would be.
#[derive(Debug, Clone)]
pub struct Play {
    pub item: Item,
    pub decisions: Vec<Decision>,
    /// Who drafts under its procedure.
    pub origin: Origin,
    pub office: UnitCode,
}

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Event {
    /// `blocked`: a check of the content says no.
    Submit {
        blocked: bool,
    },
    /// `seen`: the bytes that were read, when they are not the present ones.
    Approve {
        seen: Option<ContentHash>,
    },
    Return,
    Reject,
    /// 提请上级认定: a secrecy reviewer who is not sure. The item stays where it is.
    ReferUp,
    Withdraw,
    /// 并稿, into the item with this id; any other item, when none is named.
    Merge {
        into: Option<String>,
    },
    /// `minor`: punctuation and the like, under R-34.
    Edit {
        content: Box<Content>,
        minor: bool,
    },
    /// 改划到另一程序.
    Reclassify {
        to: Procedure,
        chain: Chain,
        origin: Origin,
    },
    Schedule,
    Unschedule,
    Hold,
    Release,
    /// `as_admin`: the person says that they act for the accounts. `succeeds`: the platform takes it.
    Publish {
        as_admin: bool,
        succeeds: bool,
    },
    Retry,
    Retract,
}

/// Who does it: a person in the role in which they act, or the daemon by itself.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    Person(&'a Person),
    Daemon,
}

/// Edits, plans, and takes down.
const OFFICE: &[Role] = &[Role::OfficeEditor, Role::OfficeDirector];
/// Publishes, and never approves.
const PUBLISHERS: &[Role] = &[Role::AccountAdmin];

impl Play {
    /// Where the item is after this; a refused event changes nothing.
    ///
    /// # Errors
    /// The guard that says no, with the word of domain reference §1.5.
    pub fn play(&mut self, event: Event, by: Actor<'_>, reason: &str) -> Result<ItemState, NotNow> {
        let state = match (event, by) {
            (Event::Hold, Actor::Daemon) if self.item.state == ItemState::Scheduled => ItemState::Held,
            (Event::Hold, Actor::Daemon) => return Err(NotNow::BadState(self.item.state)),
            (Event::Publish { as_admin, succeeds }, by) => self.publish(by, as_admin, succeeds)?,
            (_, Actor::Daemon) => return Err(NotNow::Forbidden { roles: OFFICE }),
            (event, Actor::Person(person)) => self.by_person(event, person, reason)?,
        };
        self.item.state = state;
        Ok(state)
    }

    fn by_person(&mut self, event: Event, by: &Person, reason: &str) -> Result<ItemState, NotNow> {
        use ItemState as S;
        let (item, now) = (&self.item, Timestamp::UNIX_EPOCH);
        match event {
            Event::Submit { blocked } => self.submit(by, blocked),
            Event::Approve { seen } => self.decide(by, Verdict::Approve, seen, reason),
            Event::Return => self.decide(by, Verdict::Return, None, reason),
            Event::Reject => self.decide(by, Verdict::Reject, None, reason),
            Event::ReferUp => {
                act::refer_up(item, &self.decisions, by, reason).map(|()| item.state).map_err(NotNow::from)
            }
            Event::Withdraw => Ok(act::withdraw(item, &[], by, reason).map(|_| S::Withdrawn)?),
            Event::Merge { into } => self.merge(by, into.as_deref()),
            Event::Edit { content, minor } => self.edit(by, *content, minor),
            Event::Reclassify { to, chain, origin } => self.reclassify(by, to, chain, origin),
            Event::Schedule => self.schedule(by),
            Event::Unschedule => Ok(act::unschedule(item, &[], by).map(|_| S::Approved)?),
            Event::Hold => Ok(act::hold_item(item, &[], by, reason).map(|_| S::Held)?),
            Event::Release => Ok(act::release_item(item, &[], by, now).map(|_| S::Scheduled)?),
            Event::Retry => self.require(by, PUBLISHERS, S::PublishFailed).map(|()| S::Scheduled),
            Event::Retract => Ok(act::retract(item, by, reason).map(|()| S::Retracted)?),
            // It was taken before.
            Event::Publish { .. } => Ok(item.state),
        }
    }

    fn submit(&self, by: &Person, blocked: bool) -> Result<ItemState, NotNow> {
        let state = act::hand_in(&self.item, &self.decisions, by)?;
        may_hand_in(by, &self.item.unit, &self.office, self.origin)?;
        if blocked { Err(NotNow::BlockedByCheck) } else { Ok(state) }
    }

    fn decide(
        &mut self,
        person: &Person,
        verdict: Verdict,
        seen: Option<ContentHash>,
        reason: &str,
    ) -> Result<ItemState, NotNow> {
        let hash = seen.unwrap_or_else(|| self.item.hash.clone());
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        let proposal =
            Proposal { person, mandates: &[], verdict, hash: &hash, reason, at: Timestamp::UNIX_EPOCH };
        let decided = decide(&self.item, &self.decisions, &proposal)?;
        self.decisions.push(decided.decision);
        Ok(decided.state)
    }

    fn merge(&self, by: &Person, into: Option<&str>) -> Result<ItemState, NotNow> {
        let id = into.map_or_else(|| ItemId::new(format!("not {}", self.item.id)), ItemId::new);
        let into = Item { id, state: ItemState::PendingOffice, ..self.item.clone() };
        act::merge(&self.item, by, Some(&into))?;
        Ok(ItemState::Merged)
    }

    fn edit(&mut self, by: &Person, content: Content, minor: bool) -> Result<ItemState, NotNow> {
        let (content, hash, state) = if act::is_editable(self.item.state) {
            let saved = act::save(&self.item, by, content)?;
            (saved.content, saved.hash, saved.state)
        } else {
            let edit = act::copy_edit(&self.item, &self.decisions, by, content, minor)?;
            self.decisions.extend(edit.carried);
            (edit.content, edit.hash, edit.state)
        };
        (self.item.content, self.item.hash) = (content, hash);
        self.item.version = self.item.version.saturating_add(1);
        Ok(state)
    }

    fn reclassify(
        &mut self,
        by: &Person,
        to: Procedure,
        chain: Chain,
        origin: Origin,
    ) -> Result<ItemState, NotNow> {
        let same = origin == self.origin;
        let state = act::reclassify(&self.item, &self.decisions, by, to, &chain, same)?;
        (self.item.procedure, self.item.chain) = (to, chain);
        Ok(state)
    }

    fn schedule(&self, by: &Person) -> Result<ItemState, NotNow> {
        schedule::may_be_planned(&self.item, &self.decisions)?;
        self.require(by, OFFICE, ItemState::Approved)?;
        Ok(ItemState::Scheduled)
    }

    fn publish(&self, by: Actor<'_>, as_admin: bool, succeeds: bool) -> Result<ItemState, NotNow> {
        use ItemState as S;
        let state = self.item.state;
        match (state, next(&self.item, &self.decisions)) {
            (S::Scheduled, Next::Approved) => {}
            (S::Scheduled, Next::Waiting(_)) => return Err(NotNow::MissingApproval),
            // Approved, and nobody has said that and when it goes out; or taken out of the way since.
            (S::Approved | S::Rejected | S::Withdrawn | S::Merged, _) | (_, Next::Waiting(_)) => {
                return Err(NotNow::NotApproved(state));
            }
            (_, Next::Approved) => return Err(NotNow::BadState(state)),
        }
        if let Actor::Person(person) = by {
            let forbidden = NotNow::Forbidden { roles: PUBLISHERS };
            let holds_it = is_one_of(person, PUBLISHERS);
            if !as_admin && !holds_it {
                return Err(forbidden);
            }
            // Whatever other role they have: what somebody approved is published by another person.
            let last = self.decisions.iter().rev().find(|decision| decision.verdict == Verdict::Approve);
            if last.is_some_and(|decision| decision.person == person.id) {
                return Err(NotNow::PublisherIsLastApprover);
            }
            if !holds_it {
                return Err(forbidden);
            }
        }
        Ok(if succeeds { S::Published } else { S::PublishFailed })
    }

    fn require(&self, by: &Person, roles: &'static [Role], from: ItemState) -> Result<(), NotNow> {
        if self.item.state != from {
            return Err(NotNow::BadState(self.item.state));
        }
        if is_one_of(by, roles) { Ok(()) } else { Err(NotNow::Forbidden { roles }) }
    }
}

fn is_one_of(person: &Person, roles: &[Role]) -> bool {
    roles.iter().any(|role| person.has(*role))
}

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    #[error(transparent)]
    Review(#[from] Refusal),
    #[error(transparent)]
    HandIn(#[from] NotTheirs),
    #[error(transparent)]
    Act(#[from] ActRefusal),
    #[error("the item is {0}: this cannot be done now")]
    BadState(ItemState),
    #[error("it takes one of the roles {}", roles.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", "))]
    Forbidden { roles: &'static [Role] },
    #[error("a check of the content says no")]
    BlockedByCheck,
    #[error("the item is {0}: it is not approved")]
    NotApproved(ItemState),
    #[error("an approval of these very bytes is missing")]
    MissingApproval,
    #[error("who approved last does not publish")]
    PublisherIsLastApprover,
    #[error(transparent)]
    Schedule(#[from] ScheduleRefusal),
}

impl NotNow {
    /// The word of domain reference §1.5.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Review(why) => why.code(),
            Self::HandIn(why) => why.code(),
            Self::Act(why) => why.code(),
            Self::BadState(_) => "bad_state",
            Self::Forbidden { .. } => "forbidden",
            Self::BlockedByCheck => "blocked_by_check",
            Self::NotApproved(_) => "not_approved",
            Self::MissingApproval => "missing_approval",
            Self::PublisherIsLastApprover => "publisher_is_last_approver",
            Self::Schedule(why) => why.code(),
        }
    }
}
