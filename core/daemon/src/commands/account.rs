//! `juzhen account`: the accounts of the running settings.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{listed, wait_for};
use crate::client::{Client, ServerArgs};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;

/// Accounts on the platforms
#[derive(Debug, Args)]
pub(crate) struct Account {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the accounts of the running daemon
    List,
}

impl Account {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Command::List = self.command;
        let client = Client::new(&self.server)?;
        let answer = wait_for(client.get("/api/v1/accounts"))?;
        output.answer(&answer.body, table)?;
        Ok(Ended::Fine)
    }
}

fn table(body: &Value) -> Table {
    let mut table = Table::new(["id", "unit", "platform", "adapter", "status", "name"]);
    for account in listed(body, "accounts") {
        table.row(
            ["/id", "/unit", "/platform", "/adapter", "/status", "/name"].map(|part| field(account, part)),
        );
    }
    table
}
