//! Secrets that people give, as the settings of an account name them: `vault:NAME` is kept sealed in the database (`vault.rs`);
//! `file:NAME` is a file in the secrets folder, which its operator looks after, or what is kept under that name where there is
//! no such file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use juzhen_domain::id::AccountId;
use juzhen_host::{PortError, Secret};

use crate::files::Files;
use crate::vault::Vault;

/// Secret name → reference, for one account of the running settings.
pub(crate) type References = Box<dyn Fn(&AccountId) -> BTreeMap<String, String> + Send + Sync>;

/// Secrets of the accounts in the running settings.
pub(crate) struct Given {
    files: Arc<dyn Files>,
    folder: PathBuf,
    references: References,
    vault: Vault,
}

impl Given {
    pub(crate) fn new(files: Arc<dyn Files>, folder: PathBuf, references: References, vault: Vault) -> Self {
        Self { files, folder, references, vault }
    }

    /// What is there now; `None` without one.
    pub(crate) async fn get(&self, account: &AccountId, name: &str) -> Result<Option<Secret>, PortError> {
        let references = (self.references)(account);
        let Some((kind, kept)) = references.get(name).and_then(|reference| reference.split_once(':')) else {
            return Ok(None);
        };
        if !juzhen_domain::id::is_plain(kept) {
            let action = format!("read secret {name} of account {account}: {kept:?} is not a plain name");
            return Err(PortError { action, source: None });
        }
        if kind == "file"
            && let Some(secret) = self.file(kept).await?
        {
            return Ok(Some(secret));
        }
        self.vault.get(account, kept).await
    }

    /// One of the daemon's own, from its file or from the database; `None` without one.
    pub(crate) async fn own(&self, name: &str) -> Result<Option<Secret>, PortError> {
        match self.file(name).await? {
            Some(secret) => Ok(Some(secret)),
            None => self.vault.own(name).await,
        }
    }

    /// What is in the file now.
    pub(crate) async fn file(&self, name: &str) -> Result<Option<Secret>, PortError> {
        match self.files.secret(&self.folder, name).await {
            Ok(text) => Ok(text.map(|text| Secret::new(text.trim_end_matches(['\r', '\n'])))),
            Err(error) => {
                Err(PortError { action: format!("read secret {name}"), source: Some(Box::new(error)) })
            }
        }
    }

    /// Where the files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Where the others are.
    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The names that the settings of the account give.
    pub(crate) fn names(&self, account: &AccountId) -> Vec<String> {
        (self.references)(account).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use juzhen_store::Sqlite;

    use super::*;
    use crate::seal::MasterKey;

    #[tokio::test]
    async fn a_reference_is_a_file_in_the_folder_or_what_is_kept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w000-token"), "abc\n").unwrap();
        let references = |_: &AccountId| {
            let of = [
                ("token", "file:w000-token"),
                ("bad", "file:../etc/passwd"),
                ("gone", "file:none"),
                ("sealed", "vault:w000-token"),
                ("moved", "file:moved"),
            ];
            of.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
        };
        let store = Arc::new(Sqlite::temporary().unwrap());
        let vault = Vault::open(&MasterKey::Fixed([7; 32]), store, Arc::default()).await.unwrap();
        let files = crate::Folder::new(folder.path());
        let given = Given::new(files, folder.path().to_owned(), Box::new(references), vault.clone());
        let get = async |name: &str| given.get(&"W000".into(), name).await;
        assert_eq!(get("token").await.unwrap().unwrap().expose(), "abc");
        assert!(get("gone").await.unwrap().is_none() && get("unknown").await.unwrap().is_none());
        assert!(get("bad").await.is_err());
        assert!(get("sealed").await.unwrap().is_none(), "a file is none that is kept");
        for (name, value) in [("w000-token", "sealed"), ("moved", "from the folder")] {
            vault.set(name, &Secret::new(value), None, "t", Timestamp::UNIX_EPOCH).await.unwrap();
        }
        assert_eq!(get("sealed").await.unwrap().unwrap().expose(), "sealed");
        assert_eq!(get("token").await.unwrap().unwrap().expose(), "abc", "the file stands before it");
        assert_eq!(get("moved").await.unwrap().unwrap().expose(), "from the folder");
        assert_eq!(given.own("moved").await.unwrap().unwrap().expose(), "from the folder");
    }
}
