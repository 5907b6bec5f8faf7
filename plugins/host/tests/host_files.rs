//! Files that come, change, go and are no adapters, while calls go on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod host;

use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use host::{District, SLOW, answer_of, c_adapter, hostile, mock, refused, status, until, variant};
use juzhen_host::{Host, peek_directory};

async fn works(host: &Host, district: &District) {
    assert_eq!(answer_of(&host.call(district.publish("mock", 1, "geht")).await)["state"], "published");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_swap_under_load_fails_no_call() {
    let district = Arc::new(District::new().await);
    district.install(mock(), "mock.so");
    let host = district.host(district.options()).await;
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..16)
        .map(|account| {
            let (host, district, done) = (host.clone(), Arc::clone(&district), Arc::clone(&done));
            tokio::spawn(async move {
                let mut calls = 0;
                while !done.load(Ordering::SeqCst) {
                    let reply = host.call(district.publish("mock", account, "last")).await;
                    assert_eq!(answer_of(&reply)["state"], "published", "{reply:?}");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut pids = vec![status(&host, "mock").pid];
    for number in 0..8 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let before = status(&host, "mock").sha256;
        district.install(&variant(mock(), number), "mock.so");
        until("swapped", || status(&host, "mock").sha256 != before).await;
        pids.push(status(&host, "mock").pid);
    }
    done.store(true, Ordering::SeqCst);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    assert!(calls > 100, "{calls}");
    assert_eq!(district.platform.seen().len(), calls, "each call posted once");
    assert_eq!((status(&host, "mock").calls, status(&host, "mock").crashes), (calls as u64, 0));
    // Every old child has ended.
    let old = &pids[..pids.len() - 1];
    until("drained", || {
        old.iter().flatten().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_a_call_that_began_on_the_old_file_ends_on_it() {
    let district = District::new().await;
    district.install(mock(), "mock.so");
    let host = district.host(district.options()).await;
    let old = status(&host, "mock").sha256;
    // Longer than the grace of a shutdown.
    let slow = host.call(district.publish("mock", 1, SLOW));
    let (reply, ()) = tokio::join!(slow, async {
        until("posted", || district.platform.posts(1, SLOW) == 1).await;
        district.install(&variant(mock(), 1), "mock.so");
        until("swapped", || status(&host, "mock").sha256 != old).await;
        works(&host, &district).await;
    });
    assert_eq!(answer_of(&reply)["state"], "published");
    assert_eq!(reply.adapter.unwrap().sha256, old);
    assert_eq!((district.platform.posts(1, SLOW), status(&host, "mock").crashes), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn f80_f82_what_cannot_run_is_refused_with_its_reason_and_the_old_one_goes_on() {
    let district = District::new().await;
    district.install(mock(), "mock.so");
    let host = district.host(district.options()).await;
    let serving = status(&host, "mock").sha256;
    let other_major = c_adapter(&["-DMAJOR=2"]);
    let cut = &mock()[..mock().len() / 2];
    for (content, why) in [
        (other_major.as_slice(), "ABI major 2"),
        (cut, "incomplete"),
        (b"just a text\n".as_slice(), "not a shared object"),
        (b"".as_slice(), "not a shared object"),
    ] {
        district.install(content, "mock.so");
        let report = host.rescan().await;
        let reasons = refused(&host);
        assert!(reasons.len() == 1 && reasons[0].1.contains(why), "{why}: {reasons:?} {report:?}");
        assert_eq!(status(&host, "mock").sha256, serving);
        works(&host, &district).await;
    }
    district.install(&variant(mock(), 1), "mock.so");
    until("good again", || status(&host, "mock").sha256 != serving).await;
    assert!(refused(&host).is_empty());
    works(&host, &district).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_a_world_writable_file_is_refused_once_and_loaded_when_its_mode_is_mended() {
    let district = District::new().await;
    let path = district.install(mock(), "mock.so");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let content_changed = || std::fs::metadata(&path).unwrap().modified().unwrap();
    let before = content_changed();
    let host = district.host(district.options()).await;
    assert!(refused(&host)[0].1.contains("world-writable"), "{:?}", refused(&host));
    let mut changes = host.changed();
    changes.mark_unchanged();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!changes.has_changed().unwrap(), "the same refusal is said once");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    until("loaded", || refused(&host).is_empty() && !host.adapters().is_empty()).await;
    assert_eq!(content_changed(), before);
    works(&host, &district).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_process_could_not_be_started_is_tried_again() {
    let district = District::new().await;
    district.install(mock(), "mock.so");
    let mut options = district.options();
    let program = std::mem::replace(&mut options.lane.program, district.folder.path().join("program"));
    let host = district.host(options.clone()).await;
    assert!(refused(&host)[0].1.contains("could not start a process"), "{:?}", refused(&host));
    std::os::unix::fs::symlink(program, &options.lane.program).unwrap();
    until("loaded", || refused(&host).is_empty()).await;
    works(&host, &district).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_unloaded_is_not_tried_again() {
    for (in_process, again) in [(false, 1), (true, 0)] {
        let district = District::new().await;
        district.install(&c_adapter(&["-DCREATE_FAILS"]), "sins.so");
        let mut options = district.options();
        options.watch.retry_refused = Duration::ZERO;
        if in_process {
            options = options.in_process();
        }
        let host = district.host(options).await;
        assert!(refused(&host)[0].1.contains("no api address"), "{:?}", refused(&host));
        assert_eq!(host.rescan().await.refused.len(), again, "in process: {in_process}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_a_second_file_of_the_same_adapter_is_refused_by_name() {
    let district = District::new().await;
    district.install(mock(), "mock.so");
    district.install(&variant(mock(), 1), "other.so");
    let host = district.host(district.options()).await;
    let reasons = refused(&host);
    assert!(reasons[0].0 == "other.so" && reasons[0].1.contains("already served by"), "{reasons:?}");
    works(&host, &district).await;
    // Once the first is away, the other takes its place.
    std::fs::remove_file(district.folder.path().join("mock.so")).unwrap();
    std::fs::rename(district.folder.path().join("other.so"), district.folder.path().join("new.so")).unwrap();
    until("served by the other", || status(&host, "mock").file.ends_with("new.so")).await;
    assert!(!status(&host, "mock").file_missing && refused(&host).is_empty());
    works(&host, &district).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_a_file_that_is_removed_or_overwritten_in_place_does_not_touch_what_runs() {
    let district = District::new().await;
    let path = district.install(mock(), "mock.so");
    let host = district.host(district.options()).await;
    let (pid, sha256) = (status(&host, "mock").pid, status(&host, "mock").sha256);
    std::fs::write(&path, vec![0; 100_000]).unwrap();
    until("refused", || !refused(&host).is_empty()).await;
    works(&host, &district).await;
    std::fs::remove_file(&path).unwrap();
    until("missed", || status(&host, "mock").file_missing).await;
    works(&host, &district).await;
    assert_eq!((status(&host, "mock").pid, refused(&host).len()), (pid, 0));
    // The same bytes again are no reason to change anything.
    district.install(mock(), "mock.so");
    until("back", || !status(&host, "mock").file_missing).await;
    assert_eq!((status(&host, "mock").pid, status(&host, "mock").sha256), (pid, sha256));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_not_read_while_it_is_being_copied() {
    let district = District::new().await;
    let mut options = district.options();
    // Many times the pause between two pieces, so that a busy machine does not make it look settled.
    options.watch.settle = Duration::from_millis(2000);
    options.watch.poll_every = Duration::from_millis(50);
    let host = district.host(options).await;
    let content = mock(); // built before the first byte is written
    let mut changes = host.changed();
    changes.mark_unchanged();
    let mut file = std::fs::File::create(district.folder.path().join("mock.so")).unwrap();
    for piece in content.chunks(content.len() / 30 + 1) {
        file.write_all(piece).unwrap();
        tokio::time::sleep(Duration::from_millis(120)).await;
        // Neither loaded nor refused.
        assert!(host.adapters().is_empty(), "{:?}", host.adapters());
    }
    drop(file);
    until("loaded", || !host.adapters().is_empty()).await;
    assert!(refused(&host).is_empty() && changes.has_changed().unwrap());
    works(&host, &district).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_comes_later_is_found_and_a_check_sees_all_without_running_any() {
    let district = District::new().await;
    let host = district.host(district.options()).await;
    assert!(host.adapters().is_empty());
    district.install(hostile(), "hostile.so");
    district.install(mock(), "mock.so");
    district.install(b"no", "text.so");
    district.install(b"ignored", "notes.txt");
    until("found", || host.adapters().len() == 3).await;
    works(&host, &district).await;
    let peeked = peek_directory(district.folder.path()).unwrap();
    let names: Vec<_> = peeked
        .iter()
        .map(|(file, seen)| {
            (file.as_str(), seen.as_ref().map(|library| library.manifest().name.clone()).ok())
        })
        .collect();
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(names, [("hostile.so", some("hostile")), ("mock.so", some("mock")), ("text.so", None)]);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error_with_its_name() {
    let district = District::new().await;
    let mut options = district.options();
    options.adapters_dir = district.folder.path().join("nowhere");
    let why = Host::start(options, district.memory.ports()).await.err().unwrap().to_string();
    assert!(why.contains("nowhere") && why.contains("No such file"), "{why}");
}
