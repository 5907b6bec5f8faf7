//! Loading again: only what changed is parsed, and the result is that of a fresh start; files are read with distrust.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is missing"
)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use common::{files, installed, with};
use juzhen_settings::{Loader, Settings};
use proptest::prelude::*;

fn fresh(folder: &Path) -> Result<Arc<Settings>, String> {
    Loader::new(folder).load(Some(&installed())).map_err(|report| report.to_string())
}

/// One thing that somebody does to the folder.
#[derive(Debug, Clone)]
enum Edit {
    Replace(usize, usize),
    Truncate(usize, usize),
    Remove(usize),
    Restore(usize),
    Comment(usize),
}

/// Swaps that keep the set good, break it, or break references to it.
const SWAPS: [(&str, &str); 8] = [
    ("W001", "W002"),
    ("active", "suspended"),
    ("weibo", "weibbo"),
    ("yaowen", "gonggao"),
    ("T01", "T02"),
    ("forward", "publish"),
    ("4", "5"),
    ("name:", "nam:"),
];

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0usize..6, 0usize..SWAPS.len()).prop_map(|(file, swap)| Edit::Replace(file, swap)),
        (0usize..6, 0usize..400).prop_map(|(file, end)| Edit::Truncate(file, end)),
        (0usize..6).prop_map(Edit::Remove),
        (0usize..6).prop_map(Edit::Restore),
        (0usize..6).prop_map(Edit::Comment),
    ]
}

fn apply(folder: &Path, edit: &Edit) {
    let all: Vec<(String, String)> = files().into_iter().collect();
    let path = |file: usize| folder.join(&all[file].0);
    let change = |file: usize, change: &dyn Fn(String) -> String| {
        if let Ok(text) = std::fs::read_to_string(path(file)) {
            std::fs::write(path(file), change(text)).unwrap();
        }
    };
    match *edit {
        Edit::Replace(file, swap) => change(file, &|text| text.replace(SWAPS[swap].0, SWAPS[swap].1)),
        Edit::Truncate(file, end) => change(file, &|text| text.chars().take(end).collect()),
        Edit::Comment(file) => change(file, &|text| format!("# note\n{text}")),
        Edit::Remove(file) => drop(std::fs::remove_file(path(file))),
        Edit::Restore(file) => std::fs::write(path(file), &all[file].1).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_incremental_load_is_a_full_load(edits in prop::collection::vec(edit(), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        common::write(folder.path(), &files());
        let mut loader = Loader::new(folder.path());
        for edit in edits {
            apply(folder.path(), &edit);
            let found = loader.load(Some(&installed())).map_err(|report| report.to_string());
            prop_assert_eq!(found, fresh(folder.path()), "after {:?}", edit);
        }
    }
}

#[test]
fn only_the_changed_file_is_parsed_again() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    let mut loader = Loader::new(folder.path());
    let first = loader.load(None).unwrap();
    assert_eq!(loader.parsed(), 6);
    std::fs::write(folder.path().join("columns.yaml"), common::COLUMNS).unwrap();
    assert_eq!(loader.load(None).unwrap().revision, first.revision, "the time of writing does not count");
    assert_eq!(loader.parsed(), 0);
    std::fs::write(folder.path().join("columns.yaml"), format!("# note\n{}", common::COLUMNS)).unwrap();
    assert_ne!(loader.load(None).unwrap().revision, first.revision);
    assert_eq!(loader.parsed(), 1);
}

#[test]
fn the_last_good_set_comes_back_from_its_texts() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    std::fs::write(folder.path().join("columns.yaml"), format!("\u{feff}{}", common::COLUMNS)).unwrap();
    let from_folder = Loader::new(folder.path()).load(Some(&installed())).unwrap();
    let from_texts = Loader::from_sources(from_folder.sources.clone()).load(Some(&installed())).unwrap();
    assert_eq!(from_folder, from_texts, "the revision as well");
}

#[test]
fn f86_missing_files_are_named() {
    let mut set = files();
    set.remove("routes.yaml");
    set.retain(|name, _| !name.starts_with("units/"));
    let report = Loader::from_sources(set).load(None).unwrap_err().to_string();
    assert!(report.contains("routes.yaml:1:1  the file is missing"), "{report}");
    assert!(report.contains("units:1:1  there is no file in this folder"), "{report}");
    let gone = Loader::new("/nowhere/at/all").load(None).unwrap_err();
    assert_eq!(gone.faults.len(), 1, "{gone}");
    assert!(gone.to_string().contains("cannot open the folder: /nowhere/at/all"), "{gone}");
}

