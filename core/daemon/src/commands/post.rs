//! `juzhen post`: posts on our accounts that this system did not make, and what people say they are about (P27).

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{at_server, listed};
use crate::client::ServerArgs;
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::clock;

/// Posts on our accounts that this system did not make
#[derive(Debug, Args)]
pub(crate) struct Post {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them, those first that nobody has explained
    Unknown,
    /// Say what a post is about, such as who made it by hand
    Close {
        /// Account it is on
        account: String,
        /// The platform's id of the post, as `juzhen post unknown` shows it
        id: String,
        /// What was found out
        #[arg(long)]
        note: String,
    },
}

impl Post {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        at_server(&self.server, async |client| match self.command {
            Command::Unknown => {
                let answer = client.get("/api/v1/unknown-posts").await?;
                output.answer(&answer.body, page)
            }
            Command::Close { account, id, note } => {
                let word = json!({ "account": account, "id": id, "note": note });
                let answer = client.post("/api/v1/unknown-posts/close", &word).await?;
                output.answer(&answer.body, closed)
            }
        })
    }
}

fn page(body: &Value) -> String {
    let mut table = Table::new(["账号", "编号", "发现时间", "状态", "内容", "地址"]);
    let mut any = false;
    for post in listed(body, "posts") {
        any = true;
        let [account, id, seen, text, url] =
            ["/account", "/id", "/first_seen", "/excerpt", "/url"].map(|part| field(post, part));
        let by = field(post, "/closed/by");
        let state = if by.is_empty() {
            "待核实".to_owned()
        } else {
            format!("{by}：{}", field(post, "/closed/note"))
        };
        table.row([account, id, clock(&seen), state, text, url]);
    }
    if any { table.to_string() } else { "没有发现不是本系统发布的内容\n".to_owned() }
}

fn closed(post: &Value) -> String {
    let of = |part| field(post, part);
    format!(
        "账号 {} 的 {} 已说明：{}（{}）\n",
        of("/account"),
        of("/id"),
        of("/closed/note"),
        of("/closed/by")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_post_waits_until_somebody_has_said_what_it_is() {
        assert_eq!(page(&json!({ "posts": [] })), "没有发现不是本系统发布的内容\n");
        let post = |closed: Value| {
            json!({ "posts": [{ "account": "W015", "id": "p1", "first_seen": "t", "excerpt": "广告",
            "url": null, "closed": closed }] })
        };
        assert!(page(&post(Value::Null)).contains("待核实"));
        let seen = page(&post(json!({ "by": "off.hg", "note": "值班人员手工发布" })));
        assert!(seen.contains("off.hg：值班人员手工发布") && !seen.contains("待核实"), "{seen}");
    }
}
