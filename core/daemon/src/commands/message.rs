//! `juzhen message`: what readers write to the accounts, and how far each account was read.

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

use super::{at_server, listed};
use crate::client::{ServerArgs, query};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::{self, clock};

/// Comments, mentions and messages of readers
#[derive(Debug, Args)]
pub(crate) struct Message {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them, newest first
    List {
        /// Only of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Only of this kind: comment, mention, mention_in_comment, private or other
        #[arg(long)]
        kind: Option<String>,
        /// Only those that came then or later, such as 2026-06-01T09:00:00+08:00
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only those that came before this one: the last of the page before
        #[arg(long, value_name = "ID")]
        before: Option<String>,
        /// At most so many, 1 to 200
        #[arg(long)]
        limit: Option<u32>,
    },
    /// How far each account was read, and what could not be
    Intake,
}

impl Message {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        match self.command {
            Command::List { account, kind, since, before, limit } => {
                let since = since.map(|text| when::parse(&text, Timestamp::now())).transpose()?;
                let limit = limit.map(|limit| limit.to_string());
                let asked = query(&[
                    ("account", account.as_deref()),
                    ("kind", kind.as_deref()),
                    ("before", before.as_deref()),
                    ("limit", limit.as_deref()),
                ])?;
                // In UTC, which has no sign that would have to be encoded.
                let since =
                    since.map(|since| format!("{}since={since}", if asked.is_empty() { '?' } else { '&' }));
                let path = format!("/api/v1/messages{asked}{}", since.unwrap_or_default());
                at_server(&self.server, async |client| output.answer(&client.get(&path).await?.body, page))
            }
            Command::Intake => {
                let path = "/api/v1/intake";
                at_server(&self.server, async |client| output.answer(&client.get(path).await?.body, intake))
            }
        }
    }
}

fn page(body: &Value) -> String {
    let mut table = Table::new(["编号", "时间", "账号", "类别", "谁", "内容"]);
    let mut any = false;
    for message in listed(body, "messages") {
        any = true;
        let of = |part| field(message, part);
        let (name, id) = (of("/author/name"), of("/author/id"));
        let who = if name.is_empty() { id } else { name };
        table.row([
            of("/id"),
            clock(&of("/received_at")),
            of("/account"),
            of("/kind_zh"),
            who,
            line(&of("/text")),
        ]);
    }
    if any { table.to_string() } else { "没有留言\n".to_owned() }
}

/// The beginning of what strangers wrote, without what turns the rest of a line around.
fn line(text: &str) -> String {
    const MOST: usize = 60;
    let turns =
        |c: &char| matches!(*c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut short: String = text.chars().filter(|c| !turns(c)).take(MOST + 1).collect();
    if short.chars().count() > MOST {
        short.pop();
        short.push('…');
    }
    short
}

fn intake(body: &Value) -> String {
    if body.get("every_seconds").and_then(Value::as_u64) == Some(0) {
        return "没有读取各账号的留言（publish.intake_seconds 为 0）\n".to_owned();
    }
    let mut table = Table::new(["账号", "上次读取", "平台上次推送", "下次读取", "说明"]);
    let mut any = false;
    for account in listed(body, "accounts") {
        any = true;
        let of = |part| field(account, part);
        let gaps = account.get("gaps").and_then(Value::as_array).into_iter().flatten();
        let gaps = gaps.filter_map(Value::as_str).map(str::to_owned);
        let notes: Vec<String> =
            Some(of("/problem_zh")).filter(|text| !text.is_empty()).into_iter().chain(gaps).collect();
        let times = ["/polled_at", "/pushed_at", "/next_at"].map(|part| clock(&of(part)));
        let [polled, pushed, next] = times;
        table.row([of("/account"), polled, pushed, next, notes.join("；")]);
    }
    if any { table.to_string() } else { "还没有读取过\n".to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_strangers_wrote_stays_on_one_line() {
        let message = json!({ "text": "几点\n来水？\u{202e}\u{1b}[2J" });
        assert_eq!(line(&field(&message, "/text")), "几点\u{fffd}来水？\u{fffd}[2J");
        assert_eq!(line(&"字".repeat(90)).chars().count(), 61);
    }

    #[test]
    fn nobody_has_written() {
        assert_eq!(page(&json!({ "messages": [] })), "没有留言\n");
        let message = json!({ "id": "m-1", "received_at": "t", "account": "W000", "kind_zh": "评论",
            "author": { "id": "u1", "name": "" }, "text": "好" });
        let shown = page(&json!({ "messages": [message] }));
        assert!(shown.contains("u1") && shown.contains("评论"), "{shown}");
        assert_eq!(intake(&json!({ "every_seconds": 0, "accounts": [] })).lines().count(), 1);
    }
}
