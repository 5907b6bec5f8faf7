//! `juzhen adapter`: which adapters there are, whether a file is one, and what their authors need.

mod account;
mod check;
mod new;
mod record;
mod replay;
mod template;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use juzhen_host::message::Manifest;
use serde::Serialize;
use serde_json::{Value, json};

use super::wait_for;
use crate::client::{Client, ServerArgs};
use crate::failure::Ended;
use crate::installed::{AdapterFile, manifests};
use crate::output::{Output, field};
use crate::table::Table;

/// Adapters: what speaks to the platforms
#[derive(Debug, Args)]
pub(crate) struct Adapter {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the adapters of the running daemon, or with --adapters those of a folder
    List {
        /// Read the files of this folder instead of asking the daemon; runs none of them
        #[arg(long, value_name = "DIR")]
        adapters: Option<PathBuf>,
        #[command(flatten)]
        server: ServerArgs,
    },
    Check(check::Check),
    CheckAccount(account::CheckAccount),
    New(new::New),
    Record(record::Record),
    Replay(replay::Replay),
}

impl Adapter {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        match self.command {
            Command::List { adapters: Some(folder), .. } => list_folder(&folder, output),
            Command::List { adapters: None, server } => wait_for(list_running(&server, output)),
            Command::Check(command) => command.run(output),
            Command::CheckAccount(command) => command.run(output),
            Command::New(command) => command.run(output),
            Command::Record(command) => command.run(output),
            Command::Replay(command) => command.run(output),
        }
    }
}

/// One file of a folder, as `--json` shows it.
#[derive(Debug, Serialize)]
struct FileView {
    file: String,
    sha256: Option<String>,
    manifest: Option<Manifest>,
    refused: Option<String>,
}

fn list_folder(folder: &std::path::Path, output: Output) -> Result<Ended> {
    let files: Vec<FileView> = manifests(folder)?.into_iter().map(FileView::from).collect();
    output.answer(&json!({"adapters": files}), |_| {
        let mut table = Table::new(["name", "version", "platform", "title", "file", "refused"]);
        for FileView { file, manifest, refused, .. } in &files {
            let of =
                |part: fn(&Manifest) -> &String| manifest.as_ref().map(part).cloned().unwrap_or_default();
            table.row([
                of(|m| &m.name),
                of(|m| &m.version),
                of(|m| &m.platform),
                of(|m| &m.title),
                file.clone(),
                refused.clone().unwrap_or_default(),
            ]);
        }
        table
    })?;
    Ok(Ended::Fine)
}

impl From<AdapterFile> for FileView {
    fn from(found: AdapterFile) -> Self {
        let (manifest, refused) = match found.manifest {
            Ok(manifest) => (Some(manifest), None),
            Err(why) => (None, Some(why)),
        };
        Self { file: found.file, sha256: found.sha256, manifest, refused }
    }
}

async fn list_running(server: &ServerArgs, output: Output) -> Result<Ended> {
    let answer = Client::new(server)?.get("/api/v1/adapters").await?;
    output.answer(&answer.body, running_table)?;
    Ok(Ended::Fine)
}

fn running_table(body: &Value) -> Table {
    let mut table =
        Table::new(["name", "version", "platform", "state", "calls", "crashes", "accounts or why not"]);
    for adapter in super::listed(body, "adapters") {
        let accounts = adapter.get("accounts").and_then(Value::as_array).into_iter().flatten();
        let accounts: Vec<&str> = accounts.filter_map(Value::as_str).collect();
        let why_not = field(adapter, "/reason");
        table.row([
            field(adapter, "/name"),
            field(adapter, "/version"),
            field(adapter, "/platform"),
            field(adapter, "/state"),
            field(adapter, "/calls"),
            field(adapter, "/crashes"),
            if why_not.is_empty() { accounts.join(" ") } else { why_not },
        ]);
    }
    table
}
