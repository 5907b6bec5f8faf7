//! `juzhen node`: the daemons that work on the same database (P18).

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{at_server, listed};
use crate::client::ServerArgs;
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::clock;

/// Daemons that work on the same database
#[derive(Debug, Args)]
pub(crate) struct Node {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Those at work first, then those that were before them
    List,
}

impl Node {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Command::List = self.command;
        at_server(&self.server, async |client| output.answer(&client.get("/api/v1/nodes").await?.body, page))
    }
}

fn page(body: &Value) -> String {
    let mut table = Table::new(["节点", "状态", "启动", "租约至", "结束", "编号"]);
    for node in listed(body, "nodes") {
        let of = |part| field(node, part);
        let at_work = node.get("at_work").and_then(Value::as_bool) == Some(true);
        let state = if at_work { "工作中" } else { "已结束" };
        let times = ["/started_at", "/lease_until", "/ended_at"].map(|part| clock(&of(part)));
        let [started, lease, ended] = times;
        table.row([of("/node"), state.to_owned(), started, lease, ended, of("/worker")]);
    }
    table.to_string()
}