#[test]
fn f87_what_editors_leave_behind_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    for name in
        [".T01.yaml.swp", "T01.yaml~", "4913", ".#T01.yaml", "T01.yaml.bak", ".hidden.yaml", "#T01.yaml#"]
    {
        std::fs::write(folder.path().join("units").join(name), "code: [").unwrap();
    }
    let mut loader = Loader::new(folder.path());
    assert!(loader.load(None).is_ok(), "{}", loader.report());
    assert_eq!((loader.report().files, loader.report().faults.len()), (6, 0));
}

#[test]
fn files_with_a_name_that_is_not_read_are_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    std::fs::write(folder.path().join("route.yaml"), "").unwrap();
    std::fs::write(folder.path().join("units/D07.yml"), "").unwrap();
    let mut loader = Loader::new(folder.path());
    assert!(loader.load(None).is_ok());
    let lines: Vec<String> = loader.report().faults.iter().map(ToString::to_string).collect();
    let expected = [
        "route.yaml:1:1  this file is not read; did you mean `routes.yaml`?",
        "units/D07.yml:1:1  this file is not read; did you mean `units/D07.yaml`?",
    ];
    assert_eq!(lines, expected);
}

/// F88, F89, F90: what is no plain file of ours is refused, and nothing waits for it.
#[test]
fn f88_f89_f90_only_plain_files_inside_the_folder_are_read() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("columns.yaml"), common::COLUMNS).unwrap();
    type Spoil<'a> = &'a dyn Fn(&Path);
    let spoil: [(&str, Spoil<'_>); 8] = [
        ("not a regular file", &|path| std::fs::create_dir(path).unwrap()),
        ("not a regular file", &|path| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }),
        ("leads out of the configuration folder", &|path| symlink("/dev/zero", path).unwrap()),
        ("leads out of", &|path| symlink(outside.path().join("columns.yaml"), path).unwrap()),
        ("cannot read the file", &|path| symlink("nowhere.yaml", path).unwrap()),
        ("cannot read the file", &|path| symlink(path, path).unwrap()),
        ("anybody on this machine may change this file", &|path| {
            std::fs::write(path, common::COLUMNS).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
        }),
        ("the limit is 262144", &|path| std::fs::write(path, "#".repeat(50 << 20)).unwrap()),
    ];
    for (expected, spoil) in spoil {
        let folder = tempfile::tempdir().unwrap();
        common::write(folder.path(), &files());
        let path = folder.path().join("columns.yaml");
        std::fs::remove_file(&path).unwrap();
        spoil(&path);
        let report = Loader::new(folder.path()).load(None).unwrap_err();
        assert!(
            report.faults.iter().any(|f| f.file == "columns.yaml" && f.message.contains(expected)),
            "{report}"
        );
        assert_eq!(report.faults.len(), 1, "{report}");
    }
}

#[test]
fn f88_links_inside_the_folder_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    common::write(&folder.path().join("..2026"), &files());
    symlink("..2026", folder.path().join("..data")).unwrap();
    for name in ["district.yaml", "columns.yaml", "procedures.yaml", "routes.yaml", "units"] {
        symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
    }
    fresh(folder.path()).unwrap();
}

#[test]
fn f89_a_folder_that_anybody_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    std::fs::set_permissions(folder.path().join("units"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let report = Loader::new(folder.path()).load(None).unwrap_err().to_string();
    assert!(report.contains("units:1:1  anybody on this machine may change this folder"), "{report}");
}

#[test]
fn f90_too_many_files_and_too_many_bytes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    let units = folder.path().join("units");
    for n in 0..70 {
        std::fs::write(units.join(format!("X{n}.yaml")), format!("# {}\n", "x".repeat(250_000))).unwrap();
    }
    let report = Loader::new(folder.path()).load(None).unwrap_err();
    assert!(report.to_string().contains("the limit is 16777216"), "{report}");
    assert_eq!(report.faults.len(), 1, "{report}");
    for n in 0..2_000 {
        std::fs::write(units.join(format!("X{n}.yaml")), "").unwrap();
    }
    let report = Loader::new(folder.path()).load(None).unwrap_err().to_string();
    assert!(report.contains("the limit is 2000"), "{report}");
}

/// Without manifests, nothing is said about adapters; the rest is checked as ever.
#[test]
fn what_is_not_known_is_not_checked() {
    let unit = common::UNIT.replace("platform: weibo", "platform: weibbo");
    let set = with("units/T01.yaml", &unit);
    assert!(Loader::from_sources(set.clone()).load(None).is_ok());
    assert!(Loader::from_sources(set).load(Some(&installed())).is_err());
    let none: BTreeMap<String, String> = BTreeMap::new();
    assert_eq!(Loader::from_sources(none).load(None).unwrap_err().faults.len(), 5);
}
