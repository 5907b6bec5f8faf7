//! `juzhen backup` and `juzhen restore`: the embedded database as one file, and back.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use juzhen_store::{Backup as Made, Restored, back_up, restore};
use rustix::fs::Mode;
use rustix::process::umask;

use super::DataArgs;
use crate::failure::{Ended, Usage};
use crate::output::Output;
use crate::run::data::{DataFolder, database_in, give_to_owner_above, make_private};

/// Copy the database to one checked file, while the daemon runs or not
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to write; it must not exist. Default: backups/juzhen-TIME.db in the data folder
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Put a backup in the place of the database of a stopped daemon; the old one is kept aside
///
/// The next start sends nothing: STOP ALL is on, what may have been sent since the backup is looked for on the accounts, and
/// two people lift it once they have read `juzhen status`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

impl Backup {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        umask(Mode::from_raw_mode(0o077));
        let database = database_of(&self.data.or_default())?;
        let now = Timestamp::now();
        let to = match self.to {
            Some(to) => to,
            None => usual_place(&database, now)?,
        };
        let made =
            back_up(&database, &to, now).with_context(|| format!("could not write {}", to.display()))?;
        give_to_owner_above(&to)?;
        output.answer(&made, |made| format!("{}{}", made.file.display(), how_far(made)))?;
        Ok(Ended::Fine)
    }
}

impl Restore {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        umask(Mode::from_raw_mode(0o077));
        // Its lock keeps a daemon from starting meanwhile.
        let data = DataFolder::open(&self.data.or_default())?;
        let database = database_in(data.path());
        let restored = restore(&self.file, &database, Timestamp::now())
            .with_context(|| format!("could not restore {}; nothing was changed", self.file.display()))?;
        // Made by root, the daemon's user could not open them.
        for name in ["juzhen.db", "juzhen.db.lock", "juzhen.lock"] {
            give_to_owner_above(&data.path().join(name))?;
        }
        output.answer(&restored, told)?;
        Ok(Ended::Fine)
    }
}

/// The embedded database of a data folder.
fn database_of(data: &Path) -> Result<PathBuf> {
    let database = database_in(data);
    if !database.is_file() {
        bail!(Usage(format!(
            "there is no database in {}: name the data folder with --data DIR; a PostgreSQL database is copied with pg_dump",
            data.display()
        )));
    }
    Ok(database)
}

pub(crate) fn usual_place(database: &Path, now: Timestamp) -> Result<PathBuf> {
    let folder = database.with_file_name("backups");
    make_private(&folder)?;
    Ok(folder.join(format!("juzhen-{}.db", now.strftime("%Y%m%dT%H%M%S.%3fZ"))))
}

fn how_far(made: &Made) -> String {
    let newest = made.newest.map_or_else(|| "nothing yet".to_owned(), |at| format!("everything until {at}"));
    format!(": {newest}, {} KiB, checked", made.bytes >> 10)
}

fn told(restored: &Restored) -> String {
    let kept = match &restored.kept {
        Some(kept) => format!("\nthe database that was there is {}", kept.display()),
        None => String::new(),
    };
    format!(
        "restored {}{}{kept}\nthe next start sends nothing until two people have looked at what may have been sent since",
        restored.backup.file.display(),
        how_far(&restored.backup)
    )
}
