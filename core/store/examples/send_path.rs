//! Prints what the store takes for one delivery from its claim to its receipt: deliveries a second, CPU and commits, with
//! as many accounts at work as the drain of tests/bench has, and a platform that only takes time. In a folder, or on a PostgreSQL database.
//! `cargo run --release -p juzhen-store --example send_path [FOLDER | postgres://…] [ITEMS] [ACCOUNTS] [MS OF THE PLATFORM]`
#![allow(clippy::print_stdout, clippy::cast_precision_loss)] // a measurement for people

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::Caps;
use juzhen_domain::claim::Standing;
use juzhen_domain::delivery::{Delivery, DeliveryKind, Receipt, ReceiptBy};
use juzhen_domain::id::{AccountId, DeliveryId, ItemId, Platform};
use juzhen_domain::item::{Content, Item, Variant};
use juzhen_domain::matrix::{AccountStatus, Procedure};
use juzhen_domain::outcome::Next;
use juzhen_domain::review::{Decision, Step, Verdict};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_store::{
    Audit, Claim, ClaimRequest, EffectAnswer, EffectBegun, ItemChange, NewEffect, Postgres, PostgresOptions,
    Settle, Sqlite, SqliteOptions, Store,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// From the answer of the platform to that of the adapter.
const ADAPTER: Duration = Duration::from_millis(1);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| ".".into());
    let items: usize = arguments.next().map_or(Ok(5000), |n| n.parse())?;
    let accounts: usize = arguments.next().map_or(Ok(50), |n| n.parse())?;
    let platform = Duration::from_millis(arguments.next().map_or(Ok(0), |n| n.parse())?);
    if place.starts_with("postgres") {
        let store = Arc::new(Postgres::open(&place, &PostgresOptions::default())?);
        return measure(store, items, accounts, platform, || 0).await;
    }
    let folder = tempfile::tempdir_in(place)?;
    let store = Arc::new(Sqlite::open(folder.path().join("juzhen.db"), SqliteOptions::default())?);
    let counted = Arc::clone(&store);
    measure(store, items, accounts, platform, move || counted.commits()).await
}

async fn measure<S: Store + 'static>(
    store: Arc<S>,
    items: usize,
    accounts: usize,
    platform: Duration,
    commits: impl Fn() -> u64,
) -> Result<()> {
    store.join("w", SignedDuration::from_hours(1)).await?;
    let mut filling = tokio::task::JoinSet::new();
    for number in 0..items {
        let store = Arc::clone(&store);
        filling.spawn(async move { fill(&*store, number, accounts).await });
        if filling.len() >= 256
            && let Some(filled) = filling.join_next().await
        {
            filled??;
        }
    }
    while let Some(filled) = filling.join_next().await {
        filled??;
    }
    let (began, cpu, before) = (Instant::now(), cpu_seconds()?, commits());
    let first = store.claim(request(u32::try_from(accounts)?)).await?;
    let mut sending = tokio::task::JoinSet::new();
    for claim in first.claims {
        let store = Arc::clone(&store);
        sending.spawn(async move { send_all(store, claim, platform).await });
    }
    let mut sent = 0;
    while let Some(of_account) = sending.join_next().await {
        sent += of_account??;
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!(
        "{sent} deliveries: {:.0}/s, CPU {:.3} s per 1,000, {:.2} commits each",
        sent as f64 / seconds,
        cpu * 1000.0 / sent as f64,
        (commits() - before) as f64 / sent as f64
    );
    Ok(())
}

/// One after another, as an account does.
async fn send_all<S: Store + 'static>(store: Arc<S>, first: Claim, platform: Duration) -> Result<usize> {
    let (mut next, mut sent) = (Some(first), 0);
    while let Some(claim) = next {
        let begun = store.begin_effect(intent(&claim)).await?;
        let EffectBegun::Send(effect) = begun else { return Err(format!("{begun:?}").into()) };
        tokio::time::sleep(platform).await;
        let kept = Arc::clone(&store);
        let mut answered = Box::pin(async move { kept.end_effect(effect, answer()).await });
        if store.is_in_order() {
            // Handed in, and nobody waits for it.
            let _pending = poll_fn(|context| Poll::Ready(answered.as_mut().poll(context).is_pending())).await;
            tokio::spawn(answered);
            tokio::time::sleep(ADAPTER.min(platform)).await;
        } else {
            answered.await?;
        }
        let (_, mut round) = store.settle_and_claim(published(&claim), request(1)).await?;
        next = round.claims.pop();
        sent += 1;
    }
    Ok(sent)
}

