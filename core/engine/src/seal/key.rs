//! The master key: where it lies, how it is read and made, and how a new one takes its place.
//!
//! The new key is a file beside the old one (`master.key.new`), on disk before anything is sealed under it. The database says
//! which of the two holds. So whatever ends in the middle of a change of the key, one of the two files opens everything, and
//! the next start puts the right one in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Where the key is.
#[derive(Clone)]
pub enum MasterKey {
    /// A file of 64 hexadecimal digits. Made when there is none and nothing was ever sealed.
    File {
        path: PathBuf,
        /// The key that the database knows is lost: forget what was sealed under it.
        anew: bool,
    },
    /// The same, handed over by whoever starts the daemon, as systemd does. It is never made or replaced here.
    Credential { path: PathBuf, anew: bool },
    /// For tests and simulations.
    Fixed([u8; 32]),
}

/// Bytes of a nonce, which stands before what is sealed.
const NONCE: usize = 24;

/// A master key, ready to seal.
pub(crate) struct Key {
    cipher: XChaCha20Poly1305,
    /// What fingerprints begin with.
    pub(super) salt: Zeroizing<[u8; 32]>,
    /// A hash of it, which may be seen.
    pub(crate) name: String,
}

/// The key could not be read, made or replaced.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}", path.display())]
pub struct KeyFileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl MasterKey {
    /// The same without giving up another key.
    pub(super) fn to_keep(&self) -> Self {
        match self.clone() {
            Self::File { path, .. } => Self::File { path, anew: false },
            Self::Credential { path, .. } => Self::Credential { path, anew: false },
            fixed @ Self::Fixed(_) => fixed,
        }
    }

    pub(super) fn is_anew(&self) -> bool {
        matches!(self, Self::File { anew: true, .. } | Self::Credential { anew: true, .. })
    }

    /// What to say when it is not the right one.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File { path, .. } | Self::Credential { path, .. } => path.display().to_string(),
            Self::Fixed(_) => "the given key".to_owned(),
        }
    }

    /// The key that the database knows by this name, if it is here; else the one that is. `Err` says what to do.
    pub(super) fn load(&self, known: Option<&str>) -> Result<Key, String> {
        let (path, may_make) = match self {
            Self::Fixed(bytes) => return Ok(Key::of(bytes)),
            Self::File { path, anew } => (path, *anew || known.is_none()),
            Self::Credential { path, .. } => (path, false),
        };
        let told = |error: KeyFileError| crate::with_causes(&error);
        let here = self.read(path).map_err(told)?;
        let is_known = |key: &Key| known.is_none_or(|known| known == key.name);
        if let Some(key) = here.as_deref().map(Key::of).filter(is_known) {
            return Ok(key);
        }
        // A change of the key ended after the database had it.
        if let Some(key) = self.read(&self.next_path(path)).map_err(told)?.as_deref().map(Key::of)
            && known.is_some()
            && is_known(&key)
        {
            self.take_next().map_err(told)?;
            return Ok(key);
        }
        match here {
            Some(bytes) => Ok(Key::of(&bytes)),
            None if may_make => make(path).map_err(told).map(|bytes| Key::of(&bytes)),
            None => Err(missing(path, known.is_some())),
        }
    }

    /// The key that is to take its place: the one that lies beside it, or a new one.
    ///
    /// # Errors
    /// A file that cannot be read or made, a credential that nobody has handed over.
    pub(super) fn next(&self) -> Result<Key, KeyFileError> {
        let path = match self {
            Self::File { path, .. } | Self::Credential { path, .. } => self.next_path(path),
            Self::Fixed(_) => {
                return Err(bad(Path::new("the given key"), "replace", "it is no file"));
            }
        };
        match (self.read(&path)?, self) {
            (Some(bytes), _) => Ok(Key::of(&bytes)),
            (None, Self::File { .. }) => make(&path).map(|bytes| Key::of(&bytes)),
            (None, _) => {
                let why = "the service manager has to hand the new key over as well: see the unit file";
                Err(bad(&path, "find", why))
            }
        }
    }

    /// Puts the new key in its place; the old one stays beside it under its name, for backups from before. Nothing to do for a
    /// credential, which is not ours to change, and where somebody has done it.
    pub(super) fn take_next(&self) -> Result<(), KeyFileError> {
        let Self::File { path, .. } = self else { return Ok(()) };
        let failed = |source| KeyFileError { action: "replace the key file", path: path.clone(), source };
        if let Some(old) = self.read(path)?.as_deref().map(Key::of) {
            // A second name for the same file: at no moment is there none in the place itself. Another daemon with the same
            // file may be at it, too.
            match fs::hard_link(path, beside(path, &format!("{}.old", old.name))) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
                _ => {}
            }
        }
        match fs::rename(self.next_path(path), path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        sync_folder_of(path).map_err(failed)
    }

    fn next_path(&self, path: &Path) -> PathBuf {
        match self {
            // Credentials have names without dots and beginnings.
            Self::Credential { .. } => PathBuf::from(format!("{}-new", path.display())),
            _ => beside(path, "new"),
        }
    }

    fn read(&self, path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, KeyFileError> {
        let failed = |action, source| KeyFileError { action, path: path.to_owned(), source };
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read the key file", error)),
        };
        let mode = fs::metadata(path).map_err(|error| failed("look at the key file", error))?.mode();
        // Who may read a credential is systemd's care: its folder is the service's alone, and its mode shows an access list.
        if mode & 0o077 != 0 && !matches!(self, Self::Credential { .. }) {
            return Err(bad(path, "use the key file", "other people may read it; run `chmod 600` on it"));
        }
        match digits(text.trim_end()) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(bad(path, "use the key file", "it is not 64 hexadecimal digits")),
        }
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, anew } => {
                f.debug_struct("File").field("path", path).field("anew", anew).finish()
            }
            Self::Credential { path, anew } => {
                f.debug_struct("Credential").field("path", path).field("anew", anew).finish()
            }
            Self::Fixed(_) => f.write_str("***"),
        }
    }
}

