//! `juzhen item`: 稿件, from submitting to taking down.

mod file;
mod history;

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
    /// Write a draft or a returned item anew and hand it in; what was approved of other texts no longer counts
    Revise {
        /// Id of the item
        id: String,
        #[command(flatten)]
        body: ItemArgs,
    },
    /// Hand in a draft or a returned item as it is
    HandIn {
        /// Id of the item
        id: String,
        /// None of the seven prohibited kinds of content is in it (七类声明)
        #[arg(long)]
        declare: bool,
    },
    /// Mend an item that is with the office; with --minor its approvals go along
    CopyEdit {
        /// Id of the item
        id: String,
        #[command(flatten)]
        body: ItemArgs,
        /// Only punctuation, space and format, ten signs at most
        #[arg(long)]
        minor: bool,
    },
    /// Put an item under another procedure (改划程序)
    Reclassify {
        /// Id of the item
        id: String,
        /// P1 to P5
        #[arg(long, value_name = "PROCEDURE")]
        to: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Merge an item into one that says it already (并稿)
    Merge {
        /// Id of the item
        id: String,
        /// Id of the one that goes on
        #[arg(long, value_name = "ID")]
        into: String,
    },
    /// Take an item off the plan; it may be scheduled anew
    Unschedule {
        /// Id of the item
        id: String,
    },
    /// Put aside what of an item is not out yet (暂缓)
    Hold(Reasoned),
    /// Let go on what was put aside
    Release {
        /// Id of the item
        id: String,
    },
    /// Say that a published item should not be out (撤稿); the administrators of its accounts are told to delete it
    Retract(Reasoned),
    /// Ask those above what the secrecy review cannot decide (提请上级认定)
    ReferUp(Reasoned),
    /// Show every text that an item had, and what was decided on it
    History {
        /// Id of the item
        id: String,
    },
    /// Print the review sheet of an item as a page to print and sign (审核单)
    Sheet {
        /// Id of the item
        id: String,
    },
}

#[derive(Debug, Args)]
struct Reasoned {
    /// Id of the item
    id: String,
    /// Why; kept with your name
    #[arg(long)]
    reason: String,
}

/// What an item says
#[derive(Debug, Args)]
struct ItemArgs {
    /// The item as Markdown or YAML, with its pictures beside it; the other options then only add to it
    #[arg(value_name = "FILE")]
    document: Option<PathBuf>,
    /// The whole request as JSON (`-`: standard input); the other options then only add to it
    #[arg(long, value_name = "FILE", conflicts_with = "document")]
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
    /// What it states beside its texts, such as info_nature=convenience or stage_no=2
    #[arg(long = "fact", value_name = "NAME=VALUE")]
    facts: Vec<String>,
    /// You have checked that none of the seven prohibited kinds of content is in it (七类声明)
    #[arg(long)]
    declare: bool,
    /// Only keep it; hand it in later with `item hand-in`
    #[arg(long)]
    draft: bool,
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
                client.post_with("/api/v1/items", &body.read(client).await?, with).await?
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
            Self::Revise { id, body } => {
                changed(client, Method::PUT, &id, "/content", &body.read(client).await?).await?
            }
            Self::HandIn { id, declare } => {
                changed(client, Method::POST, &id, "/submit", &json!({"declaration": declare})).await?
            }
            Self::CopyEdit { id, body, minor } => {
                let read = body.read(client).await?;
                let texts = without_nulls(json!({
                    "variants": read.get("variants"), "targets": read.get("targets"), "minor": minor,
                }));
                changed(client, Method::POST, &id, "/copy-edit", &texts).await?
            }
            Self::Reclassify { id, to, reason } => {
                let body = without_nulls(json!({"to": to, "reason": reason}));
                changed(client, Method::POST, &id, "/reclassify", &body).await?
            }
            Self::Merge { id, into } => {
                changed(client, Method::POST, &id, "/merge", &json!({"into": into})).await?
            }
            Self::Unschedule { id } => changed(client, Method::POST, &id, "/unschedule", &json!({})).await?,
            Self::Release { id } => changed(client, Method::POST, &id, "/release", &json!({})).await?,
            Self::Hold(Reasoned { id, reason }) => {
                changed(client, Method::POST, &id, "/hold", &json!({"reason": reason})).await?
            }
            Self::Retract(Reasoned { id, reason }) => {
                changed(client, Method::POST, &id, "/retract", &json!({"reason": reason})).await?
            }
            Self::ReferUp(Reasoned { id, reason }) => {
                changed(client, Method::POST, &id, "/refer-up", &json!({"reason": reason})).await?
            }
            Self::History { id } => return history::show(client, output, &path(&id, "")?).await,
            Self::Sheet { id } => return history::sheet(client, output, &path(&id, "/sheet")?).await,
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
    async fn read(&self, client: &Client) -> Result<Value> {
        let mut body = match (&self.document, &self.file) {
            (Some(document), _) => file::read(client, document).await?,
            (None, Some(file)) => read_object(file)?,
            (None, None) => Map::new(),
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
        if !self.facts.is_empty() {
            let filing = body.entry("filing").or_insert_with(|| json!({}));
            for fact in &self.facts {
                state(filing, fact)?;
            }
        }
        for (name, said) in [("declaration", self.declare), ("draft", self.draft)] {
            if said {
                body.insert(name.to_owned(), json!(true));
            }
        }
        if !body.contains_key("variants") {
            bail!(Usage("say what it says: a Markdown or YAML file, or --text PLATFORM=TEXT".to_owned()));
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

/// One stated fact. The number of a stage is a number, everything else a text.
fn state(filing: &mut Value, fact: &str) -> Result<()> {
    let Some((name, value)) = fact.split_once('=') else {
        bail!(Usage(format!("--fact {fact:?}: write NAME=VALUE, such as info_nature=convenience")));
    };
    let number = (name == "stage_no").then(|| value.parse::<u32>().ok()).flatten();
    if let Some(fields) = filing.as_object_mut() {
        fields.insert(name.to_owned(), number.map_or_else(|| json!(value), |number| json!(number)));
    }
    Ok(())
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
    for name in ["id", "register_no", "state", "unit", "author", "column", "procedure", "version", "hash"] {
        let value = field(item, &format!("/{name}"));
        if !value.is_empty() {
            text.push_str(&format!("{name:<11} {value}\n"));
        }
    }
    for (platform, variant) in item.get("variants").and_then(Value::as_object).into_iter().flatten() {
        let title = field(variant, "/title");
        let title = if title.is_empty() { title } else { format!("【{title}】") };
        let words = variant.get("text").and_then(Value::as_str).unwrap_or_default();
        let lines: Vec<String> = words.lines().map(printable).collect();
        text.push_str(&format!("{platform:<11} {title}{}\n", lines.join(&format!("\n{:12}", ""))));
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
