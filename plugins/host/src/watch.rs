//! Looks at the adapters' folder whenever something happens in it, and every few seconds in case nobody was told.

use std::path::Path;
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::registry::Registry;
use crate::scan::{ScanReport, Seen};

/// Runs until `stop`.
pub(crate) async fn run(registry: Arc<Registry>, seen: Arc<Mutex<Seen>>, stop: CancellationToken) {
    let woken = Arc::new(Notify::new());
    let _watcher = watcher(&registry.options.adapters_dir, Arc::clone(&woken));
    let options = registry.options.watch;
    let mut unreadable = None;
    let mut again = options.poll_every;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = woken.notified() => {}
            () = tokio::time::sleep(again) => {}
        }
        let report = seen.lock().await.look(&registry).await;
        // A file that still moves is looked at as soon as it can have settled.
        again = if report.pending.is_empty() { options.poll_every } else { options.settle };
        if report.unreadable != unreadable {
            unreadable = report.unreadable;
            say(&registry.options.adapters_dir, unreadable.as_deref());
        }
    }
}

/// Looks until nothing moves any more, but not forever: an endless copy is reported as pending.
pub(crate) async fn settle(registry: &Registry, seen: &Mutex<Seen>) -> ScanReport {
    const LOOKS: u32 = 10;
    let mut report = seen.lock().await.look(registry).await;
    for _ in 1..LOOKS {
        if report.pending.is_empty() {
            break;
        }
        tokio::time::sleep(registry.options.watch.settle).await;
        report.then(seen.lock().await.look(registry).await);
    }
    report
}

fn watcher(folder: &Path, woken: Arc<Notify>) -> Option<RecommendedWatcher> {
    // Whatever happened, the look itself finds out; but a look opens the folder, and must not call the next one.
    let wake = move |event: notify::Result<notify::Event>| {
        if event.map_or(true, |event| may_change(&event)) {
            woken.notify_one();
        }
    };
    let started = notify::recommended_watcher(wake).and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    started
        .inspect_err(|cause| {
            tracing::warn!(error = %cause, "No file events for {}; it is looked at regularly", folder.display());
        })
        .ok()
}

fn may_change(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

fn say(folder: &Path, unreadable: Option<&str>) {
    match unreadable {
        Some(reason) => tracing::error!(
            reason,
            "Folder {} cannot be read: {reason}; the adapters in use go on",
            folder.display()
        ),
        None => tracing::info!("Folder {} can be read again", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_look_at_the_folder_does_not_call_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.so"), "x").unwrap();
        let woken = Arc::new(Notify::new());
        let _watcher = watcher(folder.path(), Arc::clone(&woken)).unwrap();
        std::fs::read_dir(folder.path()).unwrap().for_each(drop);
        std::fs::read(folder.path().join("a.so")).unwrap();
        let quiet = tokio::time::timeout(Duration::from_millis(300), woken.notified()).await;
        assert!(quiet.is_err(), "reading woke it");
        std::fs::write(folder.path().join("b.so"), "y").unwrap();
        tokio::time::timeout(Duration::from_secs(10), woken.notified()).await.unwrap();
    }
}
