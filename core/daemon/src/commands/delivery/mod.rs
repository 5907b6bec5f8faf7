//! `juzhen delivery`: 发布任务, and what a person does where the daemon must not decide.

mod page;

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
use crate::when::{self, clock};

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
        /// Only what waits for a person, what waits longest first
        #[arg(long)]
        attention: bool,
        /// Only deliveries in this state, such as in_doubt
        #[arg(long)]
        state: Option<String>,
        /// Only those of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Only those of this item
        #[arg(long, value_name = "ID")]
        item: Option<String>,
        /// How many
        #[arg(long, value_name = "N")]
        most: Option<u32>,
    },
    /// Show one delivery: why it is where it is, what was tried, and what you can do now
    Show {
        /// Id of the delivery
        id: String,
    },
    /// Have the daemon look for it on its account now; changes nothing
    Look {
        /// Id of the delivery
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
        /// Id of the delivery
        id: String,
        /// `now`, `+2h`, or a date and time with its offset
        #[arg(long, value_name = "TIME")]
        at: String,
        /// Never later than this
        #[arg(long, value_name = "TIME")]
        latest: Option<String>,
        /// Why; kept with your name
        #[arg(long)]
        reason: Option<String>,
    },
    Resolve(Resolve),
}

#[derive(Debug, Args)]
struct Act {
    /// Id of the delivery
    id: String,
    /// Why; needed to hold and to cancel, and kept with your name
    #[arg(long)]
    reason: Option<String>,
}

/// Say what you have found on the account, where nobody else can
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("found").required(true).args(["published", "not_published", "retry"])))]
struct Resolve {
    /// Id of the delivery
    id: String,
    /// It is out, at this address of its platform (or under this id of the platform)
    #[arg(long, value_name = "URL")]
    published: Option<String>,
    /// It is not out, and is not to be sent again; the daemon looks once more before it believes that
    #[arg(long)]
    not_published: bool,
    /// It is not out: send it again. Takes a reason, and the daemon looks once more before it does
    #[arg(long)]
    retry: bool,
    /// Why; kept with your name
    #[arg(long, required_if_eq("retry", "true"))]
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
            Self::List { attention, state, account, item, most } => {
                let most = most.map(|n| n.to_string());
                let list = if attention { "attention" } else { "deliveries" };
                let asked = query(&[
                    ("state", state.as_deref()),
                    ("account", account.as_deref()),
                    ("item", item.as_deref()),
                    ("limit", most.as_deref()),
                ])?;
                let answer = client.get(&format!("/api/v1/{list}{asked}")).await?;
                return output.answer(&answer.body, if attention { waiting } else { table_text });
            }
            Self::Show { id } => {
                let answer = client.get(&format!("/api/v1/deliveries/{}", segment(&id)?)).await?;
                return output.answer(&answer.body, page::page);
            }
            Self::Look { id } => {
                let path = format!("/api/v1/deliveries/{}/look", segment(&id)?);
                let answer = client.post(&path, &json!({})).await?;
                return output.answer(&answer.body, seen);
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
        output.answer(&answer.body, page::page)
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
        // An id of a platform has no scheme.
        let (url, platform_id) = match &self.published {
            Some(place) if place.contains("://") => (Some(place), None),
            place => (None, place.as_ref()),
        };
        json!({"found": found, "url": url, "platform_id": platform_id, "reason": self.reason})
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

/// What waits for a person, with how much there is of each kind.
fn waiting(body: &Value) -> String {
    let mut counts = Table::new(["件数", "状态", "原因"]);
    for count in listed(body, "counts") {
        counts.row(["/deliveries", "/state_zh", "/reason_zh"].map(|part| field(count, part)));
    }
    let mut table = Table::new(["编号", "账号", "状态", "原定时间", "原因"]);
    let mut any = false;
    for delivery in listed(body, "deliveries") {
        any = true;
        let [id, account, state] = ["/id", "/account", "/state_zh"].map(|part| field(delivery, part));
        table.row([id, account, state, clock(&field(delivery, "/due_at")), field(delivery, "/reason_zh")]);
    }
    if !any {
        return "没有需要人工处理的发布任务\n".to_owned();
    }
    format!("{counts}\n{table}\n查看一条：juzhen delivery show 编号\n")
}

fn seen(body: &Value) -> String {
    let mut text = format!("{}\n", field(body, "/means_zh"));
    for name in ["url", "platform_id", "detail"] {
        let value = field(body, &format!("/{name}"));
        if !value.is_empty() {
            text.push_str(&format!("  {value}\n"));
        }
    }
    text
}

fn table_text(body: &Value) -> String {
    table(body).to_string()
}
