//! Items, people and settings for the suite, and the few calls that most tests start with.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::Caps;
use juzhen_domain::claim::Standing;
use juzhen_domain::delivery::{Attempt, Delivery, DeliveryKind, Receipt, ReceiptBy};
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, Platform};
use juzhen_domain::item::{Content, Item, Variant};
use juzhen_domain::matrix::{AccountStatus, Procedure, Role};
use juzhen_domain::outcome::Next;
use juzhen_domain::review::{ChainStep, Decision, Record, Verdict};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;
use serde_json::json;

/// Seconds after 2026-01-01 00:00 in Beijing.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_196_800 + seconds).unwrap()
}

pub(crate) fn audit(action: &str, subject: String, seconds: i64) -> Audit {
    let detail = json!({});
    Audit { actor: "off.hg".into(), action: action.into(), subject, detail, at: at(seconds), request: None }
}

pub(crate) fn item(id: &str) -> Item {
    let variant = |text: &str| Variant { text: format!("{text} {id}"), ..Variant::default() };
    let variants =
        BTreeMap::from([("weibo".into(), variant("停水通知")), ("wechat".into(), variant("停水"))]);
    let content = Content { variants, ..Content::default() };
    Item {
        id: id.into(),
        unit: "D07".into(),
        author: "d07.xx".into(),
        column: Some("yaowen".into()),
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
        submitted_at: at(-3600),
    }
}

pub(crate) fn delivery(item: &Item, account: &str, due: i64) -> Delivery {
    let platform = Platform::from("weibo");
    Delivery {
        id: DeliveryId::new(format!("{}-{account}", item.id)),
        item: item.id.clone(),
        account: account.into(),
        kind: DeliveryKind::Publish,
        route: None,
        item_hash: item.hash.clone(),
        payload_hash: item.content.variants[&platform].hash(),
        platform,
        revision: "r1".into(),
        due_at: at(due),
        latest_at: at(due + 900),
        next_at: at(due),
        state: DeliveryState::Due,
        reason: None,
        tries: 0,
        fence: 0,
        resumes: false,
        ticket: None,
        receipt: None,
        created_at: at(-60),
        changed_at: at(-60),
    }
}

pub(crate) async fn submit(store: &dyn Store, id: &str) -> ItemRecord {
    let audit = audit("item.submitted", format!("item:{id}"), -3600);
    match store.submit_item(item(id), audit, None).await.unwrap() {
        Submitted::New(record) | Submitted::Again(record) => record,
    }
}

/// A change of an item that only moves it.
pub(crate) fn moved(record: &ItemRecord, state: ItemState) -> ItemChange {
    ItemChange::to(state, audit(&format!("item.{state}"), format!("item:{}", record.item.id), -30))
}

/// A change of a delivery that only moves it.
pub(crate) fn delivery_moved(id: &DeliveryId, state: DeliveryState, seconds: i64) -> DeliveryChange {
    DeliveryChange {
        state,
        reason: None,
        due_at: None,
        latest_at: None,
        next_at: None,
        receipt: None,
        forget_tries: false,
        audit: audit(&format!("delivery.{state}"), format!("delivery:{id}"), seconds),
    }
}

pub(crate) async fn change_delivery(store: &dyn Store, change: DeliveryChange, id: &str) -> Delivery {
    let changer: DeliveryChanger = Arc::new(move |_| Ok(change.clone()));
    store.change_delivery(&id.into(), changer, Arc::new(|_, _, _| Vec::new()), None).await.unwrap()
}

pub(crate) async fn change(
    store: &dyn Store,
    id: &str,
    change: impl Fn(&ItemRecord) -> ItemChange + Send + Sync + 'static,
) -> Result<ItemRecord, StoreError> {
    let changer: ItemChanger = Arc::new(move |record| Ok(change(record)));
    store.change_item(&ItemId::new(id), changer, None).await
}

pub(crate) async fn approve(store: &dyn Store, id: &str) -> ItemRecord {
    let approved = change(store, id, |record| ItemChange {
        decision: Some(Decision {
            person: "off.hg".into(),
            step: "office_review".into(),
            role: Some(Role::OfficeEditor),
            behalf: None,
            verdict: Verdict::Approve,
            hash: record.item.hash.clone(),
            reason: None,
            record: Record::default(),
            at: at(-120),
        }),
        ..moved(record, ItemState::Approved)
    });
    approved.await.unwrap()
}

/// An approved item with a delivery `{id}-{account}` on each account.
pub(crate) async fn scheduled(store: &dyn Store, id: &str, accounts: &[(&str, i64)]) -> ItemRecord {
    submit(store, id).await;
    approve(store, id).await;
    let accounts: Vec<(String, i64)> = accounts.iter().map(|(a, due)| ((*a).to_owned(), *due)).collect();
    let plan = move |record: &ItemRecord| ItemChange {
        new_deliveries: accounts.iter().map(|(a, due)| delivery(&record.item, a, *due)).collect(),
        ..moved(record, ItemState::Scheduled)
    };
    change(store, id, plan).await.unwrap()
}

pub(crate) fn caps() -> Caps {
    Caps { per_delivery: 3, per_account_hour: 100, gap: SignedDuration::ZERO }
}

pub(crate) fn standing(status: AccountStatus, caps: Caps) -> Standing {
    Standing { status, adapter_ready: true, caps }
}

