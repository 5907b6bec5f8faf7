//! `juzhen plan`: what a reload of these files would change in the running daemon, before it does.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use juzhen_domain::matrix::AccountStatus;
use juzhen_domain::state::DeliveryState;
use juzhen_settings::{Changes, Loader, Locale, Settings, diff};
use serde::Serialize;
use serde_json::Value;

use super::{check, listed, wait_for};
use crate::client::{Client, ServerArgs, query};
use crate::failure::Ended;
use crate::installed::AdaptersArgs;
use crate::output::{Output, field};

/// Show what a reload would change in the running daemon; exit code 0 it would be taken, 1 faults, 2 no such folder
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Folder of district.yaml
    dir: PathBuf,
    #[command(flatten)]
    adapters: AdaptersArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// What would happen, as `--json` shows it.
#[derive(Debug, Serialize)]
struct Planned {
    ok: bool,
    changes: Changes,
    /// Account → deliveries that would be put aside, because it is gone or publishes no more.
    held: BTreeMap<String, usize>,
}

impl Plan {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let mut loader = Loader::new(&self.dir);
        let installed = self.adapters.installed(&mut loader, &self.dir)?;
        let Ok(wanted) = loader.load(installed.as_ref()) else {
            check::show(loader.report(), installed.is_some(), output)?;
            return Ok(if self.dir.is_dir() { Ended::Not } else { Ended::Usage });
        };
        let client = Client::new(&self.server)?;
        let planned = wait_for(compare(&client, &wanted))?;
        output.answer(&planned, Planned::words)?;
        Ok(Ended::Fine)
    }
}

async fn compare(client: &Client, wanted: &Settings) -> Result<Planned> {
    let running = running(client).await?;
    let mut held = BTreeMap::new();
    for account in running.accounts.values().filter(|account| account.status == AccountStatus::Active) {
        let after = wanted.accounts.get(&account.id);
        if after.is_none_or(|after| after.status != AccountStatus::Active) {
            let waiting = waiting(client, account.id.as_str()).await?;
            held.insert(account.id.to_string(), waiting);
        }
    }
    Ok(Planned { ok: true, changes: diff(Some(&running), wanted), held })
}

/// The settings that run, made from the same texts as in the daemon.
async fn running(client: &Client) -> Result<std::sync::Arc<Settings>> {
    let answer = client.get("/api/v1/configuration/sources").await?.body;
    let sources = answer.get("sources").cloned().unwrap_or(Value::Null);
    let sources: BTreeMap<String, String> =
        serde_json::from_value(sources).context("the daemon's answer holds no texts of its settings")?;
    let loaded = Loader::from_sources(sources).load(None);
    loaded.context("this juzhen cannot read the settings that run there; is the daemon of another version?")
}

/// How many deliveries of an account are still to be sent.
async fn waiting(client: &Client, account: &str) -> Result<usize> {
    let mut count = 0;
    for state in [DeliveryState::Due, DeliveryState::Waiting] {
        let mut before: Option<String> = None;
        loop {
            let asked = query(&[
                ("account", Some(account)),
                ("state", Some(state.as_str())),
                ("limit", Some("200")),
                ("before", before.as_deref()),
            ])?;
            let page = client.get(&format!("/api/v1/deliveries{asked}")).await?.body;
            count += listed(&page, "deliveries").count();
            before = Some(field(&page, "/next_before")).filter(|id| !id.is_empty());
            if before.is_none() {
                break;
            }
        }
    }
    Ok(count)
}

impl Planned {
    fn words(&self) -> String {
        let locale = Locale::from_environment();
        let mut text = self.changes.display(locale).to_string();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for (account, count) in &self.held {
            // Writing to a string does not fail.
            let _ok = match locale {
                Locale::English => {
                    writeln!(text, "{account} publishes no more: {count} deliveries would be held")
                }
                Locale::Chinese => writeln!(text, "{account} 不再发布：{count} 个发布任务将转为暂缓"),
            };
        }
        text
    }
}
