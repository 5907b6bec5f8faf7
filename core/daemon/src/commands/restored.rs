//! `juzhen restored`: what may have been sent since the time that the database was put back to, and what has become of it.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{listed, wait_for};
use crate::client::{Client, ServerArgs};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::clock;

/// After a restore: what may have been sent in between, and what has become of it
#[derive(Debug, Args)]
pub(crate) struct Restored {
    #[command(flatten)]
    server: ServerArgs,
}

impl Restored {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let client = Client::new(&self.server)?;
        let answer = wait_for(client.get("/api/v1/restored"))?;
        output.answer(&answer.body, page)?;
        Ok(Ended::Fine)
    }
}

fn page(body: &Value) -> String {
    let mut text = String::new();
    for restored in listed(body, "restored") {
        let of = |name: &str| field(restored, &format!("/{name}"));
        text.push_str(&format!(
            "{} 发现数据库回到了 {}（{}）\n",
            clock(&of("at")),
            clock(&of("since")),
            of("reason")
        ));
        text.push_str(&format!("已确认发出 {} 条，尚不明确 {} 条\n", of("published"), of("open")));
        let mut table = Table::new(["编号", "账号", "备份时", "现在", "依据"]);
        for suspect in listed(restored, "deliveries") {
            table.row(
                ["/delivery", "/account", "/was_zh", "/state_zh", "/receipt_by"]
                    .map(|part| field(suspect, part)),
            );
        }
        text.push_str(&format!("{table}\n"));
    }
    if text.is_empty() { "数据库没有从备份恢复过\n".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_tells_what_is_known_of_each() {
        assert_eq!(page(&json!({ "restored": [] })), "数据库没有从备份恢复过\n");
        let suspect = json!({ "delivery": "d1", "account": "W015", "was_zh": "待发", "state_zh": "已发布",
            "receipt_by": "evidence" });
        let page = page(
            &json!({ "restored": [{ "at": "b", "since": "a", "reason": "it ends earlier", "published": 1,
            "open": 0, "deliveries": [suspect] }] }),
        );
        assert_eq!(
            page,
            "b 发现数据库回到了 a（it ends earlier）\n已确认发出 1 条，尚不明确 0 条\n\
             编号  账号  备份时  现在    依据\nd1    W015  待发    已发布  evidence\n\n"
        );
    }
}
