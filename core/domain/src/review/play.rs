//! One item through the whole machine of domain reference §1.5, without a database or a platform: with this a district tries
//! its procedures before it lives with them.
//!
//! Handing in, reviewing and withdrawing ask the very functions that the daemon asks. Planning and publishing, which the
//! daemon does by deliveries, are played on the item itself.

use jiff::Timestamp;

use super::{Chain, Decision, Next, NotTheirs, Origin, Proposal, Refusal, Verdict};
use super::{decide, is_reason, may_hand_in, next, state_after};
use crate::act::{self, ActRefusal};
use crate::hash::ContentHash;
use crate::id::UnitCode;
use crate::item::{Content, Item};
use crate::matrix::{Person, Procedure, Role};
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
    /// 并稿, into the item with this id.
    Merge {
        into: Option<String>,
    },
    /// `minor`: punctuation and the like, under R-34.
    Edit {
        content: Content,
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
    /// `succeeds`: the platform takes it.
    Publish {
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
            (Event::Hold, by) => {
                self.plan(by, Some(reason), OFFICE, ItemState::Scheduled, ItemState::Held)?
            }
            (Event::Publish { succeeds }, by) => self.publish(by, succeeds)?,
            (_, Actor::Daemon) => return Err(NotNow::Forbidden { roles: OFFICE }),
            (event, Actor::Person(person)) => self.by_person(event, person, reason)?,
        };
        self.item.state = state;
        Ok(state)
    }

    fn by_person(&mut self, event: Event, by: &Person, reason: &str) -> Result<ItemState, NotNow> {
        use ItemState as S;
        let actor = Actor::Person(by);
        match event {
            Event::Submit { blocked } => self.submit(by, blocked),
            Event::Approve { seen } => self.decide(by, Verdict::Approve, seen, reason),
            Event::Return => self.decide(by, Verdict::Return, None, reason),
            Event::Reject => self.decide(by, Verdict::Reject, None, reason),
            Event::ReferUp => self.refer_up(by, reason),
            Event::Withdraw => Ok(act::withdraw(&self.item, &[], by, reason).map(|_| S::Withdrawn)?),
            Event::Merge { into } => {
                self.plan(actor, Some(into.as_deref().unwrap_or("")), OFFICE, S::PendingOffice, S::Merged)
            }
            Event::Edit { content, minor } => self.edit(by, content, minor),
            Event::Reclassify { to, chain, origin } => self.reclassify(by, to, chain, origin),
            Event::Schedule => self.schedule(by),
            Event::Unschedule => self.plan(actor, None, OFFICE, S::Scheduled, S::Approved),
            Event::Release => self.plan(actor, None, OFFICE, S::Held, S::Scheduled),
            Event::Retry => self.plan(actor, None, PUBLISHERS, S::PublishFailed, S::Scheduled),
            Event::Retract => self.plan(actor, Some(reason), OFFICE, S::Published, S::Retracted),
            // Both were taken before.
            Event::Hold | Event::Publish { .. } => Ok(self.item.state),
        }
    }

    fn submit(&self, by: &Person, blocked: bool) -> Result<ItemState, NotNow> {
        if !act::is_editable(self.item.state) {
            return Err(NotNow::BadState(self.item.state));
        }
        if by.id != self.item.author {
            return Err(ActRefusal::NotTheAuthor { author: self.item.author.clone() }.into());
        }
        may_hand_in(by, &self.item.unit, &self.office, self.origin)?;
        if blocked { Err(NotNow::BlockedByCheck) } else { Ok(state_after(&self.item, &self.decisions)) }
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

    fn refer_up(&self, by: &Person, reason: &str) -> Result<ItemState, NotNow> {
        let state = self.item.state;
        let Next::Waiting(step) = next(&self.item, &self.decisions) else {
            return Err(NotNow::BadState(state));
        };
        if state != ItemState::PendingSecrecy {
            return Err(NotNow::BadState(state));
        }
        step.role_of(by, &self.item).map_err(|why| Refusal::of(why, by, step))?;
        if is_reason(reason) { Ok(state) } else { Err(NotNow::ReasonRequired) }
    }

    fn edit(&mut self, by: &Person, content: Content, minor: bool) -> Result<ItemState, NotNow> {
        use ItemState as S;
        match self.item.state {
            S::Draft | S::Returned if by.id == self.item.author => {
                self.rewrite(content);
                Ok(self.item.state)
            }
            S::PendingOffice | S::PendingDecision if is_one_of(by, OFFICE) => {
                let before = self.item.hash.clone();
                self.rewrite(content);
                if minor {
                    self.carry_forward(&before);
                }
                Ok(state_after(&self.item, &self.decisions))
            }
            S::Draft | S::Returned | S::PendingOffice | S::PendingDecision => {
                Err(NotNow::Forbidden { roles: OFFICE })
            }
            S::Approved | S::Scheduled | S::Held | S::Publishing | S::Published | S::PublishFailed => {
                Err(NotNow::LockedAfterApproval(self.item.state))
            }
            state => Err(NotNow::BadState(state)),
        }
    }

    fn rewrite(&mut self, content: Content) {
        self.item.hash = content.hash();
        self.item.content = content;
        self.item.version = self.item.version.saturating_add(1);
    }

    /// What was approved of the bytes before counts for those after a minor edit.
    fn carry_forward(&mut self, before: &ContentHash) {
        let carried: Vec<_> =
            self.decisions.iter().filter(|decision| decision.hash == *before).cloned().collect();
        let hash = &self.item.hash;
        self.decisions
            .extend(carried.into_iter().map(|decision| Decision { hash: hash.clone(), ..decision }));
    }

    fn reclassify(
        &mut self,
        by: &Person,
        to: Procedure,
        chain: Chain,
        origin: Origin,
    ) -> Result<ItemState, NotNow> {
        self.require(by, None, OFFICE, ItemState::PendingOffice)?;
        if origin != self.origin {
            return Err(NotNow::OriginMismatch(to));
        }
        self.item.procedure = to;
        self.item.chain = chain;
        Ok(state_after(&self.item, &self.decisions))
    }

    fn schedule(&self, by: &Person) -> Result<ItemState, NotNow> {
        if next(&self.item, &self.decisions) != Next::Approved {
            return Err(NotNow::NotApproved(self.item.state));
        }
        self.require(by, None, OFFICE, ItemState::Approved)?;
        Ok(ItemState::Scheduled)
    }

    fn publish(&self, by: Actor<'_>, succeeds: bool) -> Result<ItemState, NotNow> {
        use ItemState as S;
        let state = self.item.state;
        match (state, next(&self.item, &self.decisions)) {
            (S::Scheduled, Next::Approved) => {}
            (S::Scheduled, Next::Waiting(_)) => return Err(NotNow::MissingApproval),
            // Approved, and nobody has said that and when it goes out.
            (S::Approved, _) | (_, Next::Waiting(_)) => return Err(NotNow::NotApproved(state)),
            (_, Next::Approved) => return Err(NotNow::BadState(state)),
        }
        if let Actor::Person(person) = by {
            if !is_one_of(person, PUBLISHERS) {
                return Err(NotNow::Forbidden { roles: PUBLISHERS });
            }
            let last = self.decisions.iter().rev().find(|decision| decision.verdict == Verdict::Approve);
            if last.is_some_and(|decision| decision.person == person.id) {
                return Err(NotNow::PublisherIsLastApprover);
            }
        }
        Ok(if succeeds { S::Published } else { S::PublishFailed })
    }

    /// One of these roles, from this state, with a reason where one is asked for.
    fn plan(
        &self,
        by: Actor<'_>,
        reason: Option<&str>,
        roles: &'static [Role],
        from: ItemState,
        to: ItemState,
    ) -> Result<ItemState, NotNow> {
        match by {
            Actor::Person(person) => self.require(person, reason, roles, from)?,
            Actor::Daemon if self.item.state != from => return Err(NotNow::BadState(self.item.state)),
            Actor::Daemon => {}
        }
        Ok(to)
    }

    fn require(
        &self,
        by: &Person,
        reason: Option<&str>,
        roles: &'static [Role],
        from: ItemState,
    ) -> Result<(), NotNow> {
        if self.item.state != from {
            return Err(NotNow::BadState(self.item.state));
        }
        if !is_one_of(by, roles) {
            return Err(NotNow::Forbidden { roles });
        }
        if reason.is_some_and(|reason| !is_reason(reason)) {
            return Err(NotNow::ReasonRequired);
        }
        Ok(())
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
    #[error("a reason of at least two characters is required")]
    ReasonRequired,
    #[error("a check of the content says no")]
    BlockedByCheck,
    #[error("the item is {0}: it is not approved")]
    NotApproved(ItemState),
    #[error("an approval of these very bytes is missing")]
    MissingApproval,
    #[error("who approved last does not publish")]
    PublisherIsLastApprover,
    #[error("the item is {0}: what is approved is not edited")]
    LockedAfterApproval(ItemState),
    #[error("items of {0} are drafted elsewhere")]
    OriginMismatch(Procedure),
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
            Self::ReasonRequired => "reason_required",
            Self::BlockedByCheck => "blocked_by_check",
            Self::NotApproved(_) => "not_approved",
            Self::MissingApproval => "missing_approval",
            Self::PublisherIsLastApprover => "publisher_is_last_approver",
            Self::LockedAfterApproval(_) => "locked_after_approval",
            Self::OriginMismatch(_) => "origin_mismatch",
        }
    }
}
