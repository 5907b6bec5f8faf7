//! `juzhen reload`, `stop` and `resume`: what is said to the whole daemon.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::item::without_nulls;
use super::{status, wait_for};
use crate::client::{Client, Refused, ServerArgs};
use crate::failure::Ended;
use crate::output::{Output, field};

/// Have the daemon read its configuration now, and say what came of it
#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// Apply a large change that waits for confirmation, by its revision
    #[arg(long, value_name = "REVISION")]
    confirm: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// STOP ALL: nothing is sent any more until two people lift it with `resume`
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Why, for everybody who asks later
    #[arg(value_name = "REASON", required_unless_present = "reason")]
    why: Option<String>,
    /// The same as an option
    #[arg(long, conflicts_with = "why")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Say that STOP ALL may be lifted; a second person has to say it too
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    server: ServerArgs,
}

impl Reload {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let client = Client::new(&self.server)?;
        match wait_for(client.post("/-/reload", &without_nulls(json!({"confirm": self.confirm})))) {
            Ok(answer) => {
                output.answer(&answer.body, words)?;
                Ok(Ended::Fine)
            }
            // The report is the answer: the settings that run are still good.
            Err(error) => match error.downcast::<Refused>() {
                Ok(refused) if refused.problem.get("faults").is_some() => {
                    output.answer(&refused.problem, not_applied)?;
                    Ok(Ended::Not)
                }
                Ok(refused) => Err(refused.into()),
                Err(error) => Err(error),
            },
        }
    }
}

impl Stop {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let client = Client::new(&self.server)?;
        let reason = self.why.or(self.reason);
        let answer = wait_for(client.post("/api/v1/stop", &json!({"reason": reason})))?;
        output.answer(&answer.body, status::stop)?;
        Ok(Ended::Fine)
    }
}

impl Resume {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let client = Client::new(&self.server)?;
        let answer = wait_for(client.post("/api/v1/stop/lift", &json!({})))?;
        output.answer(&answer.body, status::stop)?;
        Ok(Ended::Fine)
    }
}

fn words(body: &Value) -> String {
    let (result, revision) = (field(body, "/result"), field(body, "/revision"));
    format!("{result} {revision}").trim().to_owned()
}

/// The faults of refused settings, or the reasons why a large change waits.
fn not_applied(problem: &Value) -> String {
    let mut text = format!("{}: {}\n", field(problem, "/title"), field(problem, "/detail"));
    for fault in problem.get("faults").and_then(Value::as_array).into_iter().flatten() {
        if fault.is_object() {
            let place = ["/file", "/line", "/column"].map(|part| field(fault, part)).join(":");
            let suggestion = field(fault, "/suggestion");
            let suggestion = if suggestion.is_empty() { suggestion } else { format!("; {suggestion}") };
            text.push_str(&format!("{place}  {}{suggestion}\n", field(fault, "/message")));
        }
    }
    text
}
