//! The key under which captured secrets lie in the database: a backup, a copied disk or a look into the tables shows nothing
//! (P11, C19).
//!
//! The key is a file beside the database and never in it. Every value has a nonce of its own, and is bound to the database,
//! the account and the name it was sealed for, so that none can be put in another's place. The database knows the key's
//! name, a hash of it: one that is missing or another one is noticed at the start and nothing is sealed under it, because
//! two daemons with two keys would take every token from each other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use juzhen_store::{Store, StoreError};
use sha2::{Digest, Sha256};
use tracing::error;
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
    /// For tests and simulations.
    Fixed([u8; 32]),
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, anew } => {
                f.debug_struct("File").field("path", path).field("anew", anew).finish()
            }
            Self::Fixed(_) => f.write_str("***"),
        }
    }
}

/// Bytes of a nonce, which stands before what is sealed.
const NONCE: usize = 24;

/// Seals and opens, or says why it cannot.
pub(crate) struct Seal {
    key: Result<Key, String>,
    environment: String,
}

struct Key {
    cipher: XChaCha20Poly1305,
    /// For fingerprints of what people gave.
    salt: Zeroizing<[u8; 32]>,
    name: String,
}

/// The key could not be read or made.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}", path.display())]
struct KeyFileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// A value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("{0}")]
    NoKey(String),
    #[error("what is sealed as {name} of account {account} was changed or is of another place")]
    Forged { account: String, name: String },
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(getrandom::Error),
}

impl Seal {
    /// Reads the key, or makes one for a database that never had any. Whatever is wrong with it, the daemon goes on for the
    /// accounts that do not need it.
    pub(crate) async fn open(from: &MasterKey, store: &dyn Store) -> Result<Self, StoreError> {
        let environment = store.mark(None).await?.environment;
        let known = store.sealing_key().await?;
        let key = match load(from, known.is_none()) {
            Ok(key) => agreed(key, from, store).await?,
            Err(why) => Err(why),
        };
        if let Err(why) = &key {
            error!(
                why,
                "What platforms hand out can be neither read nor kept; the accounts that need it are held"
            );
        }
        Ok(Self { key, environment })
    }

    /// What to do, when nothing can be opened or sealed.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.key.as_ref().err().map(String::as_str)
    }

    pub(crate) fn seal(&self, account: &str, name: &str, clear: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.key()?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(SealError::NoRandomness)?;
        let place = self.place(account, name);
        let payload = Payload { msg: clear, aad: &place };
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| forged(account, name))?;
        Ok([&nonce[..], &sealed].concat())
    }

    pub(crate) fn open_sealed(
        &self,
        account: &str,
        name: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = self.key()?;
        let (nonce, msg) = sealed.split_first_chunk::<NONCE>().ok_or_else(|| forged(account, name))?;
        let place = self.place(account, name);
        let payload = Payload { msg, aad: &place };
        let clear = key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| forged(account, name))?;
        Ok(Zeroizing::new(clear))
    }

    /// Tells two secrets apart without showing them; the same for every daemon with this key. Empty without one.
    pub(crate) fn fingerprint(&self, secret: &str) -> String {
        let Ok(key) = &self.key else { return String::new() };
        let hash = Sha256::new().chain_update(*key.salt).chain_update(secret).finalize();
        juzhen_domain::hash::hex(&hash)
    }

    fn key(&self) -> Result<&Key, SealError> {
        self.key.as_ref().map_err(|why| SealError::NoKey(why.clone()))
    }

    /// What a sealed value is bound to.
    fn place(&self, account: &str, name: &str) -> Vec<u8> {
        [self.environment.as_str(), account, name].join("\0").into_bytes()
    }
}

fn forged(account: &str, name: &str) -> SealError {
    SealError::Forged { account: account.to_owned(), name: name.to_owned() }
}

/// The key, if it is the one that the database knows, or the first one.
async fn agreed(key: Key, from: &MasterKey, store: &dyn Store) -> Result<Result<Key, String>, StoreError> {
    let (anew, place) = match from {
        MasterKey::File { path, anew } => (*anew, path.display().to_string()),
        MasterKey::Fixed(_) => (false, "the given key".to_owned()),
    };
    let known = store.seal_under(&key.name, anew).await?;
    if known == key.name {
        return Ok(Ok(key));
    }
    let ours = key.name;
    Ok(Err(format!(
        "{place} holds key {ours}, and the database is sealed under key {known}: put that one there (every daemon on one \
         database needs the same) and restart, or, if it is lost, start once with --new-master-key, after which those \
         accounts sign in again"
    )))
}

fn load(from: &MasterKey, may_make: bool) -> Result<Key, String> {
    let (path, anew) = match from {
        MasterKey::Fixed(bytes) => return Ok(Key::of(bytes)),
        MasterKey::File { path, anew } => (path, *anew),
    };
    let read = match read(path) {
        Ok(None) if may_make || anew => make(path).map(Some),
        other => other,
    };
    match read {
        Ok(Some(bytes)) => Ok(Key::of(&bytes)),
        Ok(None) => Err(format!(
            "{} is missing, and the database is sealed under a key: put it back (every daemon on one database needs the same) \
             and restart, or, if it is lost, start once with --new-master-key, after which those accounts sign in again",
            path.display()
        )),
        Err(error) => Err(crate::with_causes(&error)),
    }
}

