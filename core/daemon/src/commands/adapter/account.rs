//! `juzhen adapter check-account`: is an account fit to publish, and what is missing? The running daemon asks the platform.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::super::{listed, wait_for};
use crate::client::{Client, ServerArgs, segment};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::when::clock;

/// Ask the platform about an account now: one line for each thing that is missing; exit code 1 when it cannot publish
#[derive(Debug, Args)]
pub(super) struct CheckAccount {
    /// Id of the account, such as W015
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

impl CheckAccount {
    pub(super) fn run(self, output: Output) -> Result<Ended> {
        let path = format!("/api/v1/accounts/{}/check", segment(&self.id)?);
        let client = Client::new(&self.server)?;
        let body = wait_for(async { Ok(client.post(&path, &json!({})).await?.body) })?;
        output.answer(&body, |body| lines(&self.id, body))?;
        Ok(if body.pointer("/ok") == Some(&Value::Bool(true)) { Ended::Fine } else { Ended::Not })
    }
}

/// The verdict, then a line for each finding.
pub(crate) fn lines(account: &str, check: &Value) -> String {
    let ok = check.pointer("/ok") == Some(&Value::Bool(true));
    let until = field(check, "/signed_in_until");
    let until = if until.is_empty() { String::new() } else { format!("，授权到 {}", clock(&until)) };
    let verdict = if ok { "可以发布" } else { "现在不能发布" };
    let mut text = format!("账号 {account} {verdict}{until}\n");
    for finding in listed(check, "findings") {
        text.push_str(&format!("[{}] {}\n", field(finding, "/kind_zh"), field(finding, "/text")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_one_line_under_the_verdict() {
        let finding = json!({ "kind": "address", "kind_zh": "IP 白名单", "blocks": true, "text": "本机地址 203.0.113.9 不在其中" });
        let page = lines("X-1", &json!({ "ok": false, "signed_in_until": null, "findings": [finding] }));
        assert_eq!(page, "账号 X-1 现在不能发布\n[IP 白名单] 本机地址 203.0.113.9 不在其中\n");
        let page = lines("X-1", &json!({ "ok": true, "signed_in_until": "t", "findings": [] }));
        assert_eq!(page, "账号 X-1 可以发布，授权到 t\n");
    }
}
