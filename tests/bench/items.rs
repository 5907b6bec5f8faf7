//! The items of a run: approved, planned, one delivery each, put into the store directly.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::delivery::{Delivery, DeliveryKind};
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, Platform};
use juzhen_domain::item::{Content, Item, Variant};
use juzhen_domain::matrix::{Procedure, Role};
use juzhen_domain::review::{ChainStep, Decision, Record, Verdict};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::{Audit, ItemChange, ItemChanger, Store};

/// Stands before the number in every text.
pub(crate) const TEXT_MARK: &str = "稿件";
/// Calls of the store at a time: enough that commits are shared.
const AT_A_TIME: usize = 256;

/// Which item goes where, and when. Its number is its place in the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) account: usize,
    pub(crate) due_unix_ms: i64,
}

/// `count` items for accounts in turn, all due at `due`.
pub(crate) fn all_at(count: usize, accounts: usize, due: Timestamp) -> Vec<Planned> {
    let due_unix_ms = due.as_millisecond();
    (0..count).map(|number| Planned { account: number % accounts, due_unix_ms }).collect()
}

/// `count` items for accounts in turn, due evenly over `over_ms` from `first` on.
pub(crate) fn evenly(count: usize, accounts: usize, first: Timestamp, over_ms: usize) -> Vec<Planned> {
    let due = |number: usize| {
        let after = i64::try_from(number * over_ms / count.max(1)).unwrap_or_default();
        first.as_millisecond() + after
    };
    (0..count).map(|number| Planned { account: number % accounts, due_unix_ms: due(number) }).collect()
}

/// Writes them as the daemon would have: submitted, approved, scheduled.
pub(crate) async fn fill(store: &dyn Store, planned: &[Planned], from: usize) -> Result<()> {
    let one = |(place, plan): (usize, &Planned)| plan_one(store, from + place, *plan);
    stream::iter(planned.iter().enumerate().map(one)).buffer_unordered(AT_A_TIME).try_collect::<()>().await
}

/// About 400 bytes, different for each number.
pub(crate) fn text(number: usize) -> String {
    let text = format!(
        "{TEXT_MARK}{number} 停水通知：因供水管网改造，明日八时至十八时城东片区（人民路、建设路、解放路沿线）停水，请提前储水。\
         恢复供水后如水质浑浊，请稍放片刻再使用。Water supply will be interrupted tomorrow from 08:00 to 18:00 in the east. \
         咨询电话：12345。感谢您的理解与支持，给您带来不便敬请谅解。"
    );
    text
}

pub(crate) fn account(number: usize) -> String {
    format!("W{number:03}")
}

async fn plan_one(store: &dyn Store, number: usize, plan: Planned) -> Result<()> {
    let now = Timestamp::now();
    let item = item(number, now);
    let id = item.id.clone();
    store.submit_item(item, audit("submitted", &id, now), None).await?;
    let approving: ItemChanger = Arc::new(move |record| {
        let decision = Decision {
            person: "off.hg".into(),
            step: "office_review".into(),
            role: Some(Role::OfficeEditor),
            behalf: None,
            verdict: Verdict::Approve,
            hash: record.item.hash.clone(),
            reason: None,
            record: Record::default(),
            at: now,
        };
        Ok(change(ItemState::Approved, Some(decision), vec![], &record.item, now))
    });
    store.change_item(&id, approving, None).await?;
    let scheduling: ItemChanger = Arc::new(move |record| {
        let delivery = delivery(&record.item, number, plan, now);
        Ok(change(ItemState::Scheduled, None, vec![delivery], &record.item, now))
    });
    store.change_item(&id, scheduling, None).await?;
    Ok(())
}

fn item(number: usize, at: Timestamp) -> Item {
    let variant = Variant { text: text(number), ..Variant::default() };
    let content = Content { variants: BTreeMap::from([("weibo".into(), variant)]), ..Content::default() };
    Item {
        id: ItemId::new(format!("i{number:08}")),
        unit: "OFFICE".into(),
        author: "off.xx".into(),
        column: None,
        procedure: Procedure::P4,
        chain: ChainStep {
            id: "office_review".into(),
            state: ItemState::PendingOffice,
            roles: vec![Role::OfficeEditor, Role::OfficeDirector],
            unit: None,
        }
        .into(),
        hash: content.hash(),
        content,
        version: 1,
        state: ItemState::PendingOffice,
        submitted_at: at,
    }
}

fn delivery(item: &Item, number: usize, plan: Planned, now: Timestamp) -> Delivery {
    let platform = Platform::from("weibo");
    let due = Timestamp::from_millisecond(plan.due_unix_ms).unwrap_or(Timestamp::MAX);
    Delivery {
        id: DeliveryId::new(format!("d{number:08}")),
        item: item.id.clone(),
        account: AccountId::new(account(plan.account)),
        kind: DeliveryKind::Publish,
        route: None,
        item_hash: item.hash.clone(),
        payload_hash: item.content.variants.get(&platform).map_or_else(|| item.hash.clone(), Variant::hash),
        platform,
        revision: "bench".into(),
        due_at: due,
        latest_at: due + SignedDuration::from_hours(1),
        next_at: due,
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

fn change(
    state: ItemState,
    decision: Option<Decision>,
    new_deliveries: Vec<Delivery>,
    item: &Item,
    at: Timestamp,
) -> ItemChange {
    let audit = audit(state.as_str(), &item.id, at);
    ItemChange { decision, new_deliveries, ..ItemChange::to(state, audit) }
}

fn audit(what: &str, item: &ItemId, at: Timestamp) -> Audit {
    Audit {
        actor: "off.hg".into(),
        action: format!("item.{what}"),
        subject: format!("item:{item}"),
        detail: serde_json::json!({}),
        at,
        request: None,
    }
}
