//! What is given is had by every daemon on the database, only by the accounts it is bound to, and under whichever key holds.

use std::fs;
use std::path::Path;

use juzhen_store::{Fate, InMemory};
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// One database, for several daemons, each with a key file of its own.
struct Scene {
    database: InMemory,
    home: TempDir,
}

impl Scene {
    fn new() -> Self {
        let database = InMemory::on_clock(Arc::new(Timestamp::now)).unwrap();
        Self { database, home: TempDir::new().unwrap() }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.database.store(Arc::new(|_| Fate::Done)))
    }

    async fn daemon(&self, key: &str) -> Vault {
        let from = MasterKey::File { path: self.home.path().join(key), anew: false };
        Vault::open(&from, self.store(), Arc::default()).await.unwrap()
    }
}

async fn set(vault: &Vault, name: &str, value: &str, accounts: Option<&[&str]>) {
    let accounts = accounts.map(|ids| ids.iter().map(|id| AccountId::from(*id)).collect());
    vault.set(name, &Secret::new(value), accounts, "off.xt", NOW).await.unwrap();
}

async fn get(vault: &Vault, account: &str, name: &str) -> Result<Option<String>, String> {
    let got = vault.get(&account.into(), name).await;
    got.map(|value| value.map(|value| value.expose().to_owned())).map_err(|error| error.to_string())
}

fn has(value: &str) -> Result<Option<String>, String> {
    Ok(Some(value.to_owned()))
}

