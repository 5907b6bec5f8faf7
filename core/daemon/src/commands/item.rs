//! `juzhen item`: 稿件, from submitting to scheduling.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{at_server, listed};
use crate::client::{Answer, Client, ServerArgs, With, fresh_key, query, segment};
use crate::failure::{Ended, Usage};
use crate::output::{Output, field, printable};
use crate::table::Table;
use crate::when;

/// Items: what is to be said
#[derive(Debug, Args)]
pub(crate) struct Item {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hand in a new item
    Submit {
        #[command(flatten)]
        body: ItemArgs,
        /// Makes a repeated request harmless; default: a new key each time
        #[arg(long, value_name = "KEY")]
        once: Option<String>,
    },
    /// List items, newest first
    List {
        /// Only items in this state, such as pending_office
        #[arg(long)]
        state: Option<String>,
        /// Only items of this unit
        #[arg(long, value_name = "CODE")]
        unit: Option<String>,
        /// How many
        #[arg(long, value_name = "N")]
        most: Option<u32>,
    },
    /// Show one item with its decisions and deliveries
    Show {
        /// Id of the item
        id: String,
    },
    /// Set the time of an approved item
    Schedule {
        /// Id of the item
        id: String,
        /// `now`, `+2h`, or a date and time with its offset
        #[arg(long, value_name = "TIME")]
        at: String,
        /// Never later than this
        #[arg(long, value_name = "TIME")]
        latest: Option<String>,
    },
    /// Take an item back before it is published
    Withdraw {
        /// Id of the item
        id: String,
        /// Why; needed once it was approved, and kept with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Write a returned item anew and hand it in again; what was approved of other texts no longer counts
    Revise {
        /// Id of the item
        id: String,
        #[command(flatten)]
        body: ItemArgs,
    },
}

/// What an item says
#[derive(Debug, Args)]
struct ItemArgs {
    /// The whole request as JSON (`-`: standard input); the other options then only add to it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Text for a platform: PLATFORM=TEXT, or PLATFORM=@FILE
    #[arg(long = "text", value_name = "PLATFORM=TEXT")]
    texts: Vec<String>,
    /// Title of every text given with --text
    #[arg(long)]
    title: Option<String>,
    /// Account that it goes to beside those of the routes
    #[arg(long = "target", value_name = "ACCOUNT")]
    targets: Vec<String>,
    /// Column it belongs to, as columns.yaml names it
    #[arg(long)]
    column: Option<String>,
    /// P1 to P5
    #[arg(long)]
    procedure: Option<String>,
    /// Unit whose item it is, where you write for several
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,
}

impl Item {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        at_server(&self.server, async |client| self.command.run(client, output).await)
    }
}

impl Command {
    async fn run(self, client: &Client, output: Output) -> Result<()> {
        let answer = match self {
            Self::List { state, unit, most } => {
                let most = most.map(|n| n.to_string());
                let asked = query(&[
                    ("state", state.as_deref()),
                    ("unit", unit.as_deref()),
                    ("limit", most.as_deref()),
                ])?;
                let answer = client.get(&format!("/api/v1/items{asked}")).await?;
                return output.answer(&answer.body, table);
            }
            Self::Submit { body, once } => {
                let key = once.map_or_else(fresh_key, Ok)?;
                let with = With { key: Some(&key), ..With::default() };
                client.post_with("/api/v1/items", &body.read()?, with).await?
            }
            Self::Show { id } => client.get(&path(&id, "")?).await?,
            Self::Schedule { id, at, latest } => {
                let now = Timestamp::now();
                let latest = latest.map(|text| when::parse(&text, now)).transpose()?;
                let body = without_nulls(json!({"publish_at": when::parse(&at, now)?, "latest_at": latest}));
                changed(client, Method::POST, &id, "/schedule", &body).await?
            }
            Self::Withdraw { id, reason } => {
                changed(client, Method::POST, &id, "/withdraw", &without_nulls(json!({"reason": reason})))
                    .await?
            }
            Self::Revise { id, body } => changed(client, Method::PUT, &id, "/content", &body.read()?).await?,
        };
        output.answer(&answer.body, card)
    }
}

