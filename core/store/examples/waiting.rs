//! Prints what a claim, an empty round, a sweep and an opening cost while much waits for another day.
//! `cargo run --release -p juzhen-store --example waiting [NUMBER]`
#![allow(clippy::print_stdout)] // a measurement for people

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::Caps;
use juzhen_domain::claim::Standing;
use juzhen_domain::delivery::{Delivery, DeliveryKind};
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, Platform};
use juzhen_domain::item::{Content, Item, Variant};
use juzhen_domain::matrix::{AccountStatus, Procedure};
use juzhen_domain::review::{Decision, Step, Verdict};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::*;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Accounts of the matrix; an item goes to all of them.
const ACCOUNTS: usize = 1000;
const CLAIMS: usize = 200;

#[tokio::main]
async fn main() -> Result<()> {
    let most: usize = std::env::args().nth(1).map_or(Ok(200_000), |n| n.parse())?;
    println!("{:>9} {:>10} {:>12} {:>10} {:>10}", "waiting", "claim µs", "empty µs", "sweep µs", "open ms");
    for waiting in [10_000, most] {
        measure(waiting).await?;
    }
    Ok(())
}

async fn measure(waiting: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("juzhen.db");
    let now = Timestamp::from_second(1_767_196_800)?;
    let store = Sqlite::open(&path, SqliteOptions::default())?;
    let next_month = now + SignedDuration::from_hours(30 * 24);
    for n in 0..waiting / ACCOUNTS {
        plan(&store, &format!("later-{n}"), ACCOUNTS, next_month).await?;
    }
    plan(&store, "now", CLAIMS, now).await?;
    drop(store);
    let began = Instant::now();
    let store = Sqlite::open(&path, SqliteOptions::default())?;
    let open = began.elapsed();
    let (mut claims, mut empty, mut sweeps) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CLAIMS {
        let began = Instant::now();
        let round = store.claim(request(now, 1)).await?;
        claims.push(began.elapsed());
        if round.claims.len() != 1 {
            return Err(format!("{} claims instead of one", round.claims.len()).into());
        }
    }
    for _ in 0..50 {
        let began = Instant::now();
        store.claim(request(now, 64)).await?;
        empty.push(began.elapsed());
        let began = Instant::now();
        store.sweep(now, standing()).await?;
        sweeps.push(began.elapsed());
    }
    let micros = |runs| median(runs).as_micros();
    let (claim, empty, sweep) = (micros(claims), micros(empty), micros(sweeps));
    println!("{waiting:>9} {claim:>10} {empty:>12} {sweep:>10} {:>10}", open.as_millis());
    Ok(())
}

fn median(mut runs: Vec<Duration>) -> Duration {
    runs.sort();
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

fn standing() -> StandingOf {
    let caps = Caps { per_delivery: 3, per_account_hour: 60, gap: SignedDuration::ZERO };
    Arc::new(move |_: &AccountId| Some(Standing { status: AccountStatus::Active, adapter_ready: true, caps }))
}

fn request(now: Timestamp, most: u32) -> ClaimRequest {
    let worker = "here".to_owned();
    ClaimRequest { now, until: now, most, worker, lease_until: now, standing: standing(), stopped: false }
}

/// An approved item with a delivery on each of the first accounts.
async fn plan(store: &dyn Store, id: &str, accounts: usize, due: Timestamp) -> Result<()> {
    let item = item(id, due);
    let audit = audit("item.submitted", id, due);
    store.submit_item(item, audit.clone(), None).await?;
    let id = ItemId::new(id);
    let approving: ItemChanger = Arc::new(move |record| {
        let decision = Decision {
            person: "off.hg".into(),
            step: Step::OfficeReview,
            verdict: Verdict::Approve,
            hash: record.item.hash.clone(),
            reason: None,
            at: due,
        };
        Ok(change(ItemState::Approved, Some(decision), vec![], &record.item, due))
    });
    store.change_item(&id, approving, None).await?;
    let planning: ItemChanger = Arc::new(move |record| {
        let deliveries = (0..accounts).map(|n| delivery(&record.item, n, due)).collect();
        Ok(change(ItemState::Scheduled, None, deliveries, &record.item, due))
    });
    store.change_item(&id, planning, None).await?;
    Ok(())
}

fn item(id: &str, at: Timestamp) -> Item {
    let variant = Variant { text: format!("停水通知 {id}"), ..Variant::default() };
    let content = Content { variants: BTreeMap::from([("weibo".into(), variant)]), targets: vec![] };
    Item {
        id: id.into(),
        unit: "D07".into(),
        author: "d07.xx".into(),
        column: None,
        procedure: Procedure::P4,
        hash: content.hash(),
        content,
        version: 1,
        state: ItemState::PendingOffice,
        submitted_at: at,
    }
}

fn change(
    state: ItemState,
    decision: Option<Decision>,
    new_deliveries: Vec<Delivery>,
    item: &Item,
    at: Timestamp,
) -> ItemChange {
    let audit = audit(&format!("item.{state}"), item.id.as_str(), at);
    ItemChange { state, decision, content: None, new_deliveries, deliveries: vec![], audit }
}

fn audit(action: &str, item: &str, at: Timestamp) -> Audit {
    Audit {
        actor: "off.hg".into(),
        action: action.into(),
        subject: format!("item:{item}"),
        detail: serde_json::json!({}),
        at,
        request: None,
    }
}

fn delivery(item: &Item, n: usize, due: Timestamp) -> Delivery {
    let platform = Platform::from("weibo");
    Delivery {
        id: DeliveryId::new(format!("{}-{n:04}", item.id)),
        item: item.id.clone(),
        account: AccountId::new(format!("W{n:04}")),
        kind: DeliveryKind::Publish,
        route: None,
        item_hash: item.hash.clone(),
        payload_hash: item.content.variants.get(&platform).map_or_else(|| item.hash.clone(), Variant::hash),
        platform,
        revision: "r1".into(),
        due_at: due,
        latest_at: due + SignedDuration::from_mins(15),
        next_at: due,
        state: DeliveryState::Due,
        reason: None,
        tries: 0,
        fence: 0,
        resumes: false,
        ticket: None,
        receipt: None,
        created_at: due,
        changed_at: due,
    }
}
