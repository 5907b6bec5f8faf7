//! Secrets by reference: `file:NAME` is a file in the secrets folder. What a platform hands out (a fresh token) is kept
//! in memory until it expires, in front of the file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use juzhen_domain::id::AccountId;
use juzhen_host::{PortError, Secret, Secrets};
use tokio::time::Instant;

use crate::failpoint::Failpoints;
use crate::files::Files;

/// Secret name → reference, for one account of the running settings.
pub(crate) type References = Box<dyn Fn(&AccountId) -> BTreeMap<String, String> + Send + Sync>;

/// Secrets of the accounts in the running settings.
pub(crate) struct FileSecrets {
    files: Arc<dyn Files>,
    folder: PathBuf,
    references: References,
    failpoints: Arc<Failpoints>,
    captured: Mutex<BTreeMap<(String, String), Captured>>,
}

struct Captured {
    value: Secret,
    until: Option<Instant>,
}

impl FileSecrets {
    pub(crate) fn new(
        files: Arc<dyn Files>,
        folder: PathBuf,
        references: References,
        failpoints: Arc<Failpoints>,
    ) -> Self {
        Self { files, folder, references, failpoints, captured: Mutex::default() }
    }

    fn captured(&self, account: &str, name: &str) -> Option<Secret> {
        let mut captured = self.captured.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (account.to_owned(), name.to_owned());
        let fresh = captured.get(&key).filter(|c| c.until.is_none_or(|until| until > Instant::now()));
        let value = fresh.map(|c| c.value.clone());
        if value.is_none() {
            captured.remove(&key);
        }
        value
    }
}

#[async_trait]
impl Secrets for FileSecrets {
    async fn get(&self, account: &str, name: &str) -> Result<Option<Secret>, PortError> {
        if let Some(value) = self.captured(account, name) {
            return Ok(Some(value));
        }
        let references = (self.references)(&AccountId::new(account));
        let Some(file) = references.get(name).and_then(|r| r.strip_prefix("file:")) else {
            return Ok(None);
        };
        if !juzhen_domain::id::is_plain(file) {
            let action =
                format!("read secret {name} of account {account}: {file:?} is not a plain file name");
            return Err(PortError { action, source: None });
        }
        match self.files.secret(&self.folder, file).await {
            Ok(text) => Ok(text.map(|text| Secret::new(text.trim_end_matches(['\r', '\n'])))),
            Err(error) => Err(PortError {
                action: format!("read secret {name} of account {account} from file {file}"),
                source: Some(Box::new(error)),
            }),
        }
    }

    async fn store(
        &self,
        account: &str,
        name: &str,
        value: Secret,
        ttl: Option<Duration>,
    ) -> Result<(), PortError> {
        if value.expose().is_empty() {
            // A platform that answers with nothing must not wipe what works (I8).
            let action = format!("keep an empty secret {name} of account {account}");
            return Err(PortError { action, source: None });
        }
        self.failpoints.reach("token.refresh.after_platform_before_store");
        let until = ttl.map(|ttl| Instant::now() + ttl);
        let mut captured = self.captured.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        captured.insert((account.to_owned(), name.to_owned()), Captured { value, until });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(folder: &std::path::Path) -> FileSecrets {
        let references = |_: &AccountId| {
            let of = [("token", "file:w000-token"), ("bad", "file:../etc/passwd"), ("gone", "file:none")];
            of.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
        };
        FileSecrets::new(crate::Folder::new(folder), folder.to_owned(), Box::new(references), Arc::default())
    }

    #[tokio::test]
    async fn a_reference_is_a_file_in_the_folder_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w000-token"), "abc\n").unwrap();
        let secrets = secrets(folder.path());
        assert_eq!(secrets.get("W000", "token").await.unwrap().unwrap().expose(), "abc");
        assert!(secrets.get("W000", "gone").await.unwrap().is_none());
        assert!(secrets.get("W000", "unknown").await.unwrap().is_none());
        assert!(secrets.get("W000", "bad").await.is_err());
    }

    #[tokio::test]
    async fn what_a_platform_handed_out_comes_first_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w000-token"), "file").unwrap();
        let secrets = secrets(folder.path());
        secrets.store("W000", "token", Secret::new("fresh"), None).await.unwrap();
        assert_eq!(secrets.get("W000", "token").await.unwrap().unwrap().expose(), "fresh");
        secrets.store("W000", "token", Secret::new("old"), Some(Duration::ZERO)).await.unwrap();
        assert_eq!(secrets.get("W000", "token").await.unwrap().unwrap().expose(), "file");
        assert!(secrets.store("W000", "token", Secret::new(""), None).await.is_err());
    }
}
