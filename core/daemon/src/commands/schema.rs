//! `juzhen schema`: JSON schemas of the configuration files, for completion and hints in editors.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use crate::failure::Ended;
use crate::output::Output;

/// Write the JSON schemas of the configuration files into a folder
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Folder to write to; made if it does not exist
    dir: PathBuf,
}

impl Schema {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let written = juzhen_settings::schema(&self.dir)
            .with_context(|| format!("could not write the schemas to {}", self.dir.display()))?;
        output.answer(&json!({"written": written}), |_| {
            written.iter().map(|path| format!("{}\n", path.display())).collect::<String>()
        })?;
        Ok(Ended::Fine)
    }
}
