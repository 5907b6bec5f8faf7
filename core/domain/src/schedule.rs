//! From an approved item to its deliveries: one per account, named by the author or found by a route.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::delivery::{Delivery, DeliveryKind, payload};
use crate::hash::ContentHash;
use crate::id::{AccountId, DeliveryId, ItemId, Platform, RouteId};
use crate::item::Item;
use crate::matrix::Account;
use crate::review::{self, Decision, Next};
use crate::route::{self, Forward, Route, Subject};
use crate::state::{DeliveryState, ItemState};

/// What the running settings and the office say.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    pub routes: &'a [Route],
    pub accounts: &'a BTreeMap<AccountId, Account>,
    /// When it is to be out. A time in the past means now.
    pub due_at: Timestamp,
    pub latest_at: Timestamp,
    /// Revision of the settings.
    pub revision: &'a str,
    pub now: Timestamp,
}

/// One delivery per account, in the order of the author's accounts, then of the routes.
///
/// # Errors
/// An item that is not approved, `latest_at` before `due_at`, an account that is not in the settings or for whose platform
/// there is no text, or no account at all.
pub fn deliveries(
    item: &Item,
    decisions: &[Decision],
    plan: &Plan<'_>,
    mut new_id: impl FnMut() -> DeliveryId,
) -> Result<Vec<Delivery>, ScheduleRefusal> {
    may_be_planned(item, decisions)?;
    let due_at = plan.due_at.max(plan.now);
    if plan.latest_at < due_at {
        return Err(ScheduleRefusal::LatestBeforeDue { due_at, latest_at: plan.latest_at });
    }
    let latest_at = while_valid(item, plan.latest_at);
    if latest_at < due_at {
        return Err(ScheduleRefusal::NotValidThen { due_at, valid_until: latest_at });
    }
    let mut made: Vec<Delivery> = Vec::new();
    for (route, account) in targets(item, plan)? {
        let Some(account) = plan.accounts.get(&account) else {
            return Err(ScheduleRefusal::UnknownAccount { account });
        };
        if made.iter().any(|d| d.account == account.id) {
            continue;
        }
        let Some(variant) = payload(&item.content, &account.platform, None) else {
            if route.is_some() {
                continue; // A route offers the item to accounts; the author may have written for one platform only.
            }
            return Err(ScheduleRefusal::NoVariant {
                account: account.id.clone(),
                platform: account.platform.clone(),
            });
        };
        let made_as = Made { id: new_id(), kind: DeliveryKind::Publish, route, payload_hash: variant.hash() };
        made.push(delivery(item, account, made_as, (due_at, latest_at), plan.revision, plan.now));
    }
    if made.is_empty() {
        return Err(ScheduleRefusal::NoTarget { item: item.id.clone() });
    }
    Ok(made)
}

/// Whether an item may be planned at all.
///
/// # Errors
/// It is not approved, an approval of these very bytes is missing, or it is planned already.
pub fn may_be_planned(item: &Item, decisions: &[Decision]) -> Result<(), ScheduleRefusal> {
    use ItemState as S;
    let state = item.state;
    match (state, review::next(item, decisions)) {
        (S::Approved, Next::Approved) => Ok(()),
        (S::Approved, Next::Waiting(_)) => Err(ScheduleRefusal::MissingApproval),
        // What was taken out of the way is not approved any more, whatever was said before.
        (S::Rejected | S::Withdrawn | S::Merged, _) | (_, Next::Waiting(_)) => {
            Err(ScheduleRefusal::NotApproved { state })
        }
        (_, Next::Approved) => Err(ScheduleRefusal::BadState { state }),
    }
}

/// Not later than what it says is true (R-46).
fn while_valid(item: &Item, latest_at: Timestamp) -> Timestamp {
    item.content.filing.valid_until.map_or(latest_at, |until| until.min(latest_at))
}

fn targets(item: &Item, plan: &Plan<'_>) -> Result<Vec<(Option<RouteId>, AccountId)>, ScheduleRefusal> {
    let subject = Subject { unit: &item.unit, column: item.column.as_ref() };
    let platform_of = |id: &AccountId| plan.accounts.get(id).map(|a| &a.platform);
    let named = item.content.targets.iter().map(|account| (None, account.clone()));
    let routed = route::targets(plan.routes, subject, platform_of);
    Ok(named.chain(routed.into_iter().map(|(route, account)| (Some(route), account))).collect())
}

/// What the settings say when a delivery was published.
#[derive(Debug, Clone, Copy)]
pub struct Onward<'a> {
    pub accounts: &'a BTreeMap<AccountId, Account>,
    pub revision: &'a str,
    /// How long after now a forward may still go out.
    pub latest_at: Timestamp,
    pub now: Timestamp,
}

/// The deliveries for forwards of something published. A target without approved text to fall back on is left out.
pub fn forwards(
    item: &Item,
    origin: &Delivery,
    forwards: Vec<Forward>,
    onward: &Onward<'_>,
    mut new_id: impl FnMut() -> DeliveryId,
) -> Vec<Delivery> {
    let mut made = Vec::new();
    for forward in forwards {
        let Some(account) = onward.accounts.get(&forward.account) else { continue };
        let Some(variant) = payload(&item.content, &account.platform, Some(&origin.platform)) else {
            continue;
        };
        let kind = DeliveryKind::Forward { origin: origin.id.clone(), hops: origin.kind.hops() + 1 };
        let made_as = Made { id: new_id(), kind, route: Some(forward.route), payload_hash: variant.hash() };
        made.push(delivery(
            item,
            account,
            made_as,
            (onward.now, while_valid(item, onward.latest_at)),
            onward.revision,
            onward.now,
        ));
    }
    made
}

