//! The command line: one file per noun, every command with `--json`.

mod account;
mod adapter;
pub(crate) mod backup;
mod check;
mod control;
mod count;
mod delegation;
mod delivery;
mod item;
mod lint;
mod login;
mod message;
mod node;
mod notice;
mod plan;
mod post;
mod procedure;
mod restored;
mod review;
mod run;
mod sandbox;
mod schema;
pub(crate) mod secret;
mod status;
mod unit;
mod user;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use serde_json::Value;
use tokio::runtime::Builder;

use crate::client::{Client, ServerArgs};
use crate::demo;
use crate::failure::{Ended, conclude};
use crate::output::Output;

/// Reads the arguments, does what they say, and gives the exit code: 0 fine, 1 no, 2 asked wrongly.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    conclude(cli.command.run(output), output)
}

/// Juzhen (矩阵): one daemon for all official accounts of a district
#[derive(Debug, Parser)]
#[command(name = "juzhen", version, propagate_version = true)]
struct Cli {
    /// Print exactly one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Run(run::Run),
    Check(check::Check),
    Plan(plan::Plan),
    Schema(schema::Schema),
    Count(count::Count),
    Lint(lint::Lint),
    Unit(unit::Unit),
    Adapter(adapter::Adapter),
    Account(account::Account),
    Post(post::Post),
    Notice(notice::Notice),
    Message(message::Message),
    Node(node::Node),
    Item(item::Item),
    Review(review::Review),
    Procedure(procedure::Procedure),
    Delegation(delegation::Delegation),
    Delivery(delivery::Delivery),
    Status(status::Status),
    Reload(control::Reload),
    Stop(control::Stop),
    Resume(control::Resume),
    Login(login::Login),
    Logout(login::Logout),
    User(user::User),
    Secret(secret::Secret),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Restored(restored::Restored),
    Sandbox(sandbox::Sandbox),
}

impl Command {
    fn run(self, output: Output) -> Result<Ended> {
        match self {
            Self::Demo(command) => command.run(output),
            Self::Run(command) => command.run(output),
            Self::Check(command) => command.run(output),
            Self::Plan(command) => command.run(output),
            Self::Schema(command) => command.run(output),
            Self::Count(command) => command.run(output),
            Self::Lint(command) => command.run(output),
            Self::Unit(command) => command.run(output),
            Self::Adapter(command) => command.run(output),
            Self::Account(command) => command.run(output),
            Self::Post(command) => command.run(output),
            Self::Notice(command) => command.run(output),
            Self::Message(command) => command.run(output),
            Self::Node(command) => command.run(output),
            Self::Item(command) => command.run(output),
            Self::Review(command) => command.run(output),
            Self::Procedure(command) => command.run(output),
            Self::Delegation(command) => command.run(output),
            Self::Delivery(command) => command.run(output),
            Self::Status(command) => command.run(output),
            Self::Reload(command) => command.run(output),
            Self::Stop(command) => command.run(output),
            Self::Resume(command) => command.run(output),
            Self::Login(command) => command.run(output),
            Self::Logout(command) => command.run(output),
            Self::User(command) => command.run(output),
            Self::Secret(command) => command.run(output),
            Self::Backup(command) => command.run(output),
            Self::Restore(command) => command.run(output),
            Self::Restored(command) => command.run(output),
            Self::Sandbox(command) => command.run(),
        }
    }
}

/// Where the daemon keeps what must survive.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Folder of the database, tokens and secrets, made if it does not exist; default: juzhen-data
    #[arg(long, env = "JUZHEN_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

impl DataArgs {
    pub(crate) fn or_default(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from("juzhen-data"))
    }
}

/// Runs a command that waits for answers: one thread is enough for it.
fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("could not start the asynchronous runtime")?.block_on(work)
}

/// Runs a command that talks to the running daemon.
fn at_server(server: &ServerArgs, work: impl AsyncFnOnce(&Client) -> Result<()>) -> Result<Ended> {
    let client = Client::new(server)?;
    wait_for(work(&client))?;
    Ok(Ended::Fine)
}

/// The things of a list in an answer of the API.
fn listed<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = body.get(name).unwrap_or(body);
    list.as_array().into_iter().flatten()
}
