//! The same without a daemon: the data folder of one that does not run, or the PostgreSQL database beside those that do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_engine::failpoint::Failpoints;
use juzhen_engine::{
    MasterKey, Secret, SecretUse, Vault, VaultError, high_water, may_be_a_file, named, report,
};
use juzhen_server::{RotatedView, SecretList, SecretView};
use juzhen_settings::{Loader, Settings};
use juzhen_store::{Postgres, PostgresOptions, Sqlite, SqliteOptions, Store};
use rustix::process::getuid;
use serde_json::{Value, json};

use super::{Place, secrets_in};
use crate::failure::Usage;
use crate::run::data::{DataFolder, database_in, give_to_owner_above};
use crate::run::database;
use crate::run::master_key;

/// An open database with its key.
pub(super) struct Offline {
    vault: Vault,
    store: Arc<dyn Store>,
    settings: Option<Arc<Settings>>,
    secrets: PathBuf,
    data: PathBuf,
    /// Keeps a daemon from starting meanwhile.
    _folder: Option<DataFolder>,
}

/// Opens, does it, and closes.
pub(super) async fn with<T>(place: &Place, work: impl AsyncFnOnce(&Offline) -> Result<T>) -> Result<T> {
    let offline = Offline::open(place).await?;
    let done = work(&offline).await;
    let closed = offline.store.close().await;
    // What root makes in a folder of the daemon's user is that user's.
    for entry in fs::read_dir(&offline.data).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            give_to_owner_above(&entry.path())?;
        }
    }
    closed.context("could not close the database")?;
    done
}

impl Offline {
    async fn open(place: &Place) -> Result<Self> {
        let data = place.data.or_default();
        let (store, folder): (Arc<dyn Store>, _) = match place.database.as_deref() {
            Some(url) => (on_server(url)?, None),
            None => {
                let (store, folder) = in_folder(&data)?;
                (store, Some(folder))
            }
        };
        let key: MasterKey = master_key::of(&data, place.master_key.clone(), false);
        let vault = Vault::open(&key, Arc::clone(&store), Arc::new(Failpoints::default())).await;
        let vault = vault.context("could not read the database")?;
        let settings = settings(place.config.as_deref(), store.as_ref()).await?;
        let named = settings.as_ref().and_then(|settings| settings.adapters.secrets_directory.clone());
        let secrets = match (&place.config, named) {
            (Some(config), Some(folder)) => config.join(folder),
            _ => secrets_in(&data),
        };
        Ok(Self { vault, store, settings, secrets, data, _folder: folder })
    }

    pub(super) async fn set(
        &self,
        name: &str,
        value: &Secret,
        bound: Option<Vec<AccountId>>,
    ) -> Result<Value> {
        if let Some(settings) = &self.settings
            && let Some(unknown) = bound.iter().flatten().find(|id| !settings.accounts.contains_key(*id))
        {
            bail!(Usage(format!("the settings have no account {unknown}")));
        }
        let file = self.secrets.join(name);
        let may_be_a_file = self.settings.as_ref().is_none_or(|settings| may_be_a_file(settings, name));
        if may_be_a_file && juzhen_domain::id::is_plain(name) && file.exists() {
            bail!(
                "there is a file {}, which stands before what is kept: give its value here once it is removed, and name it \
                 vault:{name} in the settings; or write the new value into the file with --secrets {}",
                file.display(),
                self.secrets.display()
            );
        }
        self.vault.set(name, value, bound, &who(), Timestamp::now()).await.map_err(told)?;
        let uses = self.uses().await?;
        let kept = uses.iter().find(|one| one.name == name).map(SecretView::of);
        let mut shown = serde_json::to_value(kept)?;
        // Whether somebody names it is not known before settings have run.
        if self.settings.is_none()
            && let Some(state) = shown.get_mut("state")
        {
            *state = json!("kept");
        }
        Ok(shown)
    }

    pub(super) async fn list(&self) -> Result<Value> {
        Ok(serde_json::to_value(SecretList::of(self.vault.key(), &self.uses().await?))?)
    }

    pub(super) async fn remove(&self, name: &str, force: bool) -> Result<Value> {
        let users = self.settings.as_ref().map(|settings| named(settings, name)).unwrap_or_default();
        if !force && !users.is_empty() {
            let users: Vec<&str> = users
                .iter()
                .map(|(account, own)| account.as_ref().map_or(own.as_str(), AccountId::as_str))
                .collect();
            bail!(
                "{} name {name}: change the settings first, or say --force, and they cannot publish",
                users.join(", ")
            );
        }
        self.vault.remove(name, &who(), Timestamp::now()).await.map_err(told)?;
        Ok(json!({ "removed": name }))
    }

    pub(super) async fn rotate(&self) -> Result<Value> {
        let rotated = self.vault.rotate(&who(), Timestamp::now()).await;
        let rotated = rotated.context("the master key was not changed")?;
        Ok(serde_json::to_value(RotatedView::of(&rotated))?)
    }

    async fn uses(&self) -> Result<Vec<SecretUse>> {
        let kept = self.vault.list().await.context("could not read the database")?;
        Ok(report(self.settings.as_deref(), kept, |name| self.secrets.join(name).exists()))
    }
}

fn on_server(url: &str) -> Result<Arc<dyn Store>> {
    if !matches!(database::Place::read(url, String::new())?, database::Place::Server { .. }) {
        bail!(Usage("--database takes postgres://USER@HOST/NAME; a file is found by --data DIR".to_owned()));
    }
    Ok(Arc::new(Postgres::open(url, &PostgresOptions::default()).context("could not open the database")?))
}

fn in_folder(data: &Path) -> Result<(Arc<dyn Store>, DataFolder)> {
    let folder = DataFolder::open(data)
        .context("a daemon that runs is asked by a system administrator: say --token-file FILE")?;
    let file = database_in(folder.path());
    high_water::refuse_missing_database(folder.path(), &file)?;
    let opened = Sqlite::open(&file, SqliteOptions::default());
    let store = opened.with_context(|| format!("could not open the database {}", file.display()))?;
    Ok((Arc::new(store), folder))
}

/// The files that are named, else what ran last.
async fn settings(config: Option<&Path>, store: &dyn Store) -> Result<Option<Arc<Settings>>> {
    if let Some(config) = config {
        let loaded = Loader::new(config).load(None);
        let faults = |_| Usage(format!("the settings have faults: run `juzhen check {}`", config.display()));
        return Ok(Some(loaded.map_err(faults)?));
    }
    let kept = store.last_settings().await.context("could not read the last settings")?;
    Ok(kept.and_then(|kept| Loader::from_sources(kept.sources).load(None).ok()))
}

/// Who it was, as the audit has it: nobody has shown a token here.
fn who() -> String {
    format!("uid:{}", getuid().as_raw())
}

fn told(failed: VaultError) -> anyhow::Error {
    match failed {
        VaultError::BadName(_) | VaultError::Empty(_) | VaultError::TooLong(_) => {
            Usage(failed.to_string()).into()
        }
        other => other.into(),
    }
}
