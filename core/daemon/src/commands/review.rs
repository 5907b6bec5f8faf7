//! `juzhen review`: decisions, each on exactly the bytes that were looked at.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::at_server;
use super::item::{card, table, without_nulls};
use crate::client::{Client, ServerArgs, With, fresh_key, segment};
use crate::failure::{Ended, Usage};
use crate::output::{Output, field};

/// Decisions on items
#[derive(Debug, Args)]
pub(crate) struct Review {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what waits for your decision
    List,
    /// Approve an item
    Approve(Decision),
    /// Return an item to its author for changes (退回修改)
    Return(Decision),
    /// Reject an item (不予采用)
    Reject(Decision),
}

#[derive(Debug, Args)]
struct Decision {
    /// Id of the item
    id: String,
    /// Hash of what you have read, as `review list` and `item show` print it; its first 8 digits are enough
    #[arg(long)]
    hash: String,
    /// Why; returning and rejecting need one
    #[arg(long)]
    reason: Option<String>,
    /// None of the seven prohibited kinds of content is in it (七类声明)
    #[arg(long)]
    declare: bool,
    /// Clause that the secrecy review rests on; what it concludes follows from the decision (保密审查依据)
    #[arg(long, value_name = "TEXT")]
    basis: Option<String>,
    /// How it was given, when you write it down for somebody: `paper` or `phone`
    #[arg(long, requires = "of")]
    mode: Option<String>,
    /// Whose decision you write down
    #[arg(long, value_name = "PERSON", requires = "mode")]
    of: Option<String>,
    /// Hash of an upload that shows it (`POST /api/v1/media`)
    #[arg(long, value_name = "SHA256")]
    evidence: Vec<String>,
}

impl Decision {
    fn body(&self, verdict: &str, hash: &str) -> Value {
        let conclusion = match verdict {
            "approve" => "may_publish",
            "return" => "publish_after_redaction",
            _ => "must_not",
        };
        let secrecy = self.basis.as_ref().map(|basis| json!({"conclusion": conclusion, "basis": basis}));
        without_nulls(json!({
            "decision": verdict, "hash": hash, "reason": self.reason, "declaration": self.declare,
            "secrecy": secrecy, "mode": self.mode, "on_behalf_of": self.of, "evidence": self.evidence,
        }))
    }
}

impl Review {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        at_server(&self.server, async |client| self.command.run(client, output).await)
    }
}

impl Command {
    async fn run(self, client: &Client, output: Output) -> Result<()> {
        let (verdict, decision) = match self {
            Self::List => {
                let answer = client.get("/api/v1/items?waiting_for=me").await?;
                return output.answer(&answer.body, table);
            }
            Self::Approve(decision) => ("approve", decision),
            Self::Return(decision) => ("return", decision),
            Self::Reject(decision) => ("reject", decision),
        };
        let answer = decide(client, verdict, &decision).await?;
        output.answer(&answer, card)
    }
}

async fn decide(client: &Client, verdict: &str, decision: &Decision) -> Result<Value> {
    let path = format!("/api/v1/items/{}", segment(&decision.id)?);
    let item = client.get(&path).await?;
    let hash = field(&item.body, "/hash");
    // A prefix saves typing; what goes to the daemon is the whole hash, and the daemon compares once more.
    if decision.hash.len() < 8 || !hash.starts_with(&decision.hash) {
        bail!(Usage(format!(
            "item {} now has hash {hash}, not {}: read it again with `juzhen item show {}`",
            decision.id, decision.hash, decision.id
        )));
    }
    let body = decision.body(verdict, &hash);
    let key = fresh_key()?;
    let with = With { key: Some(&key), if_match: item.etag.as_deref() };
    Ok(client.post_with(&format!("{path}/decisions"), &body, with).await?.body)
}
