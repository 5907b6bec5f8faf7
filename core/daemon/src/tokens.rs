//! Sessions that whoever administers the machine mints there, and the first invitation (C14): made once, shown once, kept as
//! a hash, taken back at once.
//!
//! A token is 256 random bits, so a plain SHA-256 of it tells nothing. Its file is named by that hash: whoever presents a
//! token is found with one look, and a file that is gone is a token that no longer counts, with no cache between.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp, ToSpan};
use juzhen_domain::id::PersonId;
use juzhen_server::LocalInvitation;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::run::data::{give_to_owner_above, make_private};

/// Marks our tokens, so that a scanner finds one that was pasted where it should not be.
const PREFIX: &str = "juzhen_";
const INVITATION: &str = "juzhen_i_";

/// The tokens of a data folder.
#[derive(Debug, Clone)]
pub(crate) struct TokenFolder {
    path: PathBuf,
}

/// What is kept of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    person: PersonId,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// What is kept of an invitation.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptInvitation {
    invited: PersonId,
    by: String,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// A token that was just made: the only time its text exists here.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) text: String,
    pub(crate) expires_at: Timestamp,
}

impl TokenFolder {
    pub(crate) fn in_data(data: &Path) -> Self {
        Self { path: data.join("tokens") }
    }

    /// Makes a token for a person, good for so many days.
    pub(crate) fn create(&self, person: &PersonId, days: u16, now: Timestamp) -> Result<NewToken> {
        make_private(&self.path)?;
        let text = drawn(PREFIX)?;
        let expires_at = now
            .checked_add((i64::from(days) * 24).hours())
            .with_context(|| format!("{days} days from now is no time that can be written"))?;
        let kept = Kept { person: person.clone(), created_at: now, expires_at };
        self.write(&text, &kept).with_context(|| format!("could not keep the token of {person}"))?;
        Ok(NewToken { text, expires_at })
    }

    /// Makes a one-time link for a person, good for so long. The daemon takes it into the database when it is accepted.
    pub(crate) fn invite(
        &self,
        person: &PersonId,
        by: &str,
        lasts: SignedDuration,
        now: Timestamp,
    ) -> Result<NewToken> {
        make_private(&self.path)?;
        let (text, expires_at) = (drawn(INVITATION)?, now + lasts);
        let kept = KeptInvitation { invited: person.clone(), by: by.to_owned(), created_at: now, expires_at };
        self.write(&text, &kept).with_context(|| format!("could not keep the invitation of {person}"))?;
        Ok(NewToken { text, expires_at })
    }

    /// The invitation of this token, if it is good now.
    pub(crate) fn invitation(&self, token: &str, now: Timestamp) -> Option<LocalInvitation> {
        let kept: KeptInvitation = read(&self.file_of(token))?;
        let KeptInvitation { invited: person, by, created_at: at, expires_at } = kept;
        (now < expires_at).then_some(LocalInvitation { person, by, at, expires_at })
    }

    /// It was taken.
    pub(crate) fn forget(&self, token: &str) -> Result<()> {
        match fs::remove_file(self.file_of(token)) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => Err(cause.into()),
            _ => Ok(()),
        }
    }

    /// Takes back every token of a person; says how many there were.
    pub(crate) fn revoke(&self, person: &PersonId) -> Result<usize> {
        let mut revoked = 0;
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(0),
            Err(cause) => {
                return Err(cause).with_context(|| format!("could not read {}", self.path.display()));
            }
        };
        for entry in entries {
            let path = entry?.path();
            if read(&path).is_some_and(|kept: Kept| kept.person == *person) {
                fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
                revoked += 1;
            }
        }
        Ok(revoked)
    }

    /// Whose token this is, if it is good now.
    pub(crate) fn person(&self, token: &str, now: Timestamp) -> Option<PersonId> {
        let kept: Kept = read(&self.file_of(token))?;
        (now < kept.expires_at).then_some(kept.person)
    }

    fn file_of(&self, token: &str) -> PathBuf {
        self.path.join(format!("{}.json", hexadecimal(&Sha256::digest(token))))
    }

    fn write(&self, token: &str, kept: &impl Serialize) -> Result<()> {
        let path = self.file_of(token);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        serde_json::to_writer(&mut file, kept)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        give_to_owner_above(&path)
    }
}

/// 256 random bits behind a mark.
fn drawn(mark: &str) -> Result<String> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).context("could not draw random bytes for the token")?;
    Ok(format!("{mark}{}", hexadecimal(&random)))
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH.checked_add(hour.hours()).unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_is_taken_back() {
        let home = tempfile::tempdir().unwrap();
        let tokens = TokenFolder::in_data(home.path());
        let (editor, author) = (PersonId::from("off.hg"), PersonId::from("d07.xx"));
        let first = tokens.create(&editor, 1, at(0)).unwrap();
        let second = tokens.create(&editor, 1, at(0)).unwrap();
        let other = tokens.create(&author, 1, at(0)).unwrap();
        assert_eq!(tokens.person(&first.text, at(23)), Some(editor.clone()));
        assert_eq!(tokens.person(&first.text, at(24)), None);
        assert_eq!(tokens.person(&format!("{}0", first.text), at(1)), None);
        assert_eq!(tokens.revoke(&editor).unwrap(), 2);
        assert_eq!(tokens.person(&second.text, at(1)), None);
        assert_eq!(tokens.person(&other.text, at(1)), Some(author));
    }

    #[test]
    fn what_root_makes_belongs_to_the_daemons_user() {
        if !rustix::process::geteuid().is_root() {
            return; // Only root can give files away; everybody else owns what they make.
        }
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(home.path(), Some(12345), Some(12345)).unwrap();
        let tokens = TokenFolder::in_data(home.path());
        tokens.create(&"off.hg".into(), 1, at(0)).unwrap();
        let file = fs::read_dir(&tokens.path).unwrap().next().unwrap().unwrap();
        for path in [&tokens.path, &file.path()] {
            assert_eq!(fs::metadata(path).unwrap().uid(), 12345, "{}", path.display());
        }
    }

    #[test]
    fn c18_the_folder_never_holds_the_token_itself() {
        let home = tempfile::tempdir().unwrap();
        let tokens = TokenFolder::in_data(home.path());
        let token = tokens.create(&"off.hg".into(), 90, at(0)).unwrap().text;
        let files: Vec<_> = fs::read_dir(&tokens.path).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        let mode = fs::metadata(&files[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let secret = token.strip_prefix(PREFIX).unwrap();
        assert!(!files[0].to_string_lossy().contains(secret));
        assert!(!fs::read_to_string(&files[0]).unwrap().contains(secret));
    }
}
