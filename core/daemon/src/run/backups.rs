//! Backups that the API asks for: beside the database, where `juzhen backup` puts them too.

use std::error::Error;
use std::path::PathBuf;

use jiff::Timestamp;
use juzhen_server::Backups;
use juzhen_store::{Backup, back_up};

use crate::commands::backup::usual_place;

/// Of the embedded database in this file.
pub(super) struct OfFile(pub(super) PathBuf);

impl Backups for OfFile {
    fn make(&self, at: Timestamp) -> Result<Backup, Box<dyn Error + Send + Sync>> {
        let to = usual_place(&self.0, at)?;
        Ok(back_up(&self.0, &to, at)?)
    }
}
