//! The data folder: one daemon at a time, nobody else's eyes (P18, F36, C47).

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

/// A data folder that this process alone works in, until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    // The lock lives in the open file; the kernel lets go of it when the process is gone, also after kill -9.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if there is none, looks at who may read it, and takes the lock.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        make_private(path)?;
        refuse_open_to_others(path)?;
        let path = fs::canonicalize(path).with_context(|| format!("could not open {}", path.display()))?;
        let lock = take_lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Where the embedded database of a data folder is.
pub(crate) fn database_in(data: &Path) -> PathBuf {
    data.join("juzhen.db")
}

/// A folder only its owner may enter, and those above it.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let attempted = || format!("could not make the folder {}", path.display());
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(attempted)?;
    give_to_owner_above(path)
}

/// What root makes in a folder of the daemon's user is that user's: a token or a secret it cannot read is of no use.
pub(crate) fn give_to_owner_above(made: &Path) -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let attempted = || format!("could not give {} to the owner of its folder", made.display());
    let above = made.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = fs::metadata(above).with_context(attempted)?;
    chown(made, Some(owner.uid()), Some(owner.gid())).with_context(attempted)
}

fn refuse_open_to_others(path: &Path) -> Result<()> {
    let mode = fs::metadata(path).with_context(|| format!("could not look at {}", path.display()))?;
    let mode = mode.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        bail!("other people may enter the data folder {shown} (mode {mode:04o}); run `chmod 700 {shown}`");
    }
    Ok(())
}

/// Who holds the lock, for the message of whoever comes second.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: jiff::Timestamp,
}

fn take_lock(data: &Path) -> Result<File> {
    let path = data.join("juzhen.lock");
    let failed = || format!("could not lock {}", path.display());
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
    let mut file = options.open(&path).with_context(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(in_use(data, &mut file)),
        Err(TryLockError::Error(cause)) => return Err(cause).with_context(failed),
    }
    let holder = Holder { pid: std::process::id(), since: jiff::Timestamp::now() };
    let line = serde_json::to_string(&holder).with_context(failed)?;
    file.set_len(0).and_then(|()| writeln!(file, "{line}")).with_context(failed)?;
    Ok(file)
}

fn in_use(data: &Path, file: &mut File) -> String {
    let data = data.display();
    match read_holder(file) {
        Some(Holder { pid, since }) => {
            format!(
                "the data folder {data} is in use by juzhen process {pid}, since {since}; stop that one first"
            )
        }
        None => format!("the data folder {data} is in use by another juzhen process; stop that one first"),
    }
}

/// The other one writes its name just after it has the lock, so a short wait is enough.
fn read_holder(file: &mut File) -> Option<Holder> {
    for _ in 0..10 {
        let mut text = String::new();
        file.rewind().ok()?;
        file.read_to_string(&mut text).ok()?;
        if let Ok(holder) = serde_json::from_str(&text) {
            return Some(holder);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f36_the_second_one_is_told_who_holds_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        let first = DataFolder::open(&data).unwrap();
        let refused = DataFolder::open(&data).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        DataFolder::open(&data).unwrap();
    }

    #[test]
    fn p18_a_name_longer_than_ours_is_overwritten_whole() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        make_private(&data).unwrap();
        fs::write(data.join("juzhen.lock"), "x".repeat(500)).unwrap();
        let _first = DataFolder::open(&data).unwrap();
        assert!(DataFolder::open(&data).unwrap_err().to_string().contains("process"));
    }

    #[test]
    fn c47_a_folder_that_others_may_enter_is_refused_with_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        DataFolder::open(&data).unwrap();
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        let refused = DataFolder::open(&data).unwrap_err().to_string();
        assert!(refused.contains("chmod 700") && refused.contains("0755"), "{refused}");
    }
}
