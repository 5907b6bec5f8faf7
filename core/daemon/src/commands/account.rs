//! `juzhen account`: the accounts of the running settings, those that are paused, and how they are watched.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{at_server, listed};
use crate::client::{ServerArgs, segment};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::clock;

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
    /// Accounts that are paused, and those whose deliveries ended badly of late, with the evidence
    Paused,
    /// Nothing new leaves on this account until somebody resumes it
    Pause(Word),
    /// Lift an account's pause: what waits for it goes on, unless its time has passed
    Resume(Word),
    /// When each account was looked at for posts that this system did not make
    Watched,
}

#[derive(Debug, Args)]
struct Word {
    id: String,
    /// Why, for everybody who asks later
    #[arg(long)]
    reason: String,
}

impl Account {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        at_server(&self.server, async |client| {
            let say = async |verb: &str, word: &Word| {
                let path = format!("/api/v1/accounts/{}/{verb}", segment(&word.id)?);
                client.post(&path, &json!({ "reason": word.reason })).await
            };
            let (answer, page): (_, fn(&Value) -> String) = match &self.command {
                Command::List => (client.get("/api/v1/accounts").await?, table),
                Command::Paused => (client.get("/api/v1/paused-accounts").await?, paused),
                Command::Watched => (client.get("/api/v1/watched-accounts").await?, watched),
                Command::Pause(word) => (say("pause", word).await?, said),
                Command::Resume(word) => (say("resume", word).await?, said),
            };
            output.answer(&answer.body, page)
        })
    }
}

fn table(body: &Value) -> String {
    let mut table = Table::new(["id", "unit", "platform", "adapter", "status", "paused", "name"]);
    for account in listed(body, "accounts") {
        let of = |part| field(account, part);
        let paused =
            if account.pointer("/pause").is_some_and(|pause| !pause.is_null()) { "paused" } else { "" };
        table.row([
            of("/id"),
            of("/unit"),
            of("/platform"),
            of("/adapter"),
            of("/status"),
            paused.to_owned(),
            of("/name"),
        ]);
    }
    table.to_string()
}

fn paused(body: &Value) -> String {
    let mut text = String::new();
    for account in listed(body, "accounts") {
        let of = |part: &str| field(account, part);
        let is_paused = account.get("pause").is_some_and(|pause| !pause.is_null());
        if is_paused {
            text.push_str(&format!("账号 {}  已暂停发布\n", of("/account")));
            text.push_str(&format!("  原因  {}\n", of("/pause/reason_zh")));
            text.push_str(&format!("  详情  {}\n", of("/pause/said")));
            text.push_str(&format!("  时间  {}，由 {}\n", clock(&of("/pause/at")), of("/pause/by")));
            text.push_str(&format!("  解除  juzhen account resume {} --reason 已核实…\n", of("/account")));
        } else {
            text.push_str(&format!("账号 {}  没有暂停，但最近的任务没有正常结束\n", of("/account")));
        }
        let mut endings = Table::new(["任务", "结果", "时间", "原因"]);
        for ending in listed(account, "endings") {
            let [id, state, at, why] =
                ["/delivery", "/state_zh", "/at", "/reason_zh"].map(|part| field(ending, part));
            endings.row([id, state, clock(&at), why]);
        }
        text.push_str(&format!("{endings}\n"));
    }
    if text.is_empty() { "没有暂停的账号\n".to_owned() } else { text }
}

fn watched(body: &Value) -> String {
    let every = field(body, "/every_seconds");
    if every == "0" {
        return "没有查看各账号（publish.watch_seconds 为 0）\n".to_owned();
    }
    let mut table = Table::new(["账号", "开始", "最近查看", "说明"]);
    for account in listed(body, "accounts") {
        let of = |part| field(account, part);
        let note = match of("/problem").as_str() {
            "not_offered" => "平台不能列出内容，无法查看".to_owned(),
            other => other.to_owned(),
        };
        table.row([of("/account"), clock(&of("/since")), clock(&of("/looked_at")), note]);
    }
    format!("每 {every} 秒查看一次\n{table}")
}

fn said(pause: &Value) -> String {
    let is_paused = pause.get("paused").and_then(Value::as_bool) == Some(true);
    let why = field(pause, "/reason_zh");
    if is_paused {
        format!("已暂停：{why}\n")
    } else {
        format!("已解除暂停（原因曾为：{why}）\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_account_is_shown_with_its_reason_its_evidence_and_the_way_out() {
        assert_eq!(paused(&json!({ "accounts": [] })), "没有暂停的账号\n");
        let ending = json!({ "delivery": "d1", "state_zh": "平台拒绝", "at": "t", "reason_zh": "平台明确拒绝，没有发出" });
        let pause = json!({ "paused": true, "by": "daemon", "at": "t", "reason_zh": "连续多条", "said": "3 in a row" });
        let page = paused(&json!({ "accounts": [
            { "account": "W015", "pause": pause, "endings": [ending] },
            { "account": "W016", "pause": null, "endings": [] },
        ] }));
        for words in
            ["账号 W015  已暂停发布", "连续多条", "resume W015", "d1", "平台拒绝", "账号 W016  没有暂停"]
        {
            assert!(page.contains(words), "{words} is not in\n{page}");
        }
    }
}
