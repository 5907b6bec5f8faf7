//! The disk under the database file: whether it belongs to this machine, how much room is left, and the ballast that is
//! let go when there is none.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate, statfs, statvfs};

use super::error::failed;
use crate::error::StoreError;

/// File systems of other machines, by the number that `statfs` gives. Their locks do not hold between machines, and their
/// `fsync` may answer before the disk has it, so an embedded database loses what it promised (F26).
const SHARED: &[(u32, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x0102_1997, "9P"),
    (0x786f_4256, "a folder of the host of this virtual machine"),
];

/// Refuses a database on a disk of another machine.
pub(super) fn refuse_shared(database: &Path) -> Result<(), StoreError> {
    let folder = folder_of(database);
    let found =
        statfs(folder).map_err(|e| failed("look at the disk", format!("{}: {e}", folder.display())))?;
    match shared(found.f_type) {
        None => Ok(()),
        Some(kind) => Err(StoreError::SharedDisk { path: database.display().to_string(), kind }),
    }
}

/// `f_type` is signed on some machines, and only its lower 32 bits are the number.
fn shared(magic: i64) -> Option<&'static str> {
    let magic = u32::try_from(magic & 0xffff_ffff).unwrap_or_default();
    SHARED.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

/// Bytes that the file may still grow by.
pub(super) fn free(database: &Path) -> Result<u64, StoreError> {
    let folder = folder_of(database);
    let found =
        statvfs(folder).map_err(|e| failed("look at the disk", format!("{}: {e}", folder.display())))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

pub(super) fn folder_of(database: &Path) -> &Path {
    database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Room that is kept for the results of sends under way: a file beside the database that holds nothing (P17).
pub(super) struct Ballast {
    database: PathBuf,
    file: PathBuf,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of it.
    Laid(u64),
    /// There never was room for it.
    Without,
    /// Let go: until it is there again, only results are written.
    LetGo { looked: Instant, size: u64 },
}

/// 256 sends at the same time, each with an answer and its receipt, in pages of the log.
const WHOLE: u64 = 8 << 20;
/// Its share of what is free when it is made, so that it never is what fills a small disk.
const SHARE: u64 = 8;
/// Less is of no use.
const LEAST: u64 = 128 << 10;
/// Between two looks at a full disk.
const PAUSE: Duration = Duration::from_secs(1);

impl Ballast {
    pub(super) fn lay(database: &Path) -> Self {
        let mut ballast =
            Self { database: database.to_owned(), file: beside(database), state: State::Without };
        ballast.try_to_lay();
        ballast
    }

    /// Room for results only: the ballast was let go and cannot be made again yet. Looks at the disk once a second.
    pub(super) fn is_let_go(&mut self) -> bool {
        let State::LetGo { looked, size } = self.state else { return false };
        if looked.elapsed() >= PAUSE {
            self.state = State::LetGo { looked: Instant::now(), size };
            self.try_to_lay();
        }
        !matches!(self.state, State::Laid(_))
    }

    /// The disk is full. `true` when that made some room.
    pub(super) fn let_go(&mut self) -> bool {
        let looked = Instant::now();
        match self.state {
            State::Without => false,
            State::LetGo { size, .. } => {
                self.state = State::LetGo { looked, size };
                false
            }
            State::Laid(size) => {
                self.state = State::LetGo { looked, size };
                remove(&self.file)
            }
        }
    }

    fn try_to_lay(&mut self) {
        // What it let go itself is no sign of room: a share of that would be laid, eaten, let go, and so on to nothing.
        let least = match self.state {
            State::LetGo { size, .. } => LEAST.max(size / 2),
            State::Laid(_) | State::Without => LEAST,
        };
        match make(&self.database, &self.file, least) {
            Ok(Some(size)) => {
                if matches!(self.state, State::LetGo { .. }) {
                    tracing::info!("There is room on the disk again: everything is written again");
                }
                self.state = State::Laid(size);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, file = %self.file.display(), "Could not keep room for results on the disk");
                remove(&self.file);
            }
        }
    }
}

/// A start that finds the disk full takes the ballast of the run before.
pub(super) fn let_go_of_an_old_one(database: &Path) -> bool {
    remove(&beside(database))
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".ballast");
    PathBuf::from(path)
}

/// Its size in bytes; `None` when there is too little room for one of `least` bytes.
fn make(database: &Path, file: &Path, least: u64) -> std::io::Result<Option<u64>> {
    // One of the run before counts as room, so that it does not shrink with every start.
    let old = std::fs::metadata(file).map_or(0, |m| m.len());
    let room = free(database).map_err(std::io::Error::other)?.saturating_add(old);
    let size = WHOLE.min(room / SHARE);
    if size < least {
        return Ok(None);
    }
    let file = File::options().create(true).truncate(false).write(true).open(file)?;
    file.set_len(size)?;
    fallocate(&file, FallocateFlags::empty(), 0, size)?;
    Ok(Some(size))
}

fn remove(file: &Path) -> bool {
    match std::fs::remove_file(file) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            tracing::error!(%error, file = %file.display(), "Could not let go of the ballast");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f26_disks_of_other_machines_are_known_however_the_number_is_signed() {
        assert_eq!(shared(0x6969), Some("NFS"));
        assert_eq!(shared(0xff53_4d42), Some("SMB"));
        assert_eq!(shared(i64::from(0xfe53_4d42_u32.cast_signed())), Some("SMB"));
        assert_eq!(shared(0xef53), None, "ext4");
        refuse_shared(&std::env::temp_dir().join("x.db")).unwrap();
    }

    #[test]
    fn p17_the_ballast_takes_real_room_and_gives_it_back_once() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let mut ballast = Ballast::lay(&database);
        let file = folder.path().join("x.db.ballast");
        let taken = std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(&file).unwrap()) * 512;
        assert!(taken >= LEAST, "{taken}");
        assert!(!ballast.is_let_go());
        assert!(ballast.let_go());
        assert!(!file.exists());
        assert!(!ballast.let_go(), "there is nothing left to let go of");
        assert!(ballast.is_let_go(), "it is looked at once a second");
        std::thread::sleep(PAUSE);
        assert!(!ballast.is_let_go());
        assert!(file.exists());
    }
}