struct Made {
    id: DeliveryId,
    kind: DeliveryKind,
    route: Option<RouteId>,
    payload_hash: ContentHash,
}

fn delivery(
    item: &Item,
    account: &Account,
    made: Made,
    (due_at, latest_at): (Timestamp, Timestamp),
    revision: &str,
    now: Timestamp,
) -> Delivery {
    Delivery {
        id: made.id,
        item: item.id.clone(),
        account: account.id.clone(),
        platform: account.platform.clone(),
        kind: made.kind,
        route: made.route,
        item_hash: item.hash.clone(),
        payload_hash: made.payload_hash,
        revision: revision.to_owned(),
        due_at,
        latest_at,
        next_at: due_at,
        state: DeliveryState::Due,
        reason: None,
        tries: 0,
        fence: 0,
        resumes: false,
        ticket: None,
        receipt: None,
        created_at: now,
        changed_at: now,
    }
}

/// Why an item cannot be scheduled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleRefusal {
    #[error("the item is {state}: only an approved one can be scheduled")]
    BadState { state: ItemState },
    #[error("the item is {state}: not every step of its review has approved it")]
    NotApproved { state: ItemState },
    #[error("an approval of this text is missing")]
    MissingApproval,
    #[error("the latest time {latest_at} lies before the time it is due, {due_at}")]
    LatestBeforeDue { due_at: Timestamp, latest_at: Timestamp },
    #[error("what it says holds until {valid_until} only, and it would be due at {due_at}")]
    NotValidThen { due_at: Timestamp, valid_until: Timestamp },
    #[error("the settings have no account {account}")]
    UnknownAccount { account: AccountId },
    #[error("account {account} is on {platform}, and the item has no text for {platform}")]
    NoVariant { account: AccountId, platform: Platform },
    #[error("item {item} goes nowhere: it names no account and no route takes it")]
    NoTarget { item: ItemId },
}

impl ScheduleRefusal {
    /// The word of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadState { .. } => "bad_state",
            Self::NotApproved { .. } => "not_approved",
            Self::MissingApproval => "missing_approval",
            Self::LatestBeforeDue { .. } => "latest_before_due",
            Self::NotValidThen { .. } => "not_valid_then",
            Self::UnknownAccount { .. } => "unknown_account",
            Self::NoVariant { .. } => "no_variant",
            Self::NoTarget { .. } => "no_target",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::tests::approved;
    use crate::matrix::{AccountLevel, AccountStatus};
    use crate::route::{Match, RouteKind};

    fn account(id: &str, platform: &str) -> (AccountId, Account) {
        let account = Account {
            id: id.into(),
            unit: "OFFICE".into(),
            name: id.into(),
            platform: platform.into(),
            adapter: "mock".into(),
            uid: id.into(),
            level: AccountLevel::District,
            status: AccountStatus::Active,
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        (id.into(), account)
    }

    fn scheduled(named: &[&str], routed: &[&str]) -> Result<Vec<String>, &'static str> {
        let (mut item, mut decisions, _) = approved();
        item.state = ItemState::Approved;
        item.content.targets = named.iter().map(|a| (*a).into()).collect();
        item.hash = item.content.hash();
        decisions[0].hash = item.hash.clone();
        let accounts = [account("W0", "weibo"), account("W1", "weibo"), account("X0", "wechat")].into();
        let to = routed.iter().map(|a| (*a).into()).collect();
        let routes =
            [Route { id: "r".into(), when: Match::default(), to, kind: RouteKind::Publish, enabled: true }];
        let (due_at, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(50).unwrap());
        let latest_at = Timestamp::from_second(900).unwrap();
        let plan = Plan { routes: &routes, accounts: &accounts, due_at, latest_at, revision: "r1", now };
        let mut number = 0;
        let mut new_id = || {
            number += 1;
            DeliveryId::new(format!("d{number}"))
        };
        let made = deliveries(&item, &decisions, &plan, &mut new_id).map_err(|r| r.code())?;
        assert!(made.iter().all(|d| d.due_at == now && d.item_hash == item.hash));
        Ok(made.iter().map(|d| format!("{} {}", d.id, d.account)).collect())
    }

    #[test]
    fn one_delivery_per_account_however_often_it_is_named() {
        assert_eq!(scheduled(&["W0"], &["W1", "W0"]).unwrap(), ["d1 W0", "d2 W1"]);
    }

    #[test]
    fn a_route_skips_platforms_without_text_and_the_author_is_told() {
        assert_eq!(scheduled(&[], &["X0", "W0"]).unwrap(), ["d1 W0"]);
        assert_eq!(scheduled(&["X0"], &[]), Err("no_variant"));
        assert_eq!(scheduled(&[], &["X0"]), Err("no_target"));
        assert_eq!(scheduled(&["W9"], &[]), Err("unknown_account"));
    }
}
