//! Cassettes against the real mock adapter: what replays, and what each kind of difference is called.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Helpers of tests.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use juzhen_testkit::cassette::{Cassette, ReplayError, replay};
use juzhen_testkit::{Library, build};

#[test]
fn a_recorded_operation_makes_the_same_requests_and_says_the_same() {
    assert_eq!(replay(library(), recorded()).unwrap(), 1);
    assert_eq!(replay(library(), recorded().parent().unwrap()).unwrap(), 1, "a folder of them, too");
}

#[test]
fn the_first_difference_is_shown_beside_what_was_recorded() {
    let Err(ReplayError::Request { place: 1, recorded, asked }) = replayed(|c| {
        c.request["body"]["text"] = "今日供水。".into();
    }) else {
        panic!("another text replays")
    };
    assert!(
        recorded.contains("停水") && asked.contains("供水") && asked.contains("POST"),
        "{recorded}\n{asked}"
    );

    let once_more = replayed(|c| c.exchanges.extend(c.exchanges.clone()));
    assert!(matches!(once_more, Err(ReplayError::Missing { place: 2, .. })), "{once_more:?}");
    let none = replayed(|c| c.exchanges.clear());
    let Err(ReplayError::Request { place: 1, recorded, .. }) = none else { panic!("{none:?}") };
    assert_eq!(recorded, "nothing more");
    let refused = replayed(|c| c.exchanges[0].answer.as_mut().unwrap()["status"] = 403.into());
    let Err(ReplayError::Ended { recorded, said }) = refused else { panic!("{refused:?}") };
    assert!(recorded.contains("published") && said.contains("rejected"), "{recorded}\n{said}");
}

#[test]
fn what_is_no_cassette_of_this_version_is_not_replayed() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cassettes");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("one.json");
    let text = std::fs::read_to_string(recorded()).unwrap();
    std::fs::write(&file, text.replace("\"cassette\": 1", "\"cassette\": 2")).unwrap();
    let newer = Cassette::read(&file);
    assert!(matches!(newer, Err(ReplayError::Version { version: 2, .. })), "{newer:?}");
    std::fs::write(&file, text.replace("\"exchanges\"", "\"exchange\"")).unwrap();
    let other = Cassette::read(&file);
    assert!(matches!(other, Err(ReplayError::Parse { .. })), "{other:?}");
}

fn replayed(change: impl FnOnce(&mut Cassette)) -> Result<(), ReplayError> {
    let mut cassette = Cassette::read(&recorded()).unwrap();
    change(&mut cassette);
    cassette.replay(library())
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/mock/tests/cassettes/publish.json")
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::load(&build::adapter("juzhen-adapter-mock").unwrap()).unwrap())
}
