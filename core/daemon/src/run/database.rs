//! `--database URL`: which database, and what can be said of those that are not there yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use juzhen_engine::failpoint::Failpoints;
use juzhen_settings::Loader;
use juzhen_store::{Hook, Sqlite, SqliteOptions, StoreError};
use tracing::warn;

use crate::failure::Usage;

/// Opens the embedded database.
pub(super) fn open(
    file: &Path,
    config: &Path,
    commit_group: Option<usize>,
    failpoints: &Arc<Failpoints>,
) -> Result<Sqlite> {
    let failpoints = Arc::clone(failpoints);
    let at_each_step = Hook(Arc::new(move || failpoints.reach("migrate.step_n")));
    let usual = SqliteOptions::default();
    let group = commit_group.unwrap_or(usual.group);
    let options = SqliteOptions { at_each_step, group, ..usual };
    let opened = match Sqlite::open(file, options.clone()) {
        // The settings are read before the database only when they are asked.
        Err(StoreError::SharedDisk { kind, .. }) if allows_shared_disk(config) => {
            warn!(
                kind,
                "The database is on a disk of another machine, as storage.allow_shared_disk says: its locks and its fsync may not hold"
            );
            Sqlite::open(file, SqliteOptions { shared_disk: true, ..options })
        }
        opened => opened,
    };
    opened.with_context(|| format!("could not open the database {}", file.display()))
}

fn allows_shared_disk(config: &Path) -> bool {
    let mut loader = Loader::new(config);
    // Faults elsewhere are told at the start itself.
    drop(loader.load(None));
    loader.storage().is_some_and(|storage| storage.allow_shared_disk)
}

/// The file of an embedded database.
pub(crate) fn file_of(url: &str) -> Result<PathBuf, Usage> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err(Usage("--database sqlite:PATH names no file".to_owned()));
            }
            Ok(PathBuf::from(path))
        }
        "postgres" | "postgresql" => Err(Usage(
            "PostgreSQL is not supported by this version; use --data DIR, or --database sqlite:PATH"
                .to_owned(),
        )),
        // The address may hold a password, so it is not repeated.
        _ => Err(Usage("--database takes sqlite:PATH".to_owned())),
    }
}

/// The folder for what belongs to a database and is not in it.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_embedded_database_is_taken() {
        assert_eq!(file_of("sqlite:data/x.db").unwrap(), Path::new("data/x.db"));
        assert_eq!(file_of("sqlite:///var/x.db").unwrap(), Path::new("/var/x.db"));
        for bad in ["sqlite:", "mysql://root:secret@h/x", "x.db", ""] {
            let refused = file_of(bad).unwrap_err().to_string();
            assert!(refused.contains("sqlite:PATH") && !refused.contains("secret"), "{refused}");
        }
        assert!(
            file_of("postgres://u:p@h/x").unwrap_err().to_string().contains("PostgreSQL is not supported")
        );
        assert_eq!(folder_of(Path::new("x.db")), Path::new("."));
        assert_eq!(folder_of(Path::new("/a/x.db")), Path::new("/a"));
    }
}
