//! Every way of writing a file is noticed, a storm is not passed on, and polling finds what events do not tell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is missing"
)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{COLUMNS, files};
use juzhen_settings::{Loader, watch};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Long enough for a busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_millis(50);

struct Watching {
    folder: tempfile::TempDir,
    looks: mpsc::Receiver<()>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Watching {
    async fn start(set_up: impl FnOnce(&Path), poll: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_up(folder.path());
        let (sender, looks) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let task = tokio::spawn(watch(folder.path().to_owned(), SETTLE, poll, sender, stop.clone()));
        let mut watching = Self { folder, looks, stop, task };
        watching.told().await;
        watching
    }

    async fn told(&mut self) {
        timeout(PATIENCE, self.looks.recv()).await.expect("nobody said to look again").unwrap();
    }

    /// Until the columns are as they should be: several writes may be told as one or as several.
    async fn until_column_is(&mut self, name: &str) {
        let mut loader = Loader::new(self.folder.path());
        loop {
            self.told().await;
            let named = |settings: std::sync::Arc<juzhen_settings::Settings>| {
                settings.columns.values().any(|column| column.name == name)
            };
            if loader.load(None).is_ok_and(named) {
                return;
            }
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

fn columns(name: &str) -> String {
    COLUMNS.replace("要闻", name)
}

/// Far away, so that only events can have told.
const NO_POLL: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn p08_six_ways_of_writing_are_noticed() {
    let mut watching = Watching::start(|path| common::write(path, &files()), NO_POLL).await;
    let folder = watching.folder.path().to_owned();
    let path = folder.join("columns.yaml");

    std::fs::write(folder.join(".new"), columns("一")).unwrap();
    std::fs::rename(folder.join(".new"), &path).unwrap();
    watching.until_column_is("一").await;

    let text = columns("二");
    std::fs::write(&path, "").unwrap();
    for end in [text.len() / 3, text.len() * 2 / 3, text.len()] {
        tokio::time::sleep(Duration::from_millis(5)).await;
        std::fs::write(&path, &text.as_bytes()[..end]).unwrap();
    }
    watching.until_column_is("二").await;

    std::fs::remove_file(&path).unwrap();
    watching.told().await;
    assert!(Loader::new(&folder).load(None).is_err());
    std::fs::write(&path, columns("三")).unwrap();
    watching.until_column_is("三").await;

    std::fs::File::create(&path).unwrap();
    watching.told().await;
    std::fs::write(&path, columns("四")).unwrap();
    watching.until_column_is("四").await;

    std::fs::write(folder.join("columns.next"), columns("五")).unwrap();
    std::os::unix::fs::symlink("columns.next", folder.join(".link")).unwrap();
    std::fs::rename(folder.join(".link"), &path).unwrap();
    watching.until_column_is("五").await;

    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    watching.told().await;
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, columns("六")).unwrap();
    watching.until_column_is("六").await;
    watching.stop().await;
}

/// The way that Kubernetes updates a mounted configuration, in the folder of units as well.
#[tokio::test(flavor = "multi_thread")]
async fn f88_a_swapped_link_is_noticed_and_the_new_folder_is_watched() {
    let set_up = |path: &Path| {
        common::write(&path.join("..1"), &files());
        std::os::unix::fs::symlink("..1", path.join("..data")).unwrap();
        for name in ["district.yaml", "columns.yaml", "procedures.yaml", "routes.yaml", "units"] {
            std::os::unix::fs::symlink(Path::new("..data").join(name), path.join(name)).unwrap();
        }
    };
    let mut watching = Watching::start(set_up, NO_POLL).await;
    let folder = watching.folder.path().to_owned();
    common::write(&folder.join("..2"), &common::with("columns.yaml", &columns("二")));
    std::os::unix::fs::symlink("..2", folder.join("..tmp")).unwrap();
    std::fs::rename(folder.join("..tmp"), folder.join("..data")).unwrap();
    watching.until_column_is("二").await;
    // Only the new folder of units sends this event.
    tokio::time::sleep(Duration::from_millis(200)).await;
    std::fs::write(folder.join("..2/units/T01.yaml"), common::UNIT.replace("柳河发布", "柳河")).unwrap();
    watching.told().await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f93_a_storm_is_told_at_most_once_a_second_and_its_end_is_told() {
    let mut watching = Watching::start(|path| common::write(path, &files()), NO_POLL).await;
    let path = watching.folder.path().join("columns.yaml");
    let started = Instant::now();
    let storm = tokio::task::spawn_blocking(move || {
        for n in 0..1_000 {
            std::fs::write(&path, columns(&format!("第{n}"))).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        std::fs::write(&path, columns("完")).unwrap();
    });
    let mut told = 0u64;
    let mut loader = Loader::new(watching.folder.path());
    loop {
        watching.told().await;
        told += 1;
        let settings = loader.load(None);
        if settings.is_ok_and(|s| s.columns.values().any(|column| column.name == "完")) {
            break;
        }
    }
    storm.await.unwrap();
    assert!(told <= started.elapsed().as_secs() + 2, "told {told} times in {:?}", started.elapsed());
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f94_polling_finds_what_no_event_told() {
    // The folder that is watched is replaced whole: its own watch sees nothing of the new one.
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("config");
    common::write(&folder, &files());
    let (sender, mut looks) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let task = tokio::spawn(watch(folder.clone(), SETTLE, Duration::from_millis(300), sender, stop.clone()));
    timeout(PATIENCE, looks.recv()).await.unwrap().unwrap();
    std::fs::rename(&folder, parent.path().join("old")).unwrap();
    timeout(PATIENCE, looks.recv()).await.expect("the folder is gone").unwrap();
    common::write(&folder, &common::with("columns.yaml", &columns("新")));
    timeout(PATIENCE, looks.recv()).await.expect("the folder is back").unwrap();
    stop.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f87_what_does_not_change_the_content_is_not_told() {
    let mut watching = Watching::start(|path| common::write(path, &files()), NO_POLL).await;
    let folder = watching.folder.path().to_owned();
    std::fs::write(folder.join(".columns.yaml.swp"), "x").unwrap();
    std::fs::write(folder.join("columns.yaml"), COLUMNS).unwrap();
    let told = timeout(Duration::from_millis(1500), watching.looks.recv()).await;
    assert!(told.is_err(), "nothing changed");
    watching.stop().await;
}
