//! The disk under the database: without room (P17, F18), without room for the log alone (F19), and failing (F21).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use juzhen_sandbox::Fault;
use juzhen_tests::{Api, Daemon, District, Stage, eventually, juzhen};
use reqwest::StatusCode;

/// A small disk on a folder of the test, gone with it.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, said aloud, where nobody may mount.
    fn on(folder: PathBuf, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(&folder);
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        needs_root("mount a small disk");
        None
    }

    /// Takes all the room but for so many KiB.
    fn fill(&self, left: u64) {
        let free = rustix::fs::statvfs(&self.0).unwrap();
        let take = (free.f_bavail * free.f_frsize).saturating_sub(left << 10);
        let stuff = self.0.join(format!("stuff-{left}"));
        std::fs::write(stuff, vec![1; usize::try_from(take).unwrap()]).unwrap();
    }

    fn clear(&self) {
        for left in [0, 256] {
            std::fs::remove_file(self.0.join(format!("stuff-{left}"))).unwrap();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What only root can try is not tried elsewhere; root has to be able to.
fn needs_root(what: &str) {
    let root = rustix::process::geteuid().is_root();
    assert!(!root, "root could not {what}: is this a container without its capabilities?");
    eprintln!("not run: only root may {what}");
}

async fn is_ready(daemon: &Daemon) -> bool {
    daemon.try_call("off.hg", "GET", "/readyz", None).await.is_ok_and(|(status, _)| status == StatusCode::OK)
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_f18_on_a_full_disk_nothing_is_sent_what_was_sent_is_recorded_and_it_comes_back() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015", "W016", "W017"]);
    district.write_district(&stage.mock_url(), "storage: {reserve_mib: 4}\n");
    let Some(disk) = SmallDisk::on(district.data(), "16m") else { return };
    let ballast = district.data().join("juzhen.db.ballast");
    let mut daemon = Daemon::start(&district);
    let first = daemon.publish("d07.xx", "第一条", &["W015"], Duration::ZERO).await;
    daemon.until(&first, &["published"]).await;
    assert!(ballast.exists());

    // One is with the platform, one is due soon.
    stage.fault("POST", "/posts", Some(1), Fault::DelayMs { ms: 5_000 });
    let sent = daemon.publish("d07.xx", "正在发送", &["W016"], Duration::ZERO).await;
    eventually("the platform has it", async || stage.posts("正在发送").len() == 1).await;
    let waiting = daemon.publish("d07.xx", "等磁盘", &["W017"], Duration::from_millis(1_500)).await;
    disk.fill(256);
    eventually("readiness tells", async || !is_ready(&daemon).await).await;
    let (_, metrics) = daemon.call("off.hg", "GET", "/metrics", None).await;
    assert!(metrics.as_str().unwrap().contains("juzhen_database_free_bytes "));
    disk.fill(0);
    daemon.until(&sent, &["published"]).await;
    assert!(!ballast.exists(), "its receipt was written in the room of the ballast");
    let (status, body) =
        daemon.call("d07.xx", "POST", "/api/v1/items", Some(juzhen_tests::item("新的", &["W015"]))).await;
    assert_eq!((status, &body["code"]), (StatusCode::INSUFFICIENT_STORAGE, &"no_room".into()), "{body:#}");
    assert_eq!(daemon.states(&waiting).await["W017"], "due");
    assert!(stage.posts("等磁盘").is_empty(), "sent although it could not be recorded");

    disk.clear();
    daemon.until(&waiting, &["published"]).await;
    eventually("it is ready again", async || is_ready(&daemon).await).await;
    eventually("there is a ballast again", async || ballast.exists()).await;
    assert!(daemon.is_running());
    for text in ["正在发送", "等磁盘"] {
        assert_eq!(stage.posts(text).len(), 1, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_a_log_that_finds_no_room_stops_nothing() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(juzhen());
    command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(district.config());
    command.arg("--data").arg(district.data());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(full).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let api = Api::new(district.data());
    api.moved_to(line.trim().strip_prefix("listening on ").unwrap());
    let id = api.publish("d07.xx", "没有日志", &["W015"], Duration::ZERO).await;
    api.until(&id, &["published"]).await;
    assert_eq!(child.try_wait().unwrap(), None, "still running");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stage.posts("没有日志").len(), 1);
}

/// Makes the next syncs of a running process fail.
fn fail_syncs(pid: u32, log: &Path) -> Option<std::process::Child> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-q", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", "-o"]);
    let strace = strace.arg(log).args(["-p", &pid.to_string()]).stderr(Stdio::piped()).spawn();
    let mut strace = strace.expect("strace is there (tests/run installs it)");
    std::thread::sleep(Duration::from_millis(500));
    if strace.try_wait().unwrap().is_some() {
        needs_root("look into a process that shut itself off");
        return None;
    }
    Some(strace)
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_after_a_failed_sync_the_daemon_ends_and_the_next_one_finds_what_was_sent() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.unit("D07", "department", &["W015"]);
    let mut daemon = Daemon::start(&district);
    stage.fault("POST", "/posts", Some(1), Fault::DelayMs { ms: 2_500 });
    let id = daemon.publish("d07.xx", "磁盘坏了", &["W015"], Duration::ZERO).await;
    eventually("the platform has it", async || stage.posts("磁盘坏了").len() == 1).await;
    let Some(mut strace) = fail_syncs(daemon.pid(), &district.path("strace")) else { return };
    let ended = daemon.ended(Duration::from_secs(20));
    assert!(ended.is_some_and(|status| status.code() == Some(1)), "{ended:?} {}", daemon.log());
    assert!(daemon.log().contains("the database has failed"), "{}", daemon.log());
    strace.wait().unwrap();
    let daemon = Daemon::start(&district);
    daemon.until(&id, &["published"]).await;
    assert_eq!(stage.posts("磁盘坏了").len(), 1);
    stage.assert_clean();
}
