//! `juzhen secret`: secrets of the accounts, kept sealed in the database; said to the running daemon by a system
//! administrator, or written straight into the data folder of one that does not run.

mod file;
mod offline;

use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use juzhen_domain::id::AccountId;
use juzhen_engine::{LONGEST_SECRET, Secret as Hidden};
use reqwest::Method;
use serde_json::{Value, json};

use super::{DataArgs, listed, wait_for};
use crate::client::{Client, ServerArgs, With, segment};
use crate::failure::{Ended, Usage};
use crate::output::{Output, field};
use crate::run::prepare_process;
use crate::table::Table;
use crate::when::clock;

pub(crate) use file::{secrets_in, write as write_file};
use offline::Offline;

/// Secrets of the accounts: named in YAML as `vault:NAME`, kept sealed in the database
///
/// With --token-file the running daemon is asked, as a person with the role sysadmin. Without it the data folder of a daemon
/// that does not run is written, or the PostgreSQL database that --database names, beside daemons that run.
#[derive(Debug, Args)]
pub(crate) struct Secret {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep a secret, or give it another value, which is read from standard input
    Set {
        /// The NAME of `vault:NAME` in YAML
        name: String,
        /// Only calls of this account get it; may be said several times. Default: as it is, at first every account that names it
        #[arg(long, value_name = "ID", value_parser = account)]
        account: Vec<AccountId>,
        /// Bind it to no account any more
        #[arg(long, conflicts_with = "account")]
        any_account: bool,
        /// Write it in clear as a file of this folder instead, which `file:NAME` names
        #[arg(long, value_name = "DIR", conflicts_with_all = ["account", "any_account"])]
        secrets: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// List every secret that is kept, and every one that YAML names; never a value
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Forget a secret
    Remove {
        name: String,
        /// Although an account names it, which cannot publish then
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Put every secret under a new master key; values stay as they are
    Rotate {
        #[command(flatten)]
        place: Place,
    },
}

/// Where the secrets are when no daemon is asked.
#[derive(Debug, Clone, Args)]
struct Place {
    #[command(flatten)]
    data: DataArgs,
    /// A PostgreSQL database: postgres://USER@HOST/NAME
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// File of the master key; default: as `juzhen run` has it
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Folder of district.yaml; default: the settings that ran last
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Ask no daemon, also with a token file
    #[arg(long)]
    offline: bool,
}

impl Secret {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        prepare_process()?;
        let server = self.server;
        match self.command {
            Command::Set { name, secrets: Some(folder), .. } => {
                let value = read_value(&name)?;
                write_file(&folder, &name, value.expose())?;
                output.answer(&json!({"name": name, "folder": folder}), |_| format!("kept {name}"))?;
            }
            Command::Set { name, account, any_account, place, .. } => {
                let value = read_value(&name)?;
                let bound = (any_account || !account.is_empty()).then_some(account);
                let kept = match asked(&server, &place)? {
                    Some(client) => wait_for(set_through(&client, &name, &value, bound))?,
                    None => {
                        wait_for(offline::with(&place, async |vault| vault.set(&name, &value, bound).await))?
                    }
                };
                output.answer(&kept, told)?;
            }
            Command::List { place } => {
                let list = match asked(&server, &place)? {
                    Some(client) => wait_for(client.get("/api/v1/secrets"))?.body,
                    None => wait_for(offline::with(&place, Offline::list))?,
                };
                output.answer(&list, table)?;
            }
            Command::Remove { name, force, place } => {
                let removed = match asked(&server, &place)? {
                    Some(client) => wait_for(remove_through(&client, &name, force))?,
                    None => wait_for(offline::with(&place, async |vault| vault.remove(&name, force).await))?,
                };
                output.answer(&removed, |_| format!("removed {name}"))?;
            }
            Command::Rotate { place } => {
                let rotated = match asked(&server, &place)? {
                    Some(client) => wait_for(client.post("/api/v1/master-key/rotate", &json!({})))?.body,
                    None => wait_for(offline::with(&place, Offline::rotate))?,
                };
                output.answer(&rotated, rotated_words)?;
            }
        }
        Ok(Ended::Fine)
    }
}

/// The daemon, when somebody says who asks it.
fn asked(server: &ServerArgs, place: &Place) -> Result<Option<Client>> {
    let is_offline = place.offline || server.token_file.is_none();
    if is_offline { Ok(None) } else { Client::new(server).map(Some) }
}

async fn set_through(
    client: &Client,
    name: &str,
    value: &Hidden,
    bound: Option<Vec<AccountId>>,
) -> Result<Value> {
    let path = format!("/api/v1/secrets/{}", segment(name)?);
    let mut body = json!({ "value": value.expose() });
    if let (Some(accounts), Some(body)) = (bound, body.as_object_mut()) {
        body.insert("accounts".to_owned(), json!(accounts));
    }
    Ok(client.send(Method::PUT, &path, Some(&body), With::default()).await?.body)
}

async fn remove_through(client: &Client, name: &str, force: bool) -> Result<Value> {
    let path = format!("/api/v1/secrets/{}/remove", segment(name)?);
    Ok(client.post(&path, &json!({ "force": force })).await?.body)
}

fn account(text: &str) -> Result<AccountId, String> {
    let is_plain = juzhen_domain::id::is_plain(text);
    is_plain.then(|| AccountId::from(text)).ok_or_else(|| "no account's id looks like this".to_owned())
}

fn read_value(name: &str) -> Result<Hidden> {
    let mut value = String::new();
    let most = LONGEST_SECRET as u64 + 3;
    let read = io::stdin().take(most).read_to_string(&mut value);
    let value = Hidden::new(value);
    read.context("could not read the secret from standard input")?;
    // The line feed of `echo` or of an editor is not part of it.
    let text = value.expose();
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.len() {
        0 => bail!(Usage(format!("the value of {name} is empty: give it on standard input"))),
        length if length > LONGEST_SECRET => {
            bail!(Usage(format!("the value of {name} is longer than {LONGEST_SECRET} bytes")))
        }
        _ => Ok(Hidden::new(text)),
    }
}

fn told(kept: &Value) -> String {
    let of = |part| field(kept, part);
    let mut text = format!("kept {}, value number {}", of("/name"), of("/version"));
    let bound: Vec<String> = listed(kept, "bound_to").map(|id| field(id, "")).collect();
    if !bound.is_empty() {
        text.push_str(&format!(", for {} only", bound.join(", ")));
    }
    if of("/state") == "unused" {
        text.push_str(&format!("\nno account names it yet: write `vault:{}` under its secrets", of("/name")));
    }
    text
}

fn table(list: &Value) -> String {
    let mut table = Table::new(["名称", "状态", "使用", "绑定", "存入", "指纹", "主密钥", "说明"]);
    let joined = |one: &Value, name: &str, part: &str| -> String {
        let all: Vec<String> = listed(one, name).map(|entry| field(entry, part)).collect();
        all.join(" ")
    };
    let mut any = false;
    for one in listed(list, "secrets") {
        any = true;
        let of = |part| field(one, part);
        let set = format!("{} {}", clock(&of("/set_at")), of("/set_by"));
        let users = listed(one, "used_by").map(|user| {
            let account = field(user, "/account");
            if account.is_empty() { field(user, "/as") } else { account }
        });
        let users: Vec<String> = users.collect();
        table.row([
            of("/name"),
            of("/state_zh"),
            users.join(" "),
            joined(one, "bound_to", ""),
            set.trim().to_owned(),
            of("/fingerprint"),
            of("/key"),
            of("/problem"),
        ]);
    }
    let problem = field(list, "/problem");
    let head = if problem.is_empty() { String::new() } else { format!("主密钥不可用：{problem}\n") };
    if any { format!("{head}{table}") } else { format!("{head}没有密钥\n") }
}

fn rotated_words(rotated: &Value) -> String {
    let of = |part| field(rotated, part);
    format!(
        "{} given and {} handed out are now under key {} in {}\ncopy it to a safe place, apart from the backups; backups from \
         before need key {}",
        of("/given"),
        of("/captured"),
        of("/to"),
        of("/place"),
        of("/from")
    )
}
