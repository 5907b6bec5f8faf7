//! The bare HTTP client: the library, the settings and the bodies of the host, without anything around them. Runs in a
//! process of its own, so that its CPU time is its own.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{items, usage};

/// What `raw` is started with.
#[derive(Debug, Clone, Args)]
pub(crate) struct Raw {
    #[arg(long)]
    url: String,
    #[arg(long)]
    count: usize,
    /// Requests at a time, one for each account.
    #[arg(long)]
    accounts: usize,
    /// A new connection for each request.
    #[arg(long)]
    fresh: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) items_per_s: f64,
    pub(crate) cpu_s_per_1000: f64,
}

/// Starts this program again as a bare client.
pub(crate) fn measure(url: &str, count: usize, accounts: usize, fresh: bool) -> Result<Rate> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["raw", "--url", url]);
    command.args(["--count", &count.to_string(), "--accounts", &accounts.to_string()]);
    if fresh {
        command.arg("--fresh");
    }
    answer_of(command)
}

/// Runs one of our own subcommands, whose output is a [`Rate`].
pub(crate) fn answer_of(mut command: Command) -> Result<Rate> {
    let output = command.output().context("could not start a measuring process")?;
    if !output.status.success() {
        bail!("a measuring process failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl Raw {
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    pub(crate) async fn run(&self) -> Result<Rate> {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let idle = if self.fresh { 0 } else { usize::MAX };
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(idle)
            .tls_certs_only([])
            .build()?;
        let next = Arc::new(AtomicUsize::new(0));
        let (began, cpu) = (Instant::now(), usage::cpu_seconds(&[std::process::id()]));
        let one = |account| one_account(client.clone(), self.clone(), account, Arc::clone(&next));
        let senders: Vec<_> = (0..self.accounts).map(|account| tokio::spawn(one(account))).collect();
        for sender in senders {
            sender.await??;
        }
        let seconds = began.elapsed().as_secs_f64();
        let cpu = usage::cpu_seconds(&[std::process::id()]) - cpu;
        let count = self.count as f64;
        Ok(Rate { items_per_s: count / seconds, cpu_s_per_1000: cpu * 1000.0 / count })
    }
}

/// One request after another, as the order of an account asks for.
async fn one_account(
    client: reqwest::Client,
    raw: Raw,
    account: usize,
    next: Arc<AtomicUsize>,
) -> Result<()> {
    let url = format!("{}/v1/accounts/{}/posts", raw.url, items::account(account));
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= raw.count {
            return Ok(());
        }
        let body = json!({ "text": items::text(number), "media": [] }).to_string();
        let request = client
            .post(&url)
            .header("authorization", "Bearer token")
            .header("content-type", "application/json")
            .header("idempotency-key", format!("d{number:08}"))
            .body(body);
        let answer = request.send().await?;
        if answer.status() != 201 {
            bail!("the platform answered {}", answer.status());
        }
        let _body = answer.bytes().await?;
    }
}
