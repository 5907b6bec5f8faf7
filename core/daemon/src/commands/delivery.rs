//! `juzhen delivery`: 发布任务, and what a person does where the daemon must not decide.

use anyhow::Result;
use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::item::without_nulls;
use super::{at_server, listed};
use crate::client::{Client, ServerArgs, With, fresh_key, query, segment};
use crate::failure::Ended;
use crate::output::{Output, field};
use crate::table::Table;
use crate::when;

/// Deliveries: one item on one account
#[derive(Debug, Args)]
pub(crate) struct Delivery {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List deliveries, newest first
    List {
        #[arg(long)]
        state: Option<String>,
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        #[arg(long, value_name = "ID")]
        item: Option<String>,
        /// How many
        #[arg(long, value_name = "N")]
        most: Option<u32>,
    },
    /// Show one delivery with its attempts and effects
    Show {
        id: String,
    },
    /// Keep it from being sent
    Hold(Act),
    /// Let a held one go on
    Release(Act),
    /// Give it up
    Cancel(Act),
    /// Give it another time
    Reschedule {
        id: String,
        /// `now`, `+2h`, or a date and time with its offset
        #[arg(long, value_name = "TIME")]
        at: String,
        /// Never later than this
        #[arg(long, value_name = "TIME")]
        latest: Option<String>,
        #[arg(long)]
        reason: Option<String>,
    },
    Resolve(Resolve),
}

#[derive(Debug, Args)]
struct Act {
    id: String,
    #[arg(long)]
    reason: Option<String>,
}

/// Say what you have found on the account, where nobody else can
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("found").required(true).args(["published", "not_published", "retry"])))]
struct Resolve {
    id: String,
    /// It is out, at this address
    #[arg(long, value_name = "URL")]
    published: Option<String>,
    /// It is not out, and is not to be sent again
    #[arg(long)]
    not_published: bool,
    /// It is not out: send it again
    #[arg(long)]
    retry: bool,
    #[arg(long)]
    reason: Option<String>,
}

impl Delivery {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        at_server(&self.server, async |client| self.command.run(client, output).await)
    }
}

impl Command {
    async fn run(self, client: &Client, output: Output) -> Result<()> {
        let (id, action, body) = match self {
            Self::List { state, account, item, most } => {
                let most = most.map(|n| n.to_string());
                let asked = query(&[
                    ("state", state.as_deref()),
                    ("account", account.as_deref()),
                    ("item", item.as_deref()),
                    ("limit", most.as_deref()),
                ])?;
                let answer = client.get(&format!("/api/v1/deliveries{asked}")).await?;
                return output.answer(&answer.body, table);
            }
            Self::Show { id } => {
                let answer = client.get(&format!("/api/v1/deliveries/{}", segment(&id)?)).await?;
                return output.answer(&answer.body, card);
            }
            Self::Hold(Act { id, reason }) => (id, "hold", json!({"reason": reason})),
            Self::Release(Act { id, reason }) => (id, "release", json!({"reason": reason})),
            Self::Cancel(Act { id, reason }) => (id, "cancel", json!({"reason": reason})),
            Self::Reschedule { id, at, latest, reason } => {
                let now = Timestamp::now();
                let latest = latest.map(|text| when::parse(&text, now)).transpose()?;
                let due = when::parse(&at, now)?;
                (id, "reschedule", json!({"due_at": due, "latest_at": latest, "reason": reason}))
            }
            Self::Resolve(resolve) => {
                let body = resolve.body();
                (resolve.id, "resolve", body)
            }
        };
        let path = format!("/api/v1/deliveries/{}", segment(&id)?);
        let seen = client.get(&path).await?;
        let key = fresh_key()?;
        let with = With { key: Some(&key), if_match: seen.etag.as_deref() };
        let answer = client.post_with(&format!("{path}/{action}"), &without_nulls(body), with).await?;
        output.answer(&answer.body, card)
    }
}

impl Resolve {
    fn body(&self) -> Value {
        let found = if self.published.is_some() {
            "published"
        } else if self.retry {
            "retry"
        } else {
            "not_published"
        };
        json!({"found": found, "url": self.published, "reason": self.reason})
    }
}

/// Deliveries as a list.
pub(crate) fn table(body: &Value) -> Table {
    let mut table = Table::new(["id", "account", "platform", "state", "due", "where or why"]);
    for delivery in listed(body, "deliveries") {
        let url = field(delivery, "/receipt/url");
        table.row([
            field(delivery, "/id"),
            field(delivery, "/account"),
            field(delivery, "/platform"),
            field(delivery, "/state"),
            field(delivery, "/due_at"),
            if url.is_empty() { field(delivery, "/reason") } else { url },
        ]);
    }
    table
}

fn card(delivery: &Value) -> String {
    let mut text = String::new();
    for name in [
        "id",
        "item",
        "account",
        "platform",
        "kind",
        "route",
        "state",
        "reason",
        "due_at",
        "latest_at",
        "next_at",
        "tries",
        "receipt/url",
        "receipt/platform_id",
    ] {
        let value = field(delivery, &format!("/{name}"));
        if !value.is_empty() {
            text.push_str(&format!("{name:<20} {value}\n"));
        }
    }
    if delivery.get("resumes") == Some(&Value::Bool(true)) {
        text.push_str(&format!(
            "{:<20} an attempt broke off midway; the next one goes on from there\n",
            "resumes"
        ));
    }
    let attempts = delivery.get("attempts").and_then(Value::as_array);
    if let Some(attempts) = attempts.filter(|all| !all.is_empty()) {
        let mut table = Table::new(["attempt", "started", "ended", "outcome", "detail"]);
        for attempt in attempts {
            let parts = ["/number", "/started_at", "/ended_at", "/outcome", "/detail"];
            table.row(parts.map(|part| field(attempt, part)));
        }
        text.push_str(&format!("\n{table}"));
    }
    text
}
