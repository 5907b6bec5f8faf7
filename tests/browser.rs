//! What the public sees, in a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::Duration;

use juzhen_tests::{Daemon, District, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_public_page_shows_the_post_and_runs_nothing_of_it() {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    let daemon = Daemon::start(&district);
    let text = "防汛提示 <script>document.title='owned'</script>";
    let id = daemon.publish("off.xx", text, &["W000"], Duration::from_millis(200)).await;
    daemon.until(&id, &["published"]).await;
    let page = stage.handle.page_url();
    let shown = tokio::task::spawn_blocking(move || dom(&page)).await.unwrap();
    assert!(shown.contains("防汛提示 &lt;script&gt;"), "{shown}");
    assert!(!shown.contains("<title>owned</title>"), "the text was run as a script");
}

/// The page as Chromium has built it, scripts run.
fn dom(url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=1000", "--dump-dom", url])
        .output()
        .expect("chromium is not installed: `tests/run` installs what the tests need");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
