//! Which adapters there are, read from their files without running any of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use juzhen_host::message::Manifest;
use juzhen_host::sealed::SealedLibrary;
use juzhen_host::{LoadRefused, peek_directory};
use juzhen_settings::{Installed, InstalledAdapter, Loader, Settings};

/// Where adapters are when nobody says: where a package puts them, beside this program or in the system.
fn default_folder() -> PathBuf {
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(|bin| bin.join("../lib/juzhen/adapters"));
    beside.filter(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("/usr/lib/juzhen/adapters"))
}

/// Where to look for adapters.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdaptersArgs {
    /// Folder of the adapters (*.so); default: as district.yaml says, else /usr/lib/juzhen/adapters
    #[arg(long, env = "JUZHEN_ADAPTERS", value_name = "DIR")]
    pub(crate) adapters: Option<PathBuf>,
}

impl AdaptersArgs {
    /// The folder to look into, without having read any settings.
    pub(crate) fn or_default(&self) -> PathBuf {
        self.adapters.clone().unwrap_or_else(default_folder)
    }

    /// What is installed where `loader`'s settings are to run; `None` when there is no such folder.
    pub(crate) fn installed(&self, loader: &mut Loader, config: &Path) -> Result<Option<Installed>> {
        let Some(folder) = self.folder(loader, config) else { return Ok(None) };
        let manifests = manifests(&folder)?.into_iter().filter_map(|file| file.manifest.ok());
        Ok(Some(Installed { adapters: manifests.map(|manifest| offer(&manifest)).collect() }))
    }

    fn folder(&self, loader: &mut Loader, config: &Path) -> Option<PathBuf> {
        if self.adapters.is_some() {
            return self.adapters.clone();
        }
        let named = loader.load(None).ok().and_then(|settings| named_in(&settings, config));
        Some(named.unwrap_or_else(default_folder)).filter(|folder| folder.is_dir())
    }
}

/// The folder that the settings name, if they do.
fn named_in(settings: &Settings, config: &Path) -> Option<PathBuf> {
    settings.adapters.directory.as_ref().map(|folder| config.join(folder))
}

/// One file of an adapters' folder.
pub(crate) struct AdapterFile {
    pub(crate) file: String,
    pub(crate) sha256: Option<String>,
    /// What it says of itself, or why it would not be loaded.
    pub(crate) manifest: Result<Manifest, String>,
}

/// Every `.so` of a folder.
pub(crate) fn manifests(folder: &Path) -> Result<Vec<AdapterFile>> {
    let files = peek_directory(folder)
        .with_context(|| format!("could not read the adapters' folder {}", folder.display()))?;
    let read = |(file, library): (String, Result<SealedLibrary, LoadRefused>)| match library {
        Ok(library) => AdapterFile {
            file,
            sha256: Some(library.sha256().to_owned()),
            manifest: Ok(library.manifest().clone()),
        },
        Err(refused) => AdapterFile { file, sha256: None, manifest: Err(refused.to_string()) },
    };
    Ok(files.into_iter().map(read).collect())
}

/// What the check of the settings has to know of an adapter.
fn offer(manifest: &Manifest) -> InstalledAdapter {
    InstalledAdapter {
        name: manifest.name.clone(),
        platform: manifest.platform.clone(),
        settings: manifest.settings.iter().map(|s| (s.name.clone(), s.required)).collect(),
        secrets: manifest.secrets.iter().map(|s| (s.name.clone(), !s.optional)).collect(),
    }
}
