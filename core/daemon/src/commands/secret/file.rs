//! A secret as a file that its operator looks after: `file:NAME` in YAML.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use juzhen_domain::id::is_plain;

use crate::failure::Usage;
use crate::run::data::{give_to_owner_above, make_private};

/// Where the secrets of a data folder are.
pub(crate) fn secrets_in(data: &Path) -> PathBuf {
    data.join("secrets")
}

/// Writes a secret beside its place and moves it in, so that a reader sees the old or the new one, never half.
pub(crate) fn write(folder: &Path, name: &str, value: &str) -> Result<()> {
    if !is_plain(name) {
        bail!(Usage(format!("{name:?} is no secret name: letters, digits, `.`, `-` and `_` only")));
    }
    make_private(folder)?;
    let attempted = || format!("could not keep the secret {name} in {}", folder.display());
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    write_private(&beside, value).with_context(attempted)?;
    give_to_owner_above(&beside)?;
    fs::rename(&beside, folder.join(name)).with_context(attempted)
}

fn write_private(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(value.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_kept_for_its_owner_alone_and_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("secrets");
        write(&folder, "w000.token", "first and longer").unwrap();
        write(&folder, "w000.token", "second").unwrap();
        let file = folder.join("w000.token");
        assert_eq!(fs::read_to_string(&file).unwrap(), "second");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        for name in ["../x", "a/b", ".hidden"] {
            assert!(write(&folder, name, "v").unwrap_err().is::<Usage>(), "{name}");
        }
    }
}
