//! An adapter's file, read once and then out of everybody's reach.
//!
//! What was checked is what runs: the bytes are copied into a sealed memory file, and only that is ever mapped. The
//! file on disk may be overwritten, cut or removed afterwards without any effect (F81, S13).

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use juzhen_abi::ENTRY_SYMBOL;
use juzhen_abi::message::Manifest;
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use sha2::{Digest as _, Sha256};

use crate::hex::to_hex;
use crate::lane::Identity;
use crate::refused::LoadRefused;
use crate::{elf, peek};

/// A library with everything it carries is some megabytes.
const LARGEST: u64 = 64 << 20;

/// A checked adapter file. Cloning shares the memory.
#[derive(Debug, Clone)]
pub struct SealedLibrary {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file_name: String,
    sha256: String,
    size: u64,
    manifest: Manifest,
    manifest_text: Vec<u8>,
    needed: Vec<String>,
    memory: OwnedFd,
}

impl SealedLibrary {
    /// Reads and checks the whole file. None of its code runs, and it is not mapped. Blocking: some milliseconds.
    ///
    /// # Errors
    /// A folder or file that others could write, no regular file, one that is too big, changes meanwhile, or is no adapter.
    pub fn read(path: &Path) -> Result<Self, LoadRefused> {
        check_folder(path)?;
        let mut file = open_regular(path)?;
        let before = file.metadata().map_err(unreadable)?;
        check_owner("the file", &before)?;
        if before.size() > LARGEST {
            return Err(LoadRefused::TooBig { size: before.size(), limit: LARGEST });
        }
        let mut bytes = Vec::new();
        (&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let after = file.metadata().map_err(unreadable)?;
        let state = |m: &std::fs::Metadata| (m.size(), m.mtime(), m.mtime_nsec());
        if state(&before) != state(&after) || bytes.len() as u64 != after.size() {
            return Err(LoadRefused::Truncated("it changed while it was read".into()));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Self::from_bytes(name.unwrap_or_default(), &bytes)
    }

    /// As [`Self::read`], for bytes that are in memory already.
    ///
    /// # Errors
    /// Bytes that are no library of this machine, or have no usable manifest.
    pub fn from_bytes(file_name: String, bytes: &[u8]) -> Result<Self, LoadRefused> {
        let needed = elf::check(bytes, ENTRY_SYMBOL)?;
        let (manifest, text) = peek::manifest_and_text(bytes)?;
        let memory = seal(bytes).map_err(|e| LoadRefused::Unreadable(format!("no private copy: {e}")))?;
        let inner = Inner {
            file_name,
            sha256: to_hex(&Sha256::digest(bytes)),
            size: bytes.len() as u64,
            manifest,
            manifest_text: text.to_vec(),
            needed,
            memory,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Lower-case hexadecimal SHA-256 of the content: what identifies an adapter.
    pub fn sha256(&self) -> &str {
        &self.inner.sha256
    }

    /// What the file says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// Name of the file, without its folder.
    pub fn file_name(&self) -> &str {
        &self.inner.file_name
    }

    /// The exact text of the manifest.
    pub(crate) fn manifest_text(&self) -> &[u8] {
        &self.inner.manifest_text
    }

    /// Libraries it names, all of them among [`elf::ALLOWED_LIBRARIES`].
    pub(crate) fn needed(&self) -> &[String] {
        &self.inner.needed
    }

    /// The memory file with its bytes.
    pub(crate) fn memory(&self) -> &OwnedFd {
        &self.inner.memory
    }

    /// Identity with what only the loaded code can say.
    pub(crate) fn identity(&self, flags: u32, build_info: String) -> Identity {
        Identity {
            sha256: self.inner.sha256.clone(),
            file_name: self.inner.file_name.clone(),
            size: self.inner.size,
            flags,
            build_info,
        }
    }
}

/// Opens without waiting: a FIFO or a device in the folder must not hang the daemon.
fn open_regular(path: &Path) -> Result<File, LoadRefused> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| unreadable(e.into()))?;
    let file = File::from(opened);
    let kind = file.metadata().map_err(unreadable)?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    Err(LoadRefused::NotAFile(if kind.is_dir() { "a directory" } else { "a pipe, socket or device" }.into()))
}

/// Whoever can write the folder can swap the file. Both the folder that was named and, through links, the real one.
fn check_folder(path: &Path) -> Result<(), LoadRefused> {
    let real = path.canonicalize().map_err(unreadable)?;
    for folder in [path, real.as_path()].map(folder_of) {
        let meta = folder.metadata().map_err(unreadable)?;
        check_owner(&format!("its folder {}", folder.display()), &meta)?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// S14. In a sticky folder (`/tmp`) others cannot replace a file, so it may be writable.
fn check_owner(what: &str, meta: &std::fs::Metadata) -> Result<(), LoadRefused> {
    const WORLD_WRITABLE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let own = rustix::process::geteuid().as_raw();
    if meta.uid() != own && meta.uid() != 0 {
        return Err(LoadRefused::Unprotected(format!("{what} belongs to user {}", meta.uid())));
    }
    if meta.mode() & WORLD_WRITABLE != 0 && !(meta.is_dir() && meta.mode() & STICKY != 0) {
        return Err(LoadRefused::Unprotected(format!("{what} is world-writable")));
    }
    Ok(())
}

/// A memory file that nobody can change any more, or, where the system forbids those to be executable, a private
/// copy without a name.
fn seal(bytes: &[u8]) -> io::Result<OwnedFd> {
    sealed_memory(bytes).or_else(|_| private_copy(bytes))
}

fn sealed_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the EXEC flag and do not need it.
    let memory = rustix::fs::memfd_create(c"juzhen-adapter", flags | MemfdFlags::EXEC)
        .or_else(|_| rustix::fs::memfd_create(c"juzhen-adapter", flags))?;
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    file.rewind()?;
    rustix::fs::fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    Ok(file.into())
}

fn private_copy(bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    // Without a name nobody finds it, so it may be readable: a child of root's daemon is another user.
    let copy = rustix::fs::open(std::env::temp_dir(), flags, Mode::RUSR | Mode::RGRP | Mode::ROTH)?;
    let mut file = File::from(copy);
    file.write_all(bytes)?;
    // Read-only from here on: the writable descriptor is closed when this function ends.
    Ok(File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?.into())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: io::Error) -> LoadRefused {
    LoadRefused::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_copy_hold_the_bytes_and_take_no_more() {
        for (kind, copy) in [("sealed", sealed_memory(b"abc")), ("private", private_copy(b"abc"))] {
            let mut file = File::from(copy.unwrap());
            let mut found = Vec::new();
            file.read_to_end(&mut found).unwrap();
            assert_eq!(found, b"abc", "{kind}");
            assert!(file.write_all(b"d").is_err(), "{kind} could be written");
        }
    }
}
