//! `juzhen delegation`: who stands in for whom, and for how long.

use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{at_server, listed};
use crate::client::{ServerArgs, With, segment};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when::clock;

/// 授权代行: a role in other hands for some days
#[derive(Debug, Args)]
pub(crate) struct Delegation {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List those that concern oneself
    List,
    /// Delegate one's own role to somebody of the same unit and rank, or a higher one
    Give {
        /// Such as unit_head
        role: String,
        /// Id of who stands in
        to: String,
        /// The first day, such as 2026-06-01
        #[arg(long, value_name = "DAY")]
        from: String,
        /// The last day
        #[arg(long, value_name = "DAY")]
        until: String,
        #[arg(long)]
        reason: Option<String>,
        /// Name somebody for a post of this unit that nobody has, as director of the office
        #[arg(long, value_name = "UNIT", requires = "reason")]
        vacant: Option<String>,
    },
    /// Take one back
    End { id: String },
}

impl Delegation {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        at_server(&self.server, async |client| match self.command {
            Command::List => {
                let list = client.get("/api/v1/delegations").await?.body;
                output.answer(&list, table)
            }
            Command::Give { role, to, from, until, reason, vacant } => {
                let body = json!({
                    "role": role, "to": to, "from_day": from, "until_day": until, "reason": reason,
                    "vacant": vacant.is_some(), "unit": vacant,
                });
                let given = client.post("/api/v1/delegations", &body).await?.body;
                output.answer(&given, |one| line(one).join(" "))
            }
            Command::End { id } => {
                let path = format!("/api/v1/delegations/{}", segment(&id)?);
                let ended = client.send(Method::DELETE, &path, None, With::default()).await?.body;
                output.answer(&ended, |one| line(one).join(" "))
            }
        })
    }
}

fn table(list: &Value) -> String {
    let mut table = Table::new(["编号", "单位", "角色", "授权人", "代行人", "起", "止", "状态"]);
    listed(list, "delegations").for_each(|one| table.row(line(one)));
    table.to_string()
}

fn line(one: &Value) -> [String; 8] {
    let of = |part| field(one, part);
    let from = of("/from");
    let state = match (of("/holds").as_str(), of("/ended_at").is_empty()) {
        ("true", _) => "有效",
        (_, false) => "已收回",
        _ => "未生效或已过期",
    };
    [
        of("/id"),
        of("/unit"),
        of("/role_zh"),
        if from.is_empty() { "（岗位空缺）".to_owned() } else { from },
        of("/to"),
        clock(&of("/begins")),
        clock(&of("/ends")),
        state.to_owned(),
    ]
}
