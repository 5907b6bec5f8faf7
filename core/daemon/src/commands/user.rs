//! `juzhen user`: personal tokens for the API, made by whoever administers the machine.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use juzhen_domain::id::{PersonId, is_plain};
use serde_json::json;

use super::DataArgs;
use crate::failure::{Ended, Usage};
use crate::output::Output;
use crate::tokens::TokenFolder;

/// People's access to the API
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a personal token, shown this once; or take back all of a person's
    Token {
        /// Id of the person in units/*.yaml
        person: String,
        #[command(flatten)]
        data: DataArgs,
        /// How long it is good
        #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        /// Take back every token of this person instead
        #[arg(long, conflicts_with = "days")]
        revoke: bool,
    },
}

impl User {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Command::Token { person, data, days, revoke } = self.command;
        if !is_plain(&person) {
            bail!(Usage(format!("{person:?} is no person's id: letters, digits, `.`, `-` and `_` only")));
        }
        let (person, tokens) = (PersonId::from(person.as_str()), TokenFolder::in_data(&data.or_default()));
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
}