#[tokio::test]
async fn p11_a_secret_that_is_bound_to_accounts_is_given_to_no_other_ones_call() {
    let scene = Scene::new();
    let vault = scene.daemon("key").await;
    set(&vault, "app", "canary", Some(&["W015", "W000"])).await;
    assert_eq!(get(&vault, "W000", "app").await, has("canary"));
    let refused = get(&vault, "W016", "app").await.unwrap_err();
    assert!(refused.contains("bound to other accounts") && !refused.contains("canary"), "{refused}");
    // Another value does not widen it by the way.
    set(&vault, "app", "canary-2", None).await;
    assert!(get(&vault, "W016", "app").await.is_err());
    assert_eq!(get(&vault, "W015", "app").await, has("canary-2"));
    set(&vault, "app", "canary-3", Some(&[])).await;
    assert_eq!(get(&vault, "W016", "app").await, has("canary-3"));
    assert_eq!(get(&vault, "W016", "other").await, Ok(None));
    let kept = vault.list().await.unwrap();
    assert_eq!((kept.len(), kept[0].version, kept[0].set_by.as_str()), (1, 3, "off.xt"));
    assert!(!format!("{kept:?}").contains("canary"));
    vault.remove("app", "off.xt", NOW).await.unwrap();
    assert_eq!(get(&vault, "W015", "app").await, Ok(None));
    assert!(matches!(vault.remove("app", "off.xt", NOW).await, Err(VaultError::NotKept(_))));
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_not_kept() {
    let vault = Scene::new().daemon("key").await;
    let long = "x".repeat(LONGEST_SECRET + 1);
    for (name, value) in [("../x", "v"), ("a b", "v"), ("a", ""), ("a", long.as_str())] {
        let refused = vault.set(name, &Secret::new(value), None, "off.xt", NOW).await.unwrap_err();
        assert!(!refused.to_string().contains(&long), "{refused}");
    }
    assert!(vault.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn p11_c22_a_new_key_opens_everything_and_a_daemon_that_runs_notices() {
    let scene = Scene::new();
    let (a, b) = (scene.daemon("shared").await, scene.daemon("shared").await);
    set(&a, "app", "canary", Some(&["W000"])).await;
    b.look().await.unwrap();
    assert_eq!(get(&b, "W000", "app").await, has("canary"));
    let fingerprint = b.list().await.unwrap().remove(0).fingerprint;
    let sealed = scene.store().given_secrets().await.unwrap().remove(0).sealed;
    let rotated = a.rotate("off.xt", NOW).await.unwrap();
    assert_eq!((rotated.given, rotated.captured), (1, 0));
    assert_ne!(rotated.from, rotated.to);
    let row = scene.store().given_secrets().await.unwrap().remove(0);
    assert_eq!((row.sealed, row.key.as_str()), (sealed, rotated.to.as_str()), "the value is not touched");
    // The other one has read nothing yet, and seals under a key that is not the database's any more.
    set(&b, "token", "canary-2", None).await;
    assert_eq!(b.key().unwrap(), rotated.to);
    assert_eq!(get(&b, "W000", "app").await, has("canary"));
    a.look().await.unwrap();
    assert_eq!(get(&a, "W000", "token").await, has("canary-2"));
    assert_eq!(a.list().await.unwrap()[0].fingerprint, fingerprint, "the same value looks the same");
    // The next start finds it, and the old key is there for older backups, under its name.
    assert_eq!(get(&scene.daemon("shared").await, "W000", "app").await, has("canary"));
    let old = scene.home.path().join(format!("shared.{}.old", rotated.from));
    assert!(old.exists() && !scene.home.path().join("shared.new").exists());
}

#[tokio::test]
async fn p11_c22_whatever_ends_in_the_middle_one_of_the_two_files_opens_everything() {
    let scene = Scene::new();
    let path = |name: &str| scene.home.path().join(name);
    let copy = |from: &str, to: &str| fs::copy(path(from), path(to)).unwrap();
    let vault = scene.daemon("key").await;
    set(&vault, "app", "canary", None).await;
    copy("key", "first");
    // The new key is on disk and the database knows nothing of it.
    fs::write(path("key.new"), "ab".repeat(32)).unwrap();
    private(&path("key.new"));
    assert_eq!(get(&scene.daemon("key").await, "W000", "app").await, has("canary"));
    assert!(path("key.new").exists(), "it is there for the next try");
    let rotated = scene.daemon("key").await.rotate("off.xt", NOW).await.unwrap();
    assert_eq!(fs::read_to_string(path("key")).unwrap().trim(), "ab".repeat(32), "which took it");
    // The database has the new key, and the files are as they were before.
    copy("key", "key.new");
    copy("first", "key");
    private(&path("key.new"));
    let vault = scene.daemon("key").await;
    assert_eq!(get(&vault, "W000", "app").await, has("canary"));
    assert_eq!((vault.key().unwrap(), path("key.new").exists()), (rotated.to, false));
    assert_eq!(get(&scene.daemon("key").await, "W000", "app").await, has("canary"));
}

#[tokio::test]
async fn p11_c22_a_daemon_without_the_new_key_says_what_to_do_and_goes_on_once_it_is_there() {
    let scene = Scene::new();
    let a = scene.daemon("key-of-a").await;
    fs::copy(scene.home.path().join("key-of-a"), scene.home.path().join("key-of-b")).unwrap();
    let b = scene.daemon("key-of-b").await;
    set(&a, "app", "canary", None).await;
    assert_eq!(get(&b, "W000", "app").await, has("canary"));
    a.rotate("off.xt", NOW).await.unwrap();
    b.look().await.unwrap();
    let problem = get(&b, "W000", "app").await.unwrap_err();
    assert!(problem.contains("put that one there"), "{problem}");
    let refused = b.set("other", &Secret::new("v"), None, "off.xt", NOW).await.unwrap_err();
    assert!(matches!(refused, VaultError::NoKey(_)), "{refused}");
    fs::copy(scene.home.path().join("key-of-a"), scene.home.path().join("key-of-b")).unwrap();
    b.look().await.unwrap();
    assert_eq!(get(&b, "W000", "app").await, has("canary"));
}

#[tokio::test]
async fn c20_a_credential_is_used_as_it_is_and_a_new_one_has_to_be_handed_over() {
    let scene = Scene::new();
    let path = scene.home.path().join("juzhen-master-key");
    let from = MasterKey::Credential { path: path.clone(), anew: false };
    let open = async || Vault::open(&from, scene.store(), Arc::default()).await.unwrap();
    assert!(open().await.key().unwrap_err().contains("is missing"));
    assert!(!path.exists(), "it is never made");
    fs::write(&path, "01".repeat(32)).unwrap();
    let vault = open().await;
    set(&vault, "app", "canary", None).await;
    let refused = vault.rotate("off.xt", NOW).await.unwrap_err();
    assert!(crate::with_causes(&refused).contains("hand the new key over"), "{refused}");
    fs::write(scene.home.path().join("juzhen-master-key-new"), "02".repeat(32)).unwrap();
    let rotated = vault.rotate("off.xt", NOW).await.unwrap();
    assert_eq!(get(&open().await, "W000", "app").await, has("canary"), "from the second credential");
    // The operator puts the new one in the place of the old one.
    fs::rename(scene.home.path().join("juzhen-master-key-new"), &path).unwrap();
    let vault = open().await;
    assert_eq!((get(&vault, "W000", "app").await, vault.key().unwrap()), (has("canary"), rotated.to));
}

#[tokio::test]
async fn p11_after_a_lost_key_what_has_to_be_given_again_is_seen() {
    let scene = Scene::new();
    set(&scene.daemon("key").await, "app", "canary", None).await;
    fs::remove_file(scene.home.path().join("key")).unwrap();
    let anew = MasterKey::File { path: scene.home.path().join("key"), anew: true };
    let vault = Vault::open(&anew, scene.store(), Arc::default()).await.unwrap();
    let kept = vault.list().await.unwrap().remove(0);
    assert!(kept.fingerprint.unwrap_err().contains("give the secret again"));
    assert!(vault.rotate("off.xt", NOW).await.is_err(), "it cannot be taken along");
    set(&vault, "app", "canary-2", None).await;
    assert_eq!(get(&vault, "W000", "app").await, has("canary-2"));
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
