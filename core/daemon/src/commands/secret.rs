//! `juzhen secret`: puts a platform's secret where the daemon finds it, without showing it to a shell's history.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use juzhen_domain::id::is_plain;
use serde_json::json;

use super::DataArgs;
use crate::failure::{Ended, Usage};
use crate::output::Output;
use crate::run::data::{give_to_owner_above, make_private};

/// Longer than any platform's secret; a wrong file on stdin is noticed.
const LONGEST: u64 = 64 << 10;

/// Secrets of the accounts: named in YAML as `file:NAME`, kept apart from it
#[derive(Debug, Args)]
pub(crate) struct Secret {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep a secret; its value is read from standard input
    Set {
        /// The NAME of `file:NAME` in YAML
        name: String,
        /// Folder of the secrets; default: `secrets` in the data folder
        #[arg(long, value_name = "DIR")]
        secrets: Option<PathBuf>,
        #[command(flatten)]
        data: DataArgs,
    },
}

impl Secret {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        let Command::Set { name, secrets, data } = self.command;
        let folder = secrets.unwrap_or_else(|| secrets_in(&data.or_default()));
        let mut value = String::new();
        let read = io::stdin().take(LONGEST + 1).read_to_string(&mut value);
        read.context("could not read the secret from standard input")?;
        set(&folder, &name, &value)?;
        output.answer(&json!({"name": name, "folder": folder}), |_| format!("kept {name}"))?;
        Ok(Ended::Fine)
    }
}

/// Where the secrets of a data folder are.
pub(crate) fn secrets_in(data: &Path) -> PathBuf {
    data.join("secrets")
}

/// Writes a secret beside its place and moves it in, so that a reader sees the old or the new one, never half.
pub(crate) fn set(folder: &Path, name: &str, value: &str) -> Result<()> {
    if !is_plain(name) {
        bail!(Usage(format!("{name:?} is no secret name: letters, digits, `.`, `-` and `_` only")));
    }
    // The line feed of `echo` or of an editor is not part of it.
    let value = value.strip_suffix('\n').unwrap_or(value);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        bail!(Usage(format!("the value of {name} is empty: give it on standard input")));
    }
    if value.len() as u64 > LONGEST {
        bail!(Usage(format!("the value of {name} is longer than {LONGEST} bytes")));
    }
    make_private(folder)?;
    let attempted = || format!("could not keep the secret {name} in {}", folder.display());
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    write_private(&beside, value).with_context(attempted)?;
    give_to_owner_above(&beside)?;
    fs::rename(&beside, folder.join(name)).with_context(attempted)
}

fn write_private(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(value.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_kept_for_its_owner_alone_and_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("secrets");
        set(&folder, "w000.token", "first and longer\n").unwrap();
        set(&folder, "w000.token", "second\r\n").unwrap();
        let file = folder.join("w000.token");
        assert_eq!(fs::read_to_string(&file).unwrap(), "second");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        for (name, value) in [("../x", "v"), ("a/b", "v"), ("ok", "\n"), (".hidden", "v")] {
            assert!(set(&folder, name, value).unwrap_err().is::<Usage>(), "{name}");
        }
    }
}
