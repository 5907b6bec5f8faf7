//! `juzhen account`: the accounts of the running settings, those that are paused, and how they are watched.

mod authorize;

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
    /// One account: whether it is signed in, what the platform handed out for it and until when, and what to do
    Show {
        /// Id of the account, such as W015
        id: String,
    },
    /// Accounts that are paused, and those whose deliveries ended badly of late, with the evidence
    Paused,
    /// Nothing new leaves on this account until somebody resumes it
    Pause(Word),
    /// Lift an account's pause: what waits for it goes on, unless its time has passed
    Resume(Word),
    /// When each account was looked at for posts that this system did not make
    Watched,
    /// Sign an account in through your browser; run it again with what the browser brought back, where that cannot reach the
    /// daemon
    Authorize(authorize::Authorize),
}

#[derive(Debug, Args)]
struct Word {
    /// Id of the account, such as W015
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
                Command::Show { id } => {
                    (client.get(&format!("/api/v1/accounts/{}", segment(id)?)).await?, shown)
                }
                Command::Paused => (client.get("/api/v1/paused-accounts").await?, paused),
                Command::Watched => (client.get("/api/v1/watched-accounts").await?, watched),
                Command::Pause(word) => (say("pause", word).await?, said),
                Command::Resume(word) => (say("resume", word).await?, said),
                Command::Authorize(authorize) => return authorize.run(client, output).await,
            };
            output.answer(&answer.body, page)
        })
    }
}

fn table(body: &Value) -> String {
    let mut table = Table::new(["id", "unit", "platform", "adapter", "status", "paused", "sign_in", "name"]);
    for account in listed(body, "accounts") {
        let of = |part| field(account, part);
        let paused =
            if account.pointer("/pause").is_some_and(|pause| !pause.is_null()) { "paused" } else { "" };
        let needs_sign_in = account.pointer("/sign_in/auth_needed").and_then(Value::as_bool) == Some(true);
        let sign_in = if needs_sign_in { "auth_needed" } else { "" };
        table.row([
            of("/id"),
            of("/unit"),
            of("/platform"),
            of("/adapter"),
            of("/status"),
            paused.to_owned(),
            sign_in.to_owned(),
            of("/name"),
        ]);
    }
    table.to_string()
}

fn shown(account: &Value) -> String {
    let of = |part: &str| field(account, part);
    let is_there = |part: &str| account.pointer(part).is_some_and(|value| !value.is_null());
    let ready = if account.pointer("/ready") == Some(&Value::Bool(true)) { "是" } else { "否" };
    let mut text = format!(
        "账号 {}  {}\n  平台  {}\n  现在可以发布  {ready}\n",
        of("/id"),
        of("/name"),
        of("/platform")
    );
    if is_there("/pause") {
        text.push_str(&format!("  已暂停  {}\n", of("/pause/reason_zh")));
    }
    if is_there("/sign_in") {
        text.push_str(&format!("  授权  {}\n  详情  {}\n", of("/sign_in/reason_zh"), of("/sign_in/said")));
        if is_there("/sign_in/since") {
            text.push_str(&format!("  开始  {}\n", clock(&of("/sign_in/since"))));
        }
        text.push_str(&format!("  下次自动核对  {}\n", clock(&of("/sign_in/retry_at"))));
        text.push_str(&format!("  怎么办  {}\n", of("/sign_in/to_do_zh")));
    } else {
        let until = of("/signed_in_until");
        let until = if until.is_empty() { String::new() } else { format!("，到 {}", clock(&until)) };
        text.push_str(&format!("  授权  正常{until}\n"));
    }
    for finding in listed(account.get("check").unwrap_or(&Value::Null), "findings") {
        text.push_str(&format!("  [{}] {}\n", field(finding, "/kind_zh"), field(finding, "/text")));
    }
    for token in listed(account, "tokens") {
        let [name, obtained, expires] =
            ["/name", "/obtained_at", "/expires_at"].map(|part| field(token, part));
        let expires = if expires.is_empty() { "平台未说明".to_owned() } else { clock(&expires) };
        text.push_str(&format!("  平台发放的 {name}  取得 {}，有效期至 {expires}\n", clock(&obtained)));
    }
    text
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
        table.row([of("/account"), clock(&of("/since")), clock(&of("/looked_at")), of("/problem_zh")]);
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
    fn f10_an_account_that_has_to_sign_in_is_shown_with_what_to_do_and_its_tokens_with_their_times() {
        let token = json!({ "name": "access_token", "obtained_at": "t1", "expires_at": "t2", "renewals": 3 });
        let sign_in = json!({ "auth_needed": true, "since": "t0", "retry_at": "t9", "failures": 1,
            "reason_zh": "账号授权已失效", "said": "21327", "to_do_zh": "请账号管理员重新授权" });
        let mut account = json!({ "id": "W015", "name": "应急", "platform": "weibo", "ready": false, "pause": null,
            "sign_in": sign_in, "tokens": [token] });
        let page = shown(&account);
        for words in [
            "W015",
            "发布  否",
            "已失效",
            "21327",
            "t0",
            "t9",
            "怎么办  请账号",
            "access_token  取得 t1，有效期至 t2",
        ] {
            assert!(page.contains(words), "{words} is not in\n{page}");
        }
        let list = table(&json!({ "accounts": [account.clone()] }));
        assert!(list.contains("auth_needed"), "{list}");
        account["sign_in"] = Value::Null;
        account["ready"] = true.into();
        assert!(shown(&account).contains("授权  正常") && shown(&account).contains("发布  是"));
    }

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
