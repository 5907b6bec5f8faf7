//! `juzhen adapter replay`: a recorded operation run again without any platform.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use juzhen_testkit::{Library, cassette};
use serde_json::json;

use crate::failure::Ended;
use crate::output::Output;

/// Run recorded operations again, offline: the adapter has to make the same requests and say the same
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A cassette, or a folder of them
    cassette: PathBuf,
    /// The adapter; its code runs inside this command, so only one that you trust
    file: PathBuf,
}

impl Replay {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let file = self.file.canonicalize();
        let file = file.with_context(|| format!("could not find {}", self.file.display()))?;
        let replayed = cassette::replay(&Library::load(&file)?, &self.cassette)?;
        let document = json!({"cassettes": replayed, "file": self.file});
        output.answer(&document, |_| {
            format!("cassettes with the same requests and the same answer: {replayed}")
        })?;
        Ok(Ended::Fine)
    }
}
