//! What the store takes for one delivery from its claim to its receipt, without daemon, adapter and platform: as many
//! accounts at work as the drain has, and a platform that only takes time. Started by hand: `bench send-path`.

use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::Caps;
use juzhen_domain::claim::Standing;
use juzhen_domain::delivery::{Receipt, ReceiptBy};
use juzhen_domain::matrix::AccountStatus;
use juzhen_domain::outcome::Next;
use juzhen_domain::state::DeliveryState;
use juzhen_store::{
    Claim, ClaimRequest, EffectAnswer, EffectBegun, NewEffect, Postgres, PostgresOptions, Settle, Sqlite,
    SqliteOptions, Store,
};

use crate::{items, usage};

/// From the answer of the platform to that of the adapter.
const ADAPTER: Duration = Duration::from_millis(1);
/// The daemon that all claims name.
const WORKER: &str = "bench";

/// Only the store: its part of a delivery's way
#[derive(Debug, Args)]
pub(crate) struct SendPath {
    /// An empty PostgreSQL database (postgres://…); else a new file in `--folder`
    #[arg(long)]
    postgres: Option<String>,
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    #[arg(long, default_value_t = 5000)]
    items: usize,
    #[arg(long, default_value_t = 50)]
    accounts: u32,
    /// Milliseconds until the platform answers
    #[arg(long, default_value_t = 0)]
    delay: u64,
}

impl SendPath {
    pub(crate) async fn run(&self) -> Result<()> {
        if let Some(url) = &self.postgres {
            let store = Arc::new(Postgres::open(url, &PostgresOptions::default())?);
            return self.measure(store, || None).await;
        }
        let folder = tempfile::tempdir_in(&self.folder)?;
        let store = Arc::new(Sqlite::open(folder.path().join("juzhen.db"), SqliteOptions::default())?);
        let counted = Arc::clone(&store);
        self.measure(store, move || Some(counted.commits())).await
    }

    /// `commits`: so far, where the store counts them.
    #[allow(clippy::cast_precision_loss, reason = "rates")]
    async fn measure<S: Store>(&self, store: Arc<S>, commits: impl Fn() -> Option<u64>) -> Result<()> {
        store.join(WORKER, SignedDuration::from_hours(1)).await?;
        let planned = items::all_at(self.items, usize::try_from(self.accounts)?, Timestamp::now());
        items::fill(store.as_ref(), &planned, 0).await?;
        let own = [std::process::id()];
        let (began, cpu, before) = (Instant::now(), usage::cpu_seconds(&own), commits());
        let mut sending = tokio::task::JoinSet::new();
        for claim in store.claim(request(self.accounts)).await?.claims {
            sending.spawn(send_all(Arc::clone(&store), claim, Duration::from_millis(self.delay)));
        }
        let mut sent = 0;
        while let Some(of_account) = sending.join_next().await {
            sent += of_account??;
        }
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), usage::cpu_seconds(&own) - cpu);
        let sent = f64::from(sent);
        println!("{sent} deliveries: {:.0}/s, CPU {:.3} s per 1,000", sent / seconds, cpu * 1000.0 / sent);
        if let (Some(before), Some(after)) = (before, commits()) {
            println!("{:.2} commits each", (after - before) as f64 / sent);
        }
        Ok(())
    }
}

/// One after another, as an account does.
async fn send_all<S: Store>(store: Arc<S>, first: Claim, platform: Duration) -> Result<u32> {
    let (mut next, mut sent) = (Some(first), 0);
    while let Some(claim) = next {
        let begun = store.begin_effect(intent(&claim)).await?;
        let EffectBegun::Send(effect) = begun else { bail!("not to be sent: {begun:?}") };
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
        worker: WORKER.into(),
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
    let headers = [("content-type", "application/json"), ("content-length", "120")];
    EffectAnswer {
        status: 201,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
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
