//! `juzhen adapter new`: writes the crate of a new adapter, which is `adapters/mock` under another name.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::template::{self, Sdk};
use crate::failure::{Ended, Usage};
use crate::output::Output;

/// Write a crate for a new platform: it builds, passes the kit, and publishes to the mock platform until you change it
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of adapter and platform: lower-case letters, digits and `_`, such as mastodon
    name: String,
    /// Folder to make it in; default: `adapters` in the root of a checkout, else this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Checkout of this project, its plugins/sdk, or the address of its git repository; not needed inside a checkout
    #[arg(long, value_name = "PATH|URL")]
    sdk: Option<String>,
}

/// What was written, as `--json` shows it.
#[derive(Debug, Serialize)]
struct Written {
    name: String,
    package: String,
    dir: PathBuf,
    files: Vec<String>,
    /// Where `cargo build` in that folder puts the adapter.
    library: PathBuf,
}

impl New {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        template::check_name(&self.name).map_err(Usage)?;
        let here = env::current_dir().context("could not find out which folder this is")?;
        let parent = self.dir.clone().unwrap_or_else(|| default_parent(&here));
        let shown = parent.join(&self.name);
        let whole = here.join(&parent);
        if shown.exists() {
            bail!("{} is there already; it was left as it is", shown.display());
        }
        let sdk = self.sdk(&whole)?;
        let files = template::files(&self.name, &sdk)?;
        write_all(&here.join(&shown), &files)
            .with_context(|| format!("could not write {}", shown.display()))?;
        let target = match &sdk {
            Sdk::Workspace(root) => root.join("target"),
            Sdk::Folder(_) | Sdk::Git(_) => shown.join("target"),
        };
        let written = Written {
            package: template::package(&self.name),
            library: target.join(format!("debug/lib{}.so", self.name)),
            files: files.into_iter().map(|(path, _)| path).collect(),
            name: self.name,
            dir: shown,
        };
        output.answer(&written, Written::words)?;
        Ok(Ended::Fine)
    }

    /// Where the crate finds the SDK, for a crate inside of `parent`.
    fn sdk(&self, parent: &Path) -> Result<Sdk> {
        let around = checkout_above(parent);
        let is_member = |root: &PathBuf| same_folder(&root.join("adapters"), parent);
        match (&self.sdk, around) {
            (None, Some(root)) if is_member(&root) => Ok(Sdk::Workspace(root)),
            (Some(_), Some(root)) if is_member(&root) => {
                bail!(Usage(format!("leave --sdk out: {} uses that of its checkout", parent.display())))
            }
            (Some(address), _) if address.contains("://") => Ok(Sdk::Git(address.clone())),
            (Some(folder), _) => {
                let start = fs::canonicalize(folder)
                    .with_context(|| format!("could not find the SDK in {folder}"))?;
                let root = checkout_above(&start);
                let none = || Usage(format!("--sdk {folder}: there is no plugins/sdk in it or above it"));
                Ok(Sdk::Folder(root.ok_or_else(none)?))
            }
            (None, around) => {
                // Who runs the program from a checkout's target folder means that checkout.
                let of_program = || checkout_above(&fs::canonicalize(env::current_exe().ok()?).ok()?);
                let none = || {
                    Usage(
                        "say where the SDK is: --sdk CHECKOUT, or --sdk URL of its git repository".to_owned(),
                    )
                };
                Ok(Sdk::Folder(around.or_else(of_program).ok_or_else(none)?))
            }
        }
    }
}

fn default_parent(here: &Path) -> PathBuf {
    let adapters = Path::new("adapters");
    if checkout_above(here).is_some_and(|root| root == here) { adapters.to_owned() } else { PathBuf::new() }
}

/// The root of the checkout that `folder` is in.
fn checkout_above(folder: &Path) -> Option<PathBuf> {
    let holds_sdk = |root: &&Path| root.join("plugins/sdk/Cargo.toml").is_file();
    folder.ancestors().find(holds_sdk).map(Path::to_owned)
}

fn same_folder(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// All files or none: a half-written crate would be in the way of the next try.
fn write_all(folder: &Path, files: &[(String, String)]) -> Result<()> {
    fs::create_dir_all(folder.parent().unwrap_or(folder))?;
    // Fails when it is there: nobody else's folder is written into, or taken away below.
    fs::create_dir(folder)?;
    let written = files.iter().try_for_each(|(path, text)| {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        fs::write(&file, text).with_context(|| format!("could not write {path}"))
    });
    if written.is_err() {
        // What made it fail is the news.
        let _also_failed = fs::remove_dir_all(folder);
    }
    written
}

impl Written {
    fn words(&self) -> String {
        let (dir, library) = (self.dir.display(), self.library.display());
        format!(
            "{dir}\n\n\
             next, as adapters/README.md goes through it:\n  \
             cargo build --manifest-path {dir}/Cargo.toml\n  \
             juzhen adapter check {library} --settings {dir}/conformance.yaml\n"
        )
    }
}