/// Every account is active.
pub(crate) fn all_active() -> StandingOf {
    Arc::new(|_: &AccountId| Some(standing(AccountStatus::Active, caps())))
}

pub(crate) fn request(now: i64) -> ClaimRequest {
    ClaimRequest {
        now: at(now),
        until: at(now),
        most: 64,
        worker: "here".into(),
        lease_until: at(now + 60),
        standing: all_active(),
        stopped: false,
    }
}

pub(crate) async fn claim(store: &dyn Store, now: i64) -> Vec<Claim> {
    store.claim(request(now)).await.unwrap().claims
}

/// The only claim of a round.
pub(crate) async fn claim_one(store: &dyn Store, now: i64) -> Claim {
    let mut claims = claim(store, now).await;
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims.remove(0)
}

/// The intent of request `name` of an attempt.
pub(crate) fn effect(attempt: &Attempt, name: &str, seconds: i64) -> NewEffect {
    NewEffect {
        call: attempt.call.clone(),
        attempt: attempt.number,
        occurrence: 0,
        fingerprint: format!("fingerprint of {name}"),
        idempotency_key: None,
        method: "POST".into(),
        url: format!("https://api.example.com/{name}"),
        body_sha256: "0".repeat(64),
        adapter: "mock".into(),
        adapter_sha256: "1".repeat(64),
        at: at(seconds),
    }
}

pub(crate) fn answer(seconds: i64) -> EffectAnswer {
    EffectAnswer {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body: br#"{"id":"7"}"#.to_vec(),
        complete: true,
        nothing_left: false,
        at: at(seconds),
    }
}

pub(crate) fn nothing_left(seconds: i64) -> EffectAnswer {
    EffectAnswer {
        status: 0,
        headers: vec![],
        body: vec![],
        complete: false,
        nothing_left: true,
        at: at(seconds),
    }
}

/// Begins request `name` and expects that it may leave.
pub(crate) async fn begin(store: &dyn Store, attempt: &Attempt, name: &str, seconds: i64) -> i64 {
    match store.begin_effect(effect(attempt, name, seconds)).await.unwrap() {
        EffectBegun::Send(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Begins and answers a request, so that the delivery is sending.
pub(crate) async fn send(store: &dyn Store, claim: &Claim, seconds: i64) {
    let id = begin(store, &claim.attempt, "post", seconds).await;
    store.end_effect(id, answer(seconds)).await.unwrap();
}

/// By an attempt that has read every answer.
pub(crate) fn settle_as(claim: &Claim, next: Next, seconds: i64) -> Settle {
    Settle {
        delivery: claim.delivery.id.clone(),
        expected: (DeliveryState::Sending, claim.delivery.fence),
        or_claimed: true,
        attempt: Some(claim.attempt.id.clone()),
        next,
        outcome: "test".into(),
        detail: Some("said".into()),
        adapter: Some("1".repeat(64)),
        requests: u32::MAX,
        follow: Arc::new(|_, _, _| vec![]),
        pause_after: 0,
        now: at(seconds),
        request: None,
    }
}

/// What a look at a delivery in doubt came to, while its fence is the first.
pub(crate) fn looked(delivery: &str, next: Next, seconds: i64) -> Settle {
    Settle {
        delivery: delivery.into(),
        expected: (DeliveryState::InDoubt, 1),
        or_claimed: false,
        attempt: None,
        next,
        outcome: "looked".into(),
        detail: None,
        adapter: None,
        requests: 0,
        follow: Arc::new(|_, _, _| vec![]),
        pause_after: 0,
        now: at(seconds),
        request: None,
    }
}

/// A post that a look has found.
pub(crate) fn evidence(id: &str, seconds: i64) -> Receipt {
    Receipt { by: ReceiptBy::Evidence, ..receipt(id, seconds) }
}

pub(crate) fn receipt(id: &str, seconds: i64) -> Receipt {
    let url = Some(format!("https://example.com/{id}"));
    Receipt { platform_id: Some(id.into()), url, published_at: at(seconds), by: ReceiptBy::Answer }
}

pub(crate) fn published(id: &str, seconds: i64) -> Next {
    Next::Published(receipt(id, seconds))
}

pub(crate) async fn settle(store: &dyn Store, claim: &Claim, next: Next, seconds: i64) -> Delivery {
    match store.settle(settle_as(claim, next, seconds)).await.unwrap() {
        Settled::Applied { delivery, .. } => delivery,
        late @ Settled::Late { .. } => panic!("{late:?}"),
    }
}

pub(crate) async fn record(store: &dyn Store, id: &str) -> DeliveryRecord {
    store.delivery(&id.into()).await.unwrap().unwrap()
}

pub(crate) async fn state(store: &dyn Store, id: &str) -> DeliveryState {
    record(store, id).await.delivery.state
}

pub(crate) async fn item_state(store: &dyn Store, id: &str) -> ItemState {
    store.item(&id.into()).await.unwrap().unwrap().item.state
}

/// Actions of a subject, oldest first.
pub(crate) async fn actions(store: &dyn Store, subject: &str) -> Vec<String> {
    let filter = AuditFilter { subject: Some(subject.into()), before: None, most: 1000 };
    let mut rows = store.audit(filter).await.unwrap();
    rows.reverse();
    rows.into_iter().map(|row| row.audit.action).collect()
}
