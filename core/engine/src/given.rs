//! Secrets that people give: `file:NAME` in the settings of an account is a file in the secrets folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use juzhen_domain::id::AccountId;
use juzhen_host::{PortError, Secret};

use crate::files::Files;

/// Secret name → reference, for one account of the running settings.
pub(crate) type References = Box<dyn Fn(&AccountId) -> BTreeMap<String, String> + Send + Sync>;

/// Secrets of the accounts in the running settings.
pub(crate) struct Given {
    files: Arc<dyn Files>,
    folder: PathBuf,
    references: References,
}

impl Given {
    pub(crate) fn new(files: Arc<dyn Files>, folder: PathBuf, references: References) -> Self {
        Self { files, folder, references }
    }

    /// What is in the file now; `None` without one.
    pub(crate) async fn get(&self, account: &AccountId, name: &str) -> Result<Option<Secret>, PortError> {
        let references = (self.references)(account);
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

    /// One of the daemon's own, by its file's name; `None` without one.
    pub(crate) async fn file(&self, name: &str) -> Result<Option<Secret>, PortError> {
        match self.files.secret(&self.folder, name).await {
            Ok(text) => Ok(text.map(|text| Secret::new(text.trim_end_matches(['\r', '\n'])))),
            Err(error) => {
                Err(PortError { action: format!("read secret {name}"), source: Some(Box::new(error)) })
            }
        }
    }

    /// The names that the settings of the account give.
    pub(crate) fn names(&self, account: &AccountId) -> Vec<String> {
        (self.references)(account).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reference_is_a_file_in_the_folder_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w000-token"), "abc\n").unwrap();
        let references = |_: &AccountId| {
            let of = [("token", "file:w000-token"), ("bad", "file:../etc/passwd"), ("gone", "file:none")];
            of.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
        };
        let files = crate::Folder::new(folder.path());
        let given = Given::new(files, folder.path().to_owned(), Box::new(references));
        let get = async |name: &str| given.get(&"W000".into(), name).await;
        assert_eq!(get("token").await.unwrap().unwrap().expose(), "abc");
        assert!(get("gone").await.unwrap().is_none() && get("unknown").await.unwrap().is_none());
        assert!(get("bad").await.is_err());
    }
}
