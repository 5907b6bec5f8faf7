//! Word lists as part of the one checked set: every form and encoding, faults with their place, read again when they change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is missing"
)]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use encoding_rs::GB18030;
use jiff::civil::date;
use juzhen_domain::check::Draft;
use juzhen_domain::count::Text;
use juzhen_settings::{Loader, Settings};

/// A district with these files in `lexicons/`.
fn district(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &common::files());
    fs::create_dir(folder.path().join("lexicons")).unwrap();
    for (name, bytes) in files {
        list(folder.path(), name, bytes);
    }
    folder
}

fn list(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join("lexicons").join(name), bytes).unwrap();
}

/// `rule text` of each finding.
fn found(settings: &Settings, body: &str) -> Vec<String> {
    let draft = Draft { text: Text { body, ..Text::default() }, ..Draft::default() };
    let found = settings.checks.checker.check(&draft, date(2026, 6, 1));
    found.iter().map(|finding| format!("{} {}", finding.rule.as_str(), finding.text)).collect()
}

#[test]
fn lists_of_every_form_and_encoding_are_one_lexicon() {
    let yaml = "categories:\n  c2: {terms: [看相转运]}\n  c6: {action: block, terms: [初步方案], exempt_if: [征求意见]}\nallow: [揭穿看相转运]\n";
    let gbk = GB18030.encode("刷单返利\t c7\tblock\n布署\t部署\n").0;
    let folder = district(&[
        ("own.yaml", yaml.as_bytes()),
        ("old.tsv", &gbk),
        ("mark.txt", "\u{feff}代开发票,出售假证".as_bytes()),
    ]);
    let settings = Loader::new(folder.path()).load(None).unwrap();
    assert_eq!(found(&settings, "看相转运，揭穿看相转运"), ["c2 看相转运"]);
    assert_eq!(found(&settings, "初步方案"), ["c6 初步方案"]);
    assert_eq!(found(&settings, "初步方案征求意见"), Vec::<String>::new());
    assert_eq!(found(&settings, "代开发票、出售假证"), ["c7 代开发票", "c7 出售假证"]);
    assert_eq!(found(&settings, "刷单返利的布署"), ["c7 刷单返利", "typo 布署"]);
    let terms: Vec<usize> = settings.checks.lexicons.values().map(|list| list.terms).collect();
    assert_eq!(terms, [2, 2, 4]);
    // What the database keeps of it says the same after a start with broken files.
    let kept = Loader::from_sources(settings.sources.clone()).load(None).unwrap();
    assert_eq!((&kept.revision, found(&kept, "布署")), (&settings.revision, vec!["typo 布署".to_owned()]));
}

#[test]
fn f92_every_fault_of_every_list_has_its_place() {
    let folder = district(&[
        ("a.tsv", "账号\t账号\n".as_bytes()),
        ("b.yaml", "categories:\n  c8: {terms: [甲词]}\n  c1: {action: strict, terms: [乙词]}\n".as_bytes()),
        ("c.txt", b"\xff\xff\xff"),
    ]);
    let report = Loader::new(folder.path()).load(None).unwrap_err();
    let places: Vec<String> = report.faults.iter().map(juzhen_settings::Fault::place).collect();
    assert_eq!(
        places,
        ["lexicons/a.tsv:1:4", "lexicons/b.yaml:2:3", "lexicons/b.yaml:3:16", "lexicons/c.txt:1:1"]
    );
}

#[test]
fn a_list_that_changes_is_read_again_and_the_others_are_not_built_anew() {
    let folder = district(&[("a.txt", "代开发票\n".as_bytes())]);
    let mut loader = Loader::new(folder.path());
    let before = loader.load(None).unwrap();
    let unit = folder.path().join("units/T01.yaml");
    fs::write(&unit, fs::read_to_string(&unit).unwrap().replace("柳河发布", "柳河乡发布")).unwrap();
    let same = loader.load(None).unwrap();
    assert_ne!(before.revision, same.revision);
    assert!(Arc::ptr_eq(&before.checks.checker, &same.checks.checker));
    list(folder.path(), "a.txt", "出售假证\n".as_bytes());
    let after = loader.load(None).unwrap();
    assert_eq!((found(&after, "代开发票"), found(&after, "出售假证").len()), (vec![], 1));
    let changes = juzhen_settings::diff(Some(&same), &after);
    assert_eq!(changes.to_string(), "~ word list lexicons/a.txt: sha256");
}

#[test]
fn the_table_of_leaders_and_the_known_sites_are_settings_like_all_others() {
    let folder = district(&[]);
    let leaders = "leaders:\n  - {name: 钱学真, titles: [区委书记], rank: 1, to: \"2026-05-31\"}\n...\n";
    fs::write(folder.path().join("leaders.yaml"), leaders).unwrap();
    let file = folder.path().join("district.yaml");
    let text =
        fs::read_to_string(&file).unwrap().replace("\n...", "\nchecks: {link_whitelist: [example.com]}\n...");
    fs::write(&file, text).unwrap();
    let settings = Loader::new(folder.path()).load(None).unwrap();
    assert_eq!(found(&settings, "区委书记钱学真"), ["leader_title 区委书记钱学真"], "not since June");
    assert_eq!(found(&settings, "见https://example.com/a"), Vec::<String>::new());
    assert_eq!(found(&settings, "见https://a.gov.cn/"), ["link_unlisted https://a.gov.cn/"]);
    fs::write(folder.path().join("leaders.yaml"), leaders.replace("2026-05-31", "2026-02-30")).unwrap();
    let report = Loader::new(folder.path()).load(None).unwrap_err();
    assert_eq!(report.faults[0].place(), "leaders.yaml:2:46");
}
