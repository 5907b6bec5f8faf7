//! What lies on the disk, and what becomes of it without its key.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use juzhen_tests::{Daemon, Run, juzhen};

use crate::account::{FIRST, ISSUED, Scene, until_held};

/// Ways to write a token so that a look at the bytes would find it.
fn forms() -> Vec<String> {
    // Nobody can know the whole token beforehand; its beginning says whose it is.
    let hex: String = ISSUED.bytes().map(|byte| format!("{byte:02x}")).collect();
    // Base 64 of the beginning, without the last letter, which depends on what follows.
    vec![ISSUED.to_owned(), hex, "aXNzdWVkLVcwMTUt".to_owned(), FIRST.to_owned(), "secret-1".to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_token_is_nowhere_in_clear_in_database_log_backup_or_api() {
    let scene = Scene::new().await;
    scene.flow("secret-1", false, false);
    let mut daemon = Daemon::start(&scene.district);
    let item = scene.publish(&daemon, "停水通知").await;
    daemon.until(&item, &["published"]).await;
    let backup = scene.district.path("backup");
    let mut command = Command::new(juzhen());
    command.args(["backup", "--data"]).arg(scene.district.data()).arg("--to").arg(backup.join("copy.db"));
    fs::create_dir(&backup).unwrap();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let account = daemon.get("/api/v1/accounts/W015").await;
    // While it runs, so that what is only in the WAL is looked at as well.
    let mut seen = vec![daemon.log().into_bytes(), account.to_string().into_bytes()];
    seen.extend(
        files_of(&scene.district.data()).iter().chain(&files_of(&backup)).map(|file| fs::read(file).unwrap()),
    );
    assert!(seen.len() >= 5, "there is a database, its WAL and a copy");
    for form in forms() {
        let shows = |bytes: &Vec<u8>| bytes.windows(form.len()).any(|window| window == form.as_bytes());
        assert!(!seen.iter().any(shows), "{form}");
    }
    // The test can fail: the database has what was issued, and can give it out.
    daemon.kill();
    assert_eq!(scene.renewals(), 1);
    let daemon = Daemon::start(&scene.district);
    let item = scene.publish(&daemon, "第二条").await;
    daemon.until(&item, &["published"]).await;
    assert_eq!(scene.renewals(), 1);
}

pub(crate) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_without_its_key_the_account_is_held_the_others_go_on_and_the_log_says_what_to_do() {
    let scene = Scene::new().await;
    scene.flow("secret-1", false, false);
    let mut daemon = Daemon::start(&scene.district);
    let item = scene.publish(&daemon, "第一条").await;
    daemon.until(&item, &["published"]).await;
    daemon.kill();
    let (key, away) = (scene.district.data().join("master.key"), scene.district.path("master.key"));
    fs::rename(&key, &away).unwrap();
    let mut daemon = Daemon::start(&scene.district);
    let held = scene.publish(&daemon, "第二条").await;
    let seen = until_held(&daemon, &held).await;
    assert!(seen["reason"].as_str().unwrap().contains("master.key is missing"), "{seen:#}");
    let other = daemon.publish("off.xx", "别的账号", &["W000"], std::time::Duration::ZERO).await;
    daemon.until(&other, &["published"]).await;
    assert!(daemon.log().contains("put it back") && !key.exists(), "{}", daemon.log());
    // Back in its place, all goes on with the token that is there.
    daemon.kill();
    fs::rename(&away, &key).unwrap();
    let mut daemon = Daemon::start(&scene.district);
    daemon.until(&held, &["published"]).await;
    assert_eq!(scene.renewals(), 1, "{}", daemon.log());
    // Lost for good: the account signs in again, here by the secret that buys a token.
    daemon.kill();
    fs::write(&key, "0".repeat(64)).unwrap();
    let anew = Run { arguments: vec!["--new-master-key".into()], ..Run::default() };
    let daemon = Daemon::start_with(&scene.district, &anew);
    let third = scene.publish(&daemon, "第三条").await;
    daemon.until(&third, &["published"]).await;
    assert_eq!(scene.renewals(), 2, "{}", daemon.log());
    assert_eq!(scene.stage.posts("第").len(), 3);
}
