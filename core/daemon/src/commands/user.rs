//! `juzhen user`: who may come in. Whoever administers the machine mints a first link and sessions there; everything else is
//! said to the running daemon by a security administrator, or by people about their own keys.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::id::{PersonId, is_plain};
use reqwest::Method;
use rustix::process::getuid;
use serde_json::{Value, json};

use super::{DataArgs, at_server, listed};
use crate::client::{ServerArgs, With, segment};
use crate::failure::{Ended, Usage};
use crate::output::{Output, field};
use crate::table::Table;
use crate::tokens::TokenFolder;
use crate::when::clock;

/// A link that was made on the machine is good for so long (C14).
const FIRST_LINK: SignedDuration = SignedDuration::from_mins(15);

/// People's access: invitations, sessions minted on this machine, keys of scripts
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a one-time link by which a person sets a password and a second factor
    ///
    /// With --token-file the running daemon is asked, as a person with the role security_admin, and the link is good for 72
    /// hours. Without it, whoever can write to the data folder makes one that is good for 15 minutes: for the first
    /// administrator.
    Invite {
        /// Id of the person in units/*.yaml
        person: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Mint a session of a person on this machine, shown this once; or take back all of them
    ///
    /// For whoever can write to the data folder, and for this machine's scripts that act as people. Its first use is in the
    /// audit. People sign in with `juzhen login`.
    Token {
        /// Id of the person in units/*.yaml
        person: String,
        #[command(flatten)]
        data: DataArgs,
        /// How long it is good
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=90))]
        days: u16,
        /// Take back every token of this person instead
        #[arg(long, conflicts_with = "days")]
        revoke: bool,
    },
    /// List everybody of the settings with how they stand
    List,
    /// Put a person out: every session and key is over at once
    Disable {
        person: String,
        #[arg(long)]
        reason: String,
    },
    /// Let a person in again
    Enable { person: String },
    /// Forget a person's wrong tries
    Unlock { person: String },
    /// Keys of scripts, which decide nothing
    #[command(subcommand)]
    Key(Key),
}

#[derive(Debug, Subcommand)]
enum Key {
    /// Make a key for oneself, shown this once
    Create {
        /// What it is for
        name: String,
        /// read, submit or audit; may be said several times
        #[arg(long, required = true, value_name = "SCOPE")]
        scope: Vec<String>,
        /// How long it is good
        #[arg(long, value_name = "N", default_value_t = 90)]
        days: u32,
        /// Requests in a minute
        #[arg(long, value_name = "N", default_value_t = 120)]
        per_minute: u32,
    },
    /// List one's own keys; a security administrator everybody's
    List,
    /// Take a key back
    Revoke { id: String },
}

impl User {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let server = &self.server;
        match self.command {
            Command::Invite { person, data } if server.token_file.is_none() => {
                invite_here(&person, &data, output)
            }
            Command::Invite { person, .. } => at_server(server, async |client| {
                let body = json!({ "person": person_id(&person)? });
                let invited = client.post("/api/v1/invitations", &body).await?.body;
                output.answer(&invited, invitation)
            }),
            Command::Token { person, data, days, revoke } => token(&person, &data, days, revoke, output),
            Command::List => at_server(server, async |client| {
                let people = client.get("/api/v1/people").await?.body;
                output.answer(&people, people_table)
            }),
            Command::Disable { person, reason } => {
                set(server, output, &person, "disable", &json!({ "reason": reason }))
            }
            Command::Enable { person } => set(server, output, &person, "enable", &json!({})),
            Command::Unlock { person } => set(server, output, &person, "unlock", &json!({})),
            Command::Key(key) => key.run(server, output),
        }
    }
}