fn read(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, KeyFileError> {
    let failed = |action, source| KeyFileError { action, path: path.to_owned(), source };
    let bad =
        |why: &str| failed("use the key file", io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read the key file", error)),
    };
    let mode = fs::metadata(path).map_err(|error| failed("look at the key file", error))?.mode();
    if mode & 0o077 != 0 {
        return Err(bad("other people may read it; run `chmod 600` on it"));
    }
    let digits = text.trim_end();
    let mut bytes = Zeroizing::new([0; 32]);
    for (place, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(2 * place..2 * place + 2);
        let pair = pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        *byte = value.filter(|_| digits.len() == 64).ok_or_else(|| bad("it is not 64 hexadecimal digits"))?;
    }
    Ok(Some(bytes))
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
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| failed("make the key file", error))?;
    Ok(bytes)
}

impl Key {
    fn of(bytes: &[u8; 32]) -> Self {
        let derived = |purpose: &[u8]| -> Zeroizing<[u8; 32]> {
            Zeroizing::new(Sha256::new().chain_update(purpose).chain_update(bytes).finalize().into())
        };
        let (cipher, salt) = (derived(b"juzhen seal 1\0"), derived(b"juzhen fingerprint 1\0"));
        let name = juzhen_domain::hash::hex(derived(b"juzhen key name 1\0").get(..8).unwrap_or_default());
        Self { cipher: XChaCha20Poly1305::new((&*cipher).into()), salt, name }
    }
}

#[cfg(test)]
mod tests {
    use juzhen_store::Sqlite;

    use super::*;

    fn file(folder: &Path) -> MasterKey {
        MasterKey::File { path: folder.join("master.key"), anew: false }
    }

    #[tokio::test]
    async fn p11_what_is_sealed_opens_in_its_own_place_only() {
        let store = Sqlite::temporary().unwrap();
        let seal = Seal::open(&MasterKey::Fixed([7; 32]), &store).await.unwrap();
        let sealed = seal.seal("W000", "token", b"canary").unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
        assert_ne!(sealed, seal.seal("W000", "token", b"canary").unwrap(), "a nonce of its own");
        assert_eq!(seal.open_sealed("W000", "token", &sealed).unwrap().as_slice(), b"canary");
        for (account, name) in [("W001", "token"), ("W000", "secret"), ("W000\0token", "")] {
            assert!(seal.open_sealed(account, name, &sealed).is_err(), "{account} {name}");
        }
        let elsewhere = Seal { environment: "another".into(), ..seal };
        assert!(elsewhere.open_sealed("W000", "token", &sealed).is_err());
        let mut cut = sealed.clone();
        cut.pop();
        assert!(elsewhere.open_sealed("W000", "token", &cut[..9]).is_err());
    }

    #[tokio::test]
    async fn p11_the_first_start_makes_a_key_for_its_owner_alone_and_the_next_one_reads_it() {
        let (folder, store) = (tempfile::tempdir().unwrap(), Sqlite::temporary().unwrap());
        let from = file(folder.path());
        let first = Seal::open(&from, &store).await.unwrap();
        let sealed = first.seal("W000", "token", b"x").unwrap();
        assert_eq!(fs::metadata(folder.path().join("master.key")).unwrap().mode() & 0o777, 0o600);
        let second = Seal::open(&from, &store).await.unwrap();
        assert_eq!(second.open_sealed("W000", "token", &sealed).unwrap().as_slice(), b"x");
        assert_eq!(first.fingerprint("a"), second.fingerprint("a"));
        assert_ne!(first.fingerprint("a"), first.fingerprint("b"));
    }

    #[tokio::test]
    async fn p11_a_missing_another_and_a_readable_key_say_what_to_do_and_no_new_one_is_made() {
        let (folder, store) = (tempfile::tempdir().unwrap(), Sqlite::temporary().unwrap());
        let (from, path) = (file(folder.path()), folder.path().join("master.key"));
        drop(Seal::open(&from, &store).await.unwrap());
        let key = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let problem = async || Seal::open(&from, &store).await.unwrap().problem().map(str::to_owned);
        let missing = problem().await.unwrap();
        assert!(missing.contains("is missing") && missing.contains("put it back"), "{missing}");
        assert!(!path.exists());
        let write = |text: &str, mode: u32| {
            drop(fs::remove_file(&path));
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&path)
                .unwrap()
                .write_all(text.as_bytes())
        };
        write(&"0".repeat(64), 0o600).unwrap();
        let other = problem().await.unwrap();
        assert!(other.contains("sealed under key") && other.contains("--new-master-key"), "{other}");
        for (text, mode, why) in [
            (key.as_str(), 0o644, "chmod 600"),
            ("abc", 0o600, "64 hexadecimal"),
            (&"+1".repeat(32), 0o600, "64 hex"),
        ] {
            write(text, mode).unwrap();
            let said = problem().await.unwrap();
            assert!(said.contains(why), "{said}");
        }
        write(&key, 0o600).unwrap();
        assert_eq!(problem().await, None);
        // It is lost for good: what it sealed is given up.
        write(&"0".repeat(64), 0o600).unwrap();
        let anew = MasterKey::File { path: path.clone(), anew: true };
        assert_eq!(Seal::open(&anew, &store).await.unwrap().problem(), None);
        assert_eq!(problem().await, None);
    }
}