/// Changes an item as it is now, so that nothing is changed that somebody else has changed meanwhile.
async fn changed(client: &Client, method: Method, id: &str, action: &str, body: &Value) -> Result<Answer> {
    let seen = client.get(&path(id, "")?).await?;
    let key = fresh_key()?;
    let with = With { key: Some(&key), if_match: seen.etag.as_deref() };
    client.send(method, &path(id, action)?, Some(body), with).await
}

fn path(id: &str, action: &str) -> Result<String> {
    Ok(format!("/api/v1/items/{}{action}", segment(id)?))
}

impl ItemArgs {
    fn read(&self) -> Result<Value> {
        let mut body = match &self.file {
            None => Map::new(),
            Some(file) => read_object(file)?,
        };
        if !self.texts.is_empty() {
            body.insert("variants".to_owned(), Value::Object(self.variants()?));
        }
        if !self.targets.is_empty() {
            body.insert("targets".to_owned(), json!(self.targets));
        }
        for (name, value) in [("column", &self.column), ("procedure", &self.procedure), ("unit", &self.unit)]
        {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        if !body.contains_key("variants") {
            bail!(Usage("say what it says: --text PLATFORM=TEXT or --file FILE".to_owned()));
        }
        Ok(Value::Object(body))
    }

    fn variants(&self) -> Result<Map<String, Value>> {
        let mut variants = Map::new();
        for given in &self.texts {
            let Some((platform, text)) = given.split_once('=') else {
                bail!(Usage(format!("--text {given:?}: write PLATFORM=TEXT, such as weibo=通知")));
            };
            let text = match text.strip_prefix('@') {
                None => text.to_owned(),
                Some(file) => fs::read_to_string(file).with_context(|| format!("could not read {file}"))?,
            };
            let variant = without_nulls(json!({"title": self.title, "text": text}));
            if variants.insert(platform.to_owned(), variant).is_some() {
                bail!(Usage(format!("--text for {platform} is given twice")));
            }
        }
        Ok(variants)
    }
}

fn read_object(file: &std::path::Path) -> Result<Map<String, Value>> {
    let attempted = || format!("could not read an item from {}", file.display());
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).with_context(attempted)?;
    } else {
        text = fs::read_to_string(file).with_context(attempted)?;
    }
    serde_json::from_str(&text).with_context(attempted)
}

/// The API takes a missing field, not a null one, for "not said".
pub(crate) fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// Items as a list.
pub(crate) fn table(body: &Value) -> Table {
    let mut table = Table::new(["id", "unit", "author", "state", "hash", "title"]);
    for item in listed(body, "items") {
        table.row([
            field(item, "/id"),
            field(item, "/unit"),
            field(item, "/author"),
            field(item, "/state"),
            short(&field(item, "/hash")),
            field(item, "/heading"),
        ]);
    }
    table
}

/// One item with everything that was decided on it.
pub(crate) fn card(item: &Value) -> String {
    let mut text = String::new();
    for name in ["id", "state", "unit", "author", "column", "procedure", "version", "hash"] {
        let value = field(item, &format!("/{name}"));
        if !value.is_empty() {
            text.push_str(&format!("{name:<10} {value}\n"));
        }
    }
    for (platform, variant) in item.get("variants").and_then(Value::as_object).into_iter().flatten() {
        let title = field(variant, "/title");
        let title = if title.is_empty() { title } else { format!("【{title}】") };
        let words = variant.get("text").and_then(Value::as_str).unwrap_or_default();
        let lines: Vec<String> = words.lines().map(printable).collect();
        text.push_str(&format!("{platform:<10} {title}{}\n", lines.join(&format!("\n{:11}", ""))));
    }
    let mut decisions = Table::new(["decided by", "step", "decision", "at", "reason"]);
    let mut any = false;
    for decision in item.get("decisions").and_then(Value::as_array).into_iter().flatten() {
        any = true;
        decisions.row(["/person", "/step", "/decision", "/at", "/reason"].map(|part| field(decision, part)));
    }
    if any {
        text.push_str(&format!("\n{decisions}"));
    }
    if item.get("deliveries").and_then(Value::as_array).is_some_and(|all| !all.is_empty()) {
        text.push_str(&format!("\n{}", super::delivery::table(item)));
    }
    text
}

/// The first digits of a hash: enough to tell two versions apart.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