impl Key {
    pub(super) fn of(bytes: &[u8; 32]) -> Self {
        let derived = |purpose: &[u8]| -> Zeroizing<[u8; 32]> {
            Zeroizing::new(Sha256::new().chain_update(purpose).chain_update(bytes).finalize().into())
        };
        let (cipher, salt) = (derived(b"juzhen seal 1\0"), derived(b"juzhen fingerprint 1\0"));
        let name = juzhen_domain::hash::hex(derived(b"juzhen key name 1\0").get(..8).unwrap_or_default());
        Self { cipher: XChaCha20Poly1305::new((&*cipher).into()), salt, name }
    }

    /// The same for values; fingerprints begin with another salt.
    pub(super) fn with_salt(self, salt: Zeroizing<[u8; 32]>) -> Self {
        Self { salt, ..self }
    }

    /// `place` is what the sealed bytes are bound to. `None`: the operating system gave no randomness.
    pub(super) fn seal(&self, place: &[u8], clear: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload { msg: clear, aad: place };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// `None`: sealed under another key or for another place, or changed.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, msg) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg, aad: place };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }
}

fn missing(path: &Path, was_sealed: bool) -> String {
    if !was_sealed {
        return format!("{} is missing: the service manager has to hand it over", path.display());
    }
    format!(
        "{} is missing, and the database is sealed under a key: put it back (every daemon on one database needs the same) \
         and restart, or, if it is lost, start once with --new-master-key, after which those accounts sign in again",
        path.display()
    )
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    PathBuf::from(name)
}

fn bad(path: &Path, action: &'static str, why: &str) -> KeyFileError {
    let source = io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    KeyFileError { action, path: path.to_owned(), source }
}

/// Exactly 64 hexadecimal digits.
fn digits(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    for (place, byte) in bytes.iter_mut().enumerate() {
        let pair = text.get(2 * place..2 * place + 2)?;
        let is_hex = text.len() == 64 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_hex)?;
    }
    Some(bytes)
}

/// On disk before anything is sealed under it.
fn make(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let failed = |action, source| KeyFileError { action, path: path.to_owned(), source };
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| failed("draw a key for", io::Error::other(error)))?;
    let text = Zeroizing::new(format!("{}\n", juzhen_domain::hash::hex(bytes.as_slice())));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync_folder_of(path)
    };
    write().map_err(|error| failed("make the key file", error))?;
    Ok(bytes)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