impl Key {
    fn run(self, server: &ServerArgs, output: Output) -> Result<Ended> {
        at_server(server, async |client| match self {
            Self::Create { name, scope, days, per_minute } => {
                let body = json!({ "name": name, "scopes": scope, "days": days, "per_minute": per_minute });
                let created = client.post("/api/v1/keys", &body).await?.body;
                // The token alone, so that `> FILE` writes a token file.
                output.answer(&created, |created| field(created, "/token"))
            }
            Self::List => {
                let keys = client.get("/api/v1/keys").await?.body;
                output.answer(&keys, keys_table)
            }
            Self::Revoke { id } => {
                let path = format!("/api/v1/keys/{}", segment(&id)?);
                let revoked = client.send(Method::DELETE, &path, None, With::default()).await?.body;
                output.answer(&revoked, |key| {
                    format!("took back {} of {}", field(key, "/name"), field(key, "/person"))
                })
            }
        })
    }
}

fn invite_here(person: &str, data: &DataArgs, output: Output) -> Result<Ended> {
    let person = person_id(person)?;
    let folder = TokenFolder::in_data(&data.or_default());
    let by = format!("uid:{}", getuid().as_raw());
    let made = folder.invite(&person, &by, FIRST_LINK, Timestamp::now())?;
    let document =
        json!({ "person": person, "token": made.text, "link": null, "expires_at": made.expires_at });
    output.answer(&document, invitation)?;
    Ok(Ended::Fine)
}

fn token(person: &str, data: &DataArgs, days: u16, revoke: bool, output: Output) -> Result<Ended> {
    let (person, tokens) = (person_id(person)?, TokenFolder::in_data(&data.or_default()));
    if revoke {
        let revoked = tokens.revoke(&person)?;
        let document = json!({"person": person, "revoked": revoked});
        output.answer(&document, |_| format!("took back {revoked} of {person}'s tokens"))?;
    } else {
        let token = tokens.create(&person, days, Timestamp::now())?;
        let document = json!({"person": person, "token": token.text, "expires_at": token.expires_at});
        // The token alone, so that `juzhen user token off.hg > token` writes a token file.
        output.answer(&document, |_| token.text.clone())?;
    }
    Ok(Ended::Fine)
}

fn set(server: &ServerArgs, output: Output, person: &str, what: &str, body: &Value) -> Result<Ended> {
    let person = person_id(person)?;
    at_server(server, async |client| {
        let answer = client.post(&format!("/api/v1/people/{person}/{what}"), body).await?.body;
        output.answer(&answer, |one| format!("{} {}", field(one, "/person"), field(one, "/state_zh")))
    })
}

fn person_id(person: &str) -> Result<PersonId> {
    if !is_plain(person) {
        bail!(Usage(format!("{person:?} is no person's id: letters, digits, `.`, `-` and `_` only")));
    }
    Ok(PersonId::from(person))
}

fn invitation(invited: &Value) -> String {
    let of = |part| field(invited, part);
    let link = of("/link");
    let shown = if link.is_empty() { of("/token") } else { link };
    let (person, until) = (of("/person"), clock(&of("/expires_at")));
    format!("{shown}\n{person} 用它设置密码和动态验证码，{until} 前有效，只能用一次：juzhen login --accept")
}

fn people_table(list: &Value) -> String {
    let mut table = Table::new(["人员", "姓名", "单位", "状态", "最近登录", "说明"]);
    for one in listed(list, "people") {
        let of = |part| field(one, part);
        let used = of("/used_at");
        let used = if used.is_empty() { used } else { clock(&used) };
        table.row([of("/person"), of("/name"), of("/unit"), of("/state_zh"), used, of("/reason")]);
    }
    table.to_string()
}

fn keys_table(list: &Value) -> String {
    let mut table = Table::new(["编号", "人员", "用途", "范围", "到期", "最近使用"]);
    for one in listed(list, "keys") {
        let of = |part| field(one, part);
        let scopes: Vec<String> = listed(one, "scopes").map(|scope| field(scope, "")).collect();
        let used = of("/used_at");
        let used = if used.is_empty() { "—".to_owned() } else { clock(&used) };
        table.row([of("/id"), of("/person"), of("/name"), scopes.join(" "), clock(&of("/expires_at")), used]);
    }
    table.to_string()
}
