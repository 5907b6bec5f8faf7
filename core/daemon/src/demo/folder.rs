//! The demonstration's folder: the sample's files, the adapter, and whatever the daemon needs that nobody has typed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::Timestamp;
use juzhen_domain::id::PersonId;
use juzhen_engine::{Engine, Secret, SecretState, SecretUse};
use juzhen_settings::{Loader, Settings};

use super::sample;
use crate::commands::secret;
use crate::run::data::{database_in, make_private};
use crate::tokens::TokenFolder;

/// The adapter that everything is published with.
const ADAPTER: &str = "mock";

/// Where everything of a demonstration is.
#[derive(Debug, Clone)]
pub(crate) struct DemoFolder {
    root: PathBuf,
}

impl DemoFolder {
    /// Makes what is missing and leaves what is there.
    pub(super) fn prepare(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("could not make the folder {}", root.display()))?;
        let folder = Self { root: root.to_owned() };
        sample::copy_to(&folder.config())?;
        sample::copy_adapter_to(&folder.adapters())?;
        make_private(&folder.tokens())?;
        Ok(folder)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    pub(crate) fn adapters(&self) -> PathBuf {
        self.root.join("adapters")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn database(&self) -> PathBuf {
        database_in(&self.data())
    }

    pub(super) fn secrets(&self) -> PathBuf {
        secret::secrets_in(&self.data())
    }

    /// Folder with one file for each person of the walk: their token, as `--token-file` takes it.
    pub(super) fn tokens(&self) -> PathBuf {
        self.root.join("tokens")
    }

    pub(super) fn log(&self) -> Result<File> {
        let path = self.root.join("juzhen.log");
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        file.with_context(|| format!("could not write {}", path.display()))
    }

    /// A good token of a person: the one of the last time, or a new one.
    pub(super) fn token(&self, person: &str) -> Result<String> {
        let (kept, file) = (TokenFolder::in_data(&self.data()), self.tokens().join(person));
        let (id, now) = (PersonId::from(person), Timestamp::now());
        if let Ok(text) = fs::read_to_string(&file)
            && kept.person(text.trim(), now).as_ref() == Some(&id)
        {
            return Ok(text.trim().to_owned());
        }
        let token = kept.create(&id, 30, now)?.text;
        let attempted = || format!("could not write {}", file.display());
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file);
        writeln!(opened.with_context(attempted)?, "{token}").with_context(attempted)?;
        Ok(token)
    }

    /// Where the settings say that the stand-in platform listens.
    pub(super) fn platform_address(&self) -> Option<SocketAddr> {
        let url = self.platform_url()?;
        url.strip_prefix("http://")?.split('/').next()?.parse().ok()
    }

    /// Tells the settings where the stand-in platform is this time. Only that one text changes in the file.
    pub(super) fn point_at(&self, platform: &str) -> Result<()> {
        let Some(before) = self.platform_url().filter(|before| before != platform) else { return Ok(()) };
        let file = self.config().join("district.yaml");
        let attempted = || format!("could not tell {} where the stand-in platform is", file.display());
        let text = fs::read_to_string(&file).with_context(attempted)?;
        let beside = self.config().join(".district.yaml.new");
        fs::write(&beside, text.replace(&before, platform)).with_context(attempted)?;
        fs::rename(&beside, &file).with_context(attempted)
    }

    /// A made-up value for every secret that the settings name and nobody has set.
    pub(super) async fn fill_secrets(&self, engine: &Engine) -> Result<()> {
        let attempted = "could not make up the secrets of the accounts";
        let missing = engine.secrets().await.context(attempted)?;
        for SecretUse { name, .. } in missing.iter().filter(|one| one.state == SecretState::Missing) {
            let value = Secret::new(format!("demo-{name}"));
            engine.vault().set(name, &value, None, "demo", Timestamp::now()).await.context(attempted)?;
        }
        Ok(())
    }

    fn platform_url(&self) -> Option<String> {
        // Files that somebody has broken are no reason to stop: the daemon runs on the last good ones, and so does this.
        let settings = self.settings().or_else(|| Loader::from_sources(sample::texts()).load(None).ok())?;
        let url = settings.adapters.defaults.get(ADAPTER)?.get("base_url")?.as_str()?;
        Some(url.to_owned())
    }

    pub(super) fn settings(&self) -> Option<Arc<Settings>> {
        Loader::new(self.config()).load(None).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(home: &Path) -> DemoFolder {
        let folder = DemoFolder { root: home.to_owned() };
        sample::copy_to(&folder.config()).unwrap();
        make_private(&folder.tokens()).unwrap();
        folder
    }

    #[test]
    fn the_sample_is_whole_and_an_edit_survives_the_next_demonstration() {
        let home = tempfile::tempdir().unwrap();
        let folder = folder(home.path());
        assert!(folder.settings().unwrap().accounts.len() > 10);
        let file = folder.config().join("units/D07.yaml");
        let edited = fs::read_to_string(&file).unwrap().replace("应急局", "应急管理局");
        fs::write(&file, &edited).unwrap();
        sample::copy_to(&folder.config()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), edited);
    }

    #[test]
    fn only_the_address_of_the_platform_changes() {
        let home = tempfile::tempdir().unwrap();
        let folder = folder(home.path());
        let file = folder.config().join("district.yaml");
        let before = fs::read_to_string(&file).unwrap();
        assert!(folder.platform_address().is_some());
        folder.point_at("http://127.0.0.1:1234/mock").unwrap();
        assert_eq!(folder.platform_address(), Some(SocketAddr::from(([127, 0, 0, 1], 1234))));
        let after = fs::read_to_string(&file).unwrap();
        let changed = before.lines().zip(after.lines()).filter(|(a, b)| a != b).count();
        assert_eq!((changed, before.lines().count()), (1, after.lines().count()));
    }

    #[test]
    fn tokens_are_used_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = folder(home.path());
        let token = folder.token("off.hg").unwrap();
        assert_eq!(folder.token("off.hg").unwrap(), token);
        assert_ne!(folder.token("d07.xx").unwrap(), token);
    }
}
