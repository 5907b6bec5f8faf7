//! `--database URL`: the embedded database in a file, or one on a PostgreSQL server that other daemons share.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use juzhen_engine::failpoint::Failpoints;
use juzhen_settings::Loader;
use juzhen_store::{Hook, Postgres, PostgresOptions, Sqlite, SqliteOptions, Store, StoreError};
use tracing::warn;

use crate::failure::Usage;

/// Where the database is.
#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf),
    /// And how this daemon calls itself there.
    Server {
        url: String,
        node: String,
    },
}

impl fmt::Debug for Place {
    /// The address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            Self::Server { node, .. } => f.debug_struct("Server").field("node", node).finish_non_exhaustive(),
        }
    }
}

impl Place {
    /// Reads `--database`, for a daemon of this name.
    pub(crate) fn read(url: &str, node: String) -> Result<Self, Usage> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => Ok(Self::Server { url: url.to_owned(), node }),
            _ => file_of(url).map(Self::File),
        }
    }

    /// The file of an embedded one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Server { .. } => None,
        }
    }
}

/// How a daemon calls itself that was given no name.
pub(crate) fn name_of_machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Opens it.
pub(super) fn open(
    place: &Place,
    config: &Path,
    group: Option<usize>,
    failpoints: &Arc<Failpoints>,
) -> Result<Arc<dyn Store>> {
    match place {
        Place::File(file) => Ok(Arc::new(open_file(file, config, group, failpoints)?)),
        Place::Server { url, node } => Ok(Arc::new(open_server(url, node, group)?)),
    }
}

fn open_server(url: &str, node: &str, group: Option<usize>) -> Result<Postgres> {
    let usual = PostgresOptions { node: Some(node.to_owned()), ..PostgresOptions::default() };
    let options = PostgresOptions { group: group.unwrap_or(usual.group), ..usual };
    match Postgres::open(url, &options) {
        Err(error @ StoreError::InUse { .. }) => Err(error).context(format!(
            "a daemon named {node} works on this database already: name this one with --node NAME, or stop that one"
        )),
        opened => opened.context("could not open the database"),
    }
}

fn open_file(
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
fn file_of(url: &str) -> Result<PathBuf, Usage> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err(Usage("--database sqlite:PATH names no file".to_owned()));
            }
            Ok(PathBuf::from(path))
        }
        // The address may hold a password, so it is not repeated.
        _ => Err(Usage("--database takes sqlite:PATH or postgres://USER@HOST/NAME".to_owned())),
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
    fn a_file_or_a_server_is_taken() {
        assert_eq!(file_of("sqlite:data/x.db").unwrap(), Path::new("data/x.db"));
        assert_eq!(file_of("sqlite:///var/x.db").unwrap(), Path::new("/var/x.db"));
        for bad in ["sqlite:", "mysql://root:secret@h/x", "x.db", ""] {
            let refused = file_of(bad).unwrap_err().to_string();
            assert!(refused.contains("sqlite:PATH") && !refused.contains("secret"), "{refused}");
        }
        let server = Place::read("postgres://u:secret@h/x", name_of_machine()).unwrap();
        assert!(server.file().is_none() && !format!("{server:?}").contains("secret"));
        assert_eq!(folder_of(Path::new("x.db")), Path::new("."));
        assert_eq!(folder_of(Path::new("/a/x.db")), Path::new("/a"));
    }
}
