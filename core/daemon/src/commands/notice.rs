//! `juzhen notice`: what people were told without asking, and what of it did not arrive.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{at_server, listed};
use crate::client::ServerArgs;
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::clock;

/// What people were told without asking
#[derive(Debug, Args)]
pub(crate) struct Notice {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the newest
    List {
        /// Only those that were tried and did not arrive
        #[arg(long)]
        failing: bool,
        /// Only those with a smaller number
        #[arg(long, value_name = "NUMBER", conflicts_with = "failing")]
        before: Option<u64>,
    },
}

impl Notice {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Command::List { failing, before } = self.command;
        let path = match (failing, before) {
            (true, _) => "/api/v1/notices?failing=true".to_owned(),
            (false, Some(number)) => format!("/api/v1/notices?before={number}"),
            (false, None) => "/api/v1/notices".to_owned(),
        };
        at_server(&self.server, async |client| output.answer(&client.get(&path).await?.body, page))
    }
}

fn page(body: &Value) -> String {
    let mut table = Table::new(["编号", "时间", "内容", "送达"]);
    let mut any = false;
    for notice in listed(body, "notices") {
        any = true;
        let of = |part| field(notice, part);
        table.row([of("/number"), clock(&of("/at")), of("/text"), arrived(notice)]);
    }
    if any { table.to_string() } else { "没有提醒\n".to_owned() }
}

fn arrived(notice: &Value) -> String {
    let of = |part| field(notice, part);
    let is = |part: &str| notice.pointer(part).is_some_and(|value| !value.is_null());
    match (is("/logged_at"), is("/hook")) {
        (false, _) => "等待".to_owned(),
        (true, false) => "日志".to_owned(),
        (true, true) if is("/hook/sent_at") => "日志、外部".to_owned(),
        (true, true) if is("/hook/problem") => {
            format!("日志；外部试了 {} 次未送达：{}", of("/hook/tries"), of("/hook/problem"))
        }
        (true, true) => "日志；外部等待".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_notice_says_how_far_it_has_come() {
        assert_eq!(page(&json!({ "notices": [] })), "没有提醒\n");
        let hook = |hook: Value| arrived(&json!({ "logged_at": "t", "hook": hook }));
        assert_eq!(arrived(&json!({ "logged_at": null, "hook": null })), "等待");
        assert_eq!(hook(Value::Null), "日志");
        assert_eq!(hook(json!({ "sent_at": "t" })), "日志、外部");
        assert_eq!(
            hook(json!({ "sent_at": null, "tries": 2, "problem": "answered 500" })),
            "日志；外部试了 2 次未送达：answered 500"
        );
    }
}
