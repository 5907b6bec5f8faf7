//! Where the master key is: a file that is named, what systemd hands over, or a file of the data folder; in this order (C20).

use std::env;
use std::path::{Path, PathBuf};

use juzhen_engine::MasterKey;

/// As `LoadCredential=` and `LoadCredentialEncrypted=` of the unit file call it.
const CREDENTIAL: &str = "juzhen-master-key";
/// In the data folder.
const FILE: &str = "master.key";

/// `anew`: the one that the database knows is lost.
pub(crate) fn of(data: &Path, named: Option<PathBuf>, anew: bool) -> MasterKey {
    let handed_over = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    choose(data, named, handed_over.as_deref(), anew)
}

fn choose(data: &Path, named: Option<PathBuf>, handed_over: Option<&Path>, anew: bool) -> MasterKey {
    let credential = handed_over.map(|folder| folder.join(CREDENTIAL)).filter(|path| path.exists());
    match (named, credential) {
        (Some(path), _) => MasterKey::File { path, anew },
        (None, Some(path)) => MasterKey::Credential { path, anew },
        (None, None) => MasterKey::File { path: data.join(FILE), anew },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c20_what_systemd_hands_over_stands_before_the_data_folder_and_behind_what_is_named() {
        let home = tempfile::tempdir().unwrap();
        let chosen = |named: Option<&str>| {
            format!("{:?}", choose(Path::new("data"), named.map(PathBuf::from), Some(home.path()), false))
        };
        assert!(chosen(None).starts_with("File") && chosen(None).contains("data/master.key"));
        std::fs::write(home.path().join(CREDENTIAL), "0".repeat(64)).unwrap();
        assert!(chosen(None).starts_with("Credential"), "{}", chosen(None));
        assert!(chosen(Some("k")).starts_with("File"));
        let without = choose(Path::new("data"), None, None, true);
        assert!(matches!(without, MasterKey::File { anew: true, .. }));
    }
}
