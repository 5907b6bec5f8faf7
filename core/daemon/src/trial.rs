//! Loads one adapter as the daemon would, to see whether it can; it gets nothing to work with.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use juzhen_host::message::Manifest;
use juzhen_host::{
    AdapterState, AdapterStatus, Begun, Blob, Blobs, Clock, EffectId, Host, HostOptions, Intent,
    IsolationReport, KeyValues, Ledger, LedgerError, PortError, Ports, RecordedAnswer, Renewal, Secret,
    Secrets, Wanted,
};
use serde::Serialize;
use tokio::runtime::Builder;

use crate::failure::{Ended, Usage};
use crate::output::Output;

/// What was found out about a file, as `--json` shows it.
#[derive(Debug, Serialize)]
struct Trial {
    ok: bool,
    file: String,
    sha256: String,
    /// Why it would not be loaded.
    refused: Option<String>,
    manifest: Option<Manifest>,
    /// What keeps it apart from everything else, and what is missing on this machine.
    isolation: Option<IsolationReport>,
}

/// Loads the file in a process of its own, goes through the handshake, and ends it again.
pub(crate) fn check(file: &Path, output: Output) -> Result<Ended> {
    if !file.is_file() {
        bail!(Usage(format!("{} is no file", file.display())));
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let status = runtime.context("could not start the asynchronous runtime")?.block_on(load(file))?;
    let trial = Trial {
        ok: status.state == AdapterState::Serving,
        file: file.display().to_string(),
        refused: match status.state {
            AdapterState::Refused { reason } => Some(reason),
            AdapterState::Serving => None,
            AdapterState::Restarting { .. } | AdapterState::Quarantined { .. } => {
                Some("it ended right after it had started".to_owned())
            }
        },
        sha256: status.sha256,
        manifest: status.manifest.map(|manifest| Manifest::clone(&manifest)),
        isolation: status.isolation,
    };
    output.answer(&trial, Trial::words)?;
    Ok(if trial.ok { Ended::Fine } else { Ended::Not })
}

async fn load(file: &Path) -> Result<AdapterStatus> {
    // A folder with nothing else in it: the host loads folders.
    let folder = tempfile::tempdir().context("could not make a folder for the trial")?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = if name.ends_with(".so") { name.into_owned() } else { format!("{name}.so") };
    fs::copy(file, folder.path().join(name)).with_context(|| format!("could not read {}", file.display()))?;
    let nothing = Arc::new(Nothing);
    let ports = Ports {
        ledger: nothing.clone(),
        secrets: nothing.clone(),
        values: nothing.clone(),
        blobs: nothing.clone(),
        clock: nothing,
    };
    let host = Host::start(HostOptions::new(folder.path()), ports).await.context("could not start a host")?;
    let found = host.adapters().into_iter().next();
    host.shutdown(Duration::from_secs(2)).await;
    found.with_context(|| format!("{} is not even seen as an adapter file", file.display()))
}

impl Trial {
    fn words(&self) -> String {
        let mut text = match (&self.refused, &self.manifest) {
            (Some(why), _) => format!("refused: {why}\n"),
            (None, Some(Manifest { name, version, platform, title, operations, .. })) => format!(
                "fine: {name} {version} for {platform} {title}\noperations: {}\nsha256: {}\n",
                operations.join(" "),
                self.sha256
            ),
            (None, None) => "fine\n".to_owned(),
        };
        for mechanism in self.isolation.iter().flat_map(|report| &report.mechanisms) {
            let state =
                mechanism.missing.as_ref().map_or("active".to_owned(), |why| format!("MISSING: {why}"));
            text.push_str(&format!("isolation: {:<24} {state}\n", mechanism.name));
        }
        text
    }
}

/// No secrets, no values, no leave to send.
struct Nothing;

#[async_trait]
impl Ledger for Nothing {
    async fn begin(&self, _: &Intent) -> Result<Begun, LedgerError> {
        Ok(Begun::Refused("this is a trial: nothing is sent".to_owned()))
    }

    async fn end(&self, _: EffectId, _: &RecordedAnswer) -> Result<(), LedgerError> {
        let source: Box<dyn Error + Send + Sync> = "a trial sends nothing".into();
        Err(LedgerError { action: "record an answer".to_owned(), source })
    }
}

#[async_trait]
impl Secrets for Nothing {
    async fn get(&self, _: &str, _: &str) -> Result<Option<Secret>, PortError> {
        Ok(None)
    }

    async fn renew(&self, _: &str, _: &[Wanted], _: Duration) -> Result<Renewal, PortError> {
        Ok(Renewal::NotNow { reason: "this is a trial: nothing is sent".to_owned() })
    }
}

#[async_trait]
impl KeyValues for Nothing {
    async fn get(&self, _: &str, _: &str, _: &str) -> Result<Option<Vec<u8>>, PortError> {
        Ok(None)
    }

    async fn set(&self, _: &str, _: &str, _: &str, _: &[u8]) -> Result<(), PortError> {
        Ok(())
    }

    async fn delete(&self, _: &str, _: &str, _: &str) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl Blobs for Nothing {
    async fn open(&self, _: &str) -> Result<Option<Blob>, PortError> {
        Ok(None)
    }
}

impl Clock for Nothing {
    fn now_unix_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}
