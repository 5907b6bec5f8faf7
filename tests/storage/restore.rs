//! A database that comes back as it was at an earlier time (P19, F25, F27): nothing is sent, and what was sent since is
//! found on the accounts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use juzhen_tests::{Api, Daemon, District, Run, Stage, juzhen};
use rustix::process::Signal;
use serde_json::Value;

/// Runs a command of the binary that has to go well.
fn run(arguments: &[&str], paths: &[&Path]) -> Value {
    let output = Command::new(juzhen()).arg("--json").args(arguments).args(paths).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stop(mut daemon: Daemon) {
    daemon.signal(Signal::TERM);
    assert!(daemon.ended(Duration::from_secs(30)).is_some_and(|status| status.success()));
}

async fn is_stopped(daemon: &Daemon) -> Value {
    daemon.get("/api/v1/stop").await
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_f27_after_a_restore_nothing_is_sent_and_what_was_sent_since_is_matched_by_evidence() {
    const ACCOUNTS: [&str; 4] = ["W015", "W016", "W017", "W018"];
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &ACCOUNTS);
    let data = district.data();
    let daemon = Daemon::start(&district);
    let mut items = Vec::new();
    for n in 0..5 {
        items.push(daemon.publish("d07.xx", &format!("第{n}条"), &ACCOUNTS, Duration::from_secs(3)).await);
    }
    let later = daemon.publish("d07.xx", "以后才发", &["W015"], Duration::from_secs(3600)).await;
    let backup = PathBuf::from(run(&["backup", "--data"], &[&data])["file"].as_str().unwrap());
    for item in &items {
        daemon.until(item, &["published"]).await;
    }
    stop(daemon);
    let sent = stage.ledger().effects.len();
    assert_eq!(sent, 20);

    let restored = run(&["restore"], &[&backup, Path::new("--data"), &data]);
    assert!(Path::new(restored["kept"].as_str().unwrap()).exists(), "{restored:#}");
    let daemon = Daemon::start(&district);
    let stopped = is_stopped(&daemon).await;
    assert!(stopped.to_string().contains("restored"), "{stopped:#}");
    for item in &items {
        let states = daemon.until(item, &["published"]).await;
        assert_eq!(states.len(), 4);
    }
    let deliveries = daemon.deliveries().await;
    let by_evidence = deliveries.iter().filter(|d| d["receipt"]["by"] == "evidence").count();
    assert_eq!(by_evidence, 20, "{deliveries:#?}");
    assert_eq!(daemon.states(&later).await["W015"], "due", "its time had not come");
    assert_eq!(stage.ledger().effects.len(), sent, "something was sent after the restore");
    stage.assert_clean();

    // One restart later it is the usual database, and still stopped.
    stop(daemon);
    let daemon = Daemon::start(&district);
    assert!(is_stopped(&daemon).await.to_string().contains("restored"));
    let new = daemon.publish("d07.xx", "恢复以后", &["W015"], Duration::ZERO).await;
    daemon.until(&new, &["held"]).await;
    for person in ["off.hg", "off.zr"] {
        let (status, body) = daemon.call(person, "POST", "/api/v1/stop/lift", None).await;
        assert!(status.is_success(), "{person}: {status} {body:#}");
    }
    daemon.until(&new, &["published"]).await;
    assert_eq!(stage.ledger().effects.len(), sent + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_a_restore_is_refused_while_the_daemon_runs_and_a_backup_never_overwrites() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    let data = district.data();
    let _daemon = Daemon::start(&district);
    let copy = district.path("copy.db");
    run(&["backup", "--to"], &[&copy, Path::new("--data"), &data]);
    let refused = |arguments: &[&str]| {
        let mut command = Command::new(juzhen());
        let output = command.args(arguments).arg(&copy).arg("--data").arg(&data).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&["restore"]).contains("in use by juzhen process"));
    assert!(refused(&["backup", "--to"]).contains("not written over"));
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_a_database_that_is_taken_away_ends_the_daemon_and_is_not_made_anew() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    let database = district.data().join("juzhen.db");
    let mut daemon = Daemon::start(&district);
    daemon.submit("d07.xx", "在库里", &["W015"]).await;
    std::fs::remove_file(&database).unwrap();
    let ended = daemon.ended(Duration::from_secs(10));
    assert!(ended.is_some_and(|status| status.code() == Some(1)), "{ended:?}: {}", daemon.log());
    assert!(daemon.log().contains("juzhen.db"), "{}", daemon.log());
    let refused = Daemon::try_start(&Api::new(district.data()), &district, &Run::default());
    let refused = refused.err().expect("a new database was made in the place of the lost one");
    assert!(refused.log.contains("juzhen restore"), "{}", refused.log);
    assert!(!database.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn f25_a_database_that_lost_its_log_in_a_crash_sends_nothing() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    let mut daemon = Daemon::start(&district);
    daemon.kill();
    // After a crash with its log, it goes on.
    let mut daemon = Daemon::start(&district);
    assert!(!is_stopped(&daemon).await.to_string().contains("restored"));
    let id = daemon.publish("d07.xx", "日志里的", &["W015"], Duration::ZERO).await;
    daemon.until(&id, &["published"]).await;
    daemon.kill();
    std::fs::remove_file(district.data().join("juzhen.db-wal")).unwrap();
    let daemon = Daemon::start(&district);
    assert!(is_stopped(&daemon).await.to_string().contains("restored"), "{}", daemon.log());
    assert_eq!(stage.posts("日志里的").len(), 1);
}