fn request(most: u32) -> ClaimRequest {
    let now = Timestamp::now();
    let caps = Caps { per_delivery: 5, per_account_hour: 1_000_000, gap: SignedDuration::ZERO };
    let standing = Standing { status: AccountStatus::Active, adapter_ready: true, caps };
    ClaimRequest {
        now,
        until: now,
        most,
        worker: "w".into(),
        lease_until: now + SignedDuration::from_mins(2),
        standing: Arc::new(move |_| Some(standing)),
        stopped: false,
    }
}

fn intent(claim: &Claim) -> NewEffect {
    NewEffect {
        call: claim.attempt.call.clone(),
        attempt: claim.attempt.number,
        occurrence: 0,
        fingerprint: "f".repeat(64),
        idempotency_key: Some(claim.delivery.id.to_string()),
        method: "POST".into(),
        url: format!("http://127.0.0.1:1/v1/accounts/{}/posts", claim.delivery.account),
        body_sha256: "b".repeat(64),
        adapter: "mock".into(),
        adapter_sha256: "a".repeat(64),
        at: Timestamp::now(),
    }
}

fn answer() -> EffectAnswer {
    EffectAnswer {
        status: 201,
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("content-length".into(), "120".into()),
        ],
        body: br#"{"id":"p1","url":"https://platform.test/p1","created_at_unix_ms":1700000000000}"#.to_vec(),
        complete: true,
        nothing_left: false,
        at: Timestamp::now(),
    }
}

fn published(claim: &Claim) -> Settle {
    let id = format!("p-{}", claim.delivery.id);
    let url = format!("https://platform.test/{id}");
    Settle {
        delivery: claim.delivery.id.clone(),
        expected: (DeliveryState::Sending, claim.delivery.fence),
        or_claimed: true,
        attempt: Some(claim.attempt.id.clone()),
        detail: Some(url.clone()),
        next: Next::Published(Receipt {
            platform_id: Some(id),
            url: Some(url),
            published_at: Timestamp::now(),
            by: ReceiptBy::Answer,
        }),
        outcome: "published".into(),
        adapter: Some("a".repeat(64)),
        requests: 1,
        follow: Arc::new(|_, _, _| Vec::new()),
        pause_after: 3,
        now: Timestamp::now(),
        request: None,
    }
}

/// As the daemon would have written it: submitted, approved, scheduled.
async fn fill(store: &dyn Store, number: usize, accounts: usize) -> Result<()> {
    let now = Timestamp::now();
    let text =
        format!("稿件{number} {}", "停水通知：因供水管网改造，明日八时至十八时城东片区停水。".repeat(5));
    let variant = Variant { text, ..Variant::default() };
    let content = Content { variants: BTreeMap::from([("weibo".into(), variant)]), targets: vec![] };
    let item = Item {
        id: ItemId::new(format!("i{number:08}")),
        unit: "OFFICE".into(),
        author: "off.xx".into(),
        column: None,
        procedure: Procedure::P4,
        hash: content.hash(),
        content,
        version: 1,
        state: ItemState::PendingOffice,
        submitted_at: now,
    };
    let (id, delivery) = (item.id.clone(), delivery(&item, number, accounts, now));
    store.submit_item(item, audit("submitted", &id, now), None).await?;
    let approved = audit("approved", &id, now);
    let approving = move |record: &juzhen_store::ItemRecord| {
        let decision = Decision {
            person: "off.hg".into(),
            step: Step::OfficeReview,
            verdict: Verdict::Approve,
            hash: record.item.hash.clone(),
            reason: None,
            at: now,
        };
        Ok(ItemChange { decision: Some(decision), ..ItemChange::to(ItemState::Approved, approved.clone()) })
    };
    store.change_item(&id, Arc::new(approving), None).await?;
    let scheduled = audit("scheduled", &id, now);
    let scheduling = move |_: &juzhen_store::ItemRecord| {
        let new_deliveries = vec![delivery.clone()];
        Ok(ItemChange { new_deliveries, ..ItemChange::to(ItemState::Scheduled, scheduled.clone()) })
    };
    store.change_item(&id, Arc::new(scheduling), None).await?;
    Ok(())
}

fn delivery(item: &Item, number: usize, accounts: usize, now: Timestamp) -> Delivery {
    let platform = Platform::from("weibo");
    Delivery {
        id: DeliveryId::new(format!("d{number:08}")),
        item: item.id.clone(),
        account: AccountId::new(format!("W{:03}", number % accounts)),
        kind: DeliveryKind::Publish,
        route: None,
        item_hash: item.hash.clone(),
        payload_hash: item.content.variants.get(&platform).map_or_else(|| item.hash.clone(), Variant::hash),
        platform,
        revision: "bench".into(),
        due_at: now,
        latest_at: now + SignedDuration::from_hours(1),
        next_at: now,
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

/// User and system time of this process.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = after.split(' ').skip(11).take(2).map(|n| n.parse::<f64>().unwrap_or_default());
    Ok(ticks.sum::<f64>() / 100.0)
}
