//! Bad input as text: each file in `bad/` replaces files of the small district and shows the report that follows.
//!
//! `JUZHEN_BLESS=1 cargo test -p juzhen-settings --test bad_yaml` writes the reports anew; read them before you keep them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is missing"
)]

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::{COLUMNS, UNIT, files, report_in, report_of, with};
use juzhen_settings::{Loader, Locale, Severity};

/// Y01 to Y40 by number, and what else an operator may write.
#[test]
fn y01_to_y40_are_reported_with_their_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 50, "{} cases", paths.len());
    let mut wrong = String::new();
    for path in paths {
        let case = std::fs::read_to_string(&path).unwrap();
        let (input, expected) = case.split_once("----------\n").unwrap();
        let mut set = files();
        for part in input.split("#: ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap();
            set.insert(name.to_owned(), text.to_owned());
        }
        let mut report = report_of(set);
        if !report.is_empty() {
            report.push('\n');
        }
        if std::env::var_os("JUZHEN_BLESS").is_some() {
            std::fs::write(&path, format!("{input}----------\n{report}")).unwrap();
        } else if report != expected {
            writeln!(wrong, "{}\nexpected:\n{expected}\nfound:\n{report}", path.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What cannot be shown in a text file, or is too long for one.
#[test]
fn y22_to_y36_what_is_too_much_is_refused_quickly() {
    let columns = |text: String| report_of(with("columns.yaml", &text));
    let bomb = (1..=9).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))
    });
    assert!(columns(bomb + "...\n").contains("an alias"), "Y23");
    let nested = columns(format!("columns: {}{}\n...\n", "[".repeat(100_000), "]".repeat(100_000)));
    assert!(nested.contains("nested deeper than 24 levels"), "Y24: {nested}");
    let indented: String = (0..60).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert!(columns(indented + "...\n").contains("nested deeper"), "Y24, in block style");
    let keys: String = (0..11_000).map(|n| format!("k{n}: 1\n")).collect();
    assert!(columns(keys + "...\n").contains("more than 20000 values"), "Y25");
    let long = columns(format!("columns: {}\n...\n", "x".repeat(200_000)));
    assert!(long.contains("expected a list") && long.len() < 1000, "Y36: {long}");
    let many: String = (0..9_000).map(|n| format!("k{n}: 1\n")).collect();
    let report = columns(format!("{many}...\n"));
    assert!(report.contains("more faults in this file are not shown"), "a report that a person can read");
}

#[test]
fn y22_line_ends_of_other_systems_are_taken() {
    for text in [COLUMNS.replace('\n', "\r\n"), format!("\u{feff}{COLUMNS}"), COLUMNS.replace('\n', " \n")] {
        assert_eq!(report_of(with("columns.yaml", &text)), "", "{text:?}");
    }
    let old_mac = report_of(with("columns.yaml", &COLUMNS.replace('\n', "\r")));
    assert!(old_mac.contains("columns.yaml:"), "refused or equal, never less: {old_mac}");
}

/// Every beginning of a good file is refused or means the same (Y16, F84).
#[test]
fn y16_every_prefix_of_a_valid_file_is_refused_or_equal() {
    let whole = Loader::from_sources(files()).load(None).unwrap();
    for (name, text) in files() {
        for end in 0..text.len() {
            let Some(prefix) = text.get(..end) else { continue };
            if let Ok(found) = Loader::from_sources(with(&name, prefix)).load(None) {
                assert_eq!(prefix.trim_end(), text.trim_end(), "{name} cut after {end} bytes was taken");
                assert_eq!((&found.units, &found.routes), (&whole.units, &whole.routes));
            }
        }
    }
}

/// A cut inside a character, with the files of the shipped district, through real files.
#[test]
fn y16_every_prefix_of_a_shipped_unit_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    let path = folder.path().join("units/D07.yaml");
    let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/units/D07.yaml")).unwrap();
    let mut loader = Loader::new(folder.path());
    for end in 0..text.len() - 1 {
        std::fs::write(&path, &text[..end]).unwrap();
        let taken = loader.load(None).is_ok();
        assert!(!taken, "cut after {end} of {} bytes was taken", text.len());
    }
    std::fs::write(&path, &text).unwrap();
    loader.load(None).unwrap_or_else(|report| panic!("{report}"));
}

#[test]
fn f91_gbk_is_named_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), &files());
    let bytes = encoding_rs::GBK.encode(UNIT).0.into_owned();
    std::fs::write(folder.path().join("units/T01.yaml"), bytes).unwrap();
    let report = Loader::new(folder.path()).load(None).unwrap_err();
    assert_eq!(report.faults.len(), 1, "nothing else is called unknown for its sake: {report}");
    assert_eq!(report.faults[0].place(), "units/T01.yaml:2:7");
    assert!(report.to_string().contains("it looks like GBK"), "{report}");
    assert!(report.display(Locale::Chinese).to_string().contains("看起来是 GBK"));
}

#[test]
fn chinese_reports_have_no_english_sentence() {
    let routes = common::ROUTES.replace("W001", "W01").replace("publish", "publsh");
    let shown = report_in(with("routes.yaml", &routes), Locale::Chinese);
    let expected = "\
routes.yaml:3:11  routes[0].kind：应为以下之一：publish, forward；实际为 `publsh`
  3 |     kind: publsh
    |           ^^^^^^
    → 是否想写 `publish`？
routes.yaml:9:10  没有名为 `W01` 的账号
  9 |     to: [W01]
    |          ^^^
    → 是否想写 `W001`？";
    assert_eq!(shown, expected);
}

/// No report repeats what may be a secret, wherever it was written by mistake.
#[test]
fn secrets_are_never_repeated() {
    let token = "2.00AbCdEfGhIjKlMnOpQrStUv";
    for (old, new) in [
        ("\"file:W001\"", token.to_owned()),
        ("uid: \"2\"", format!("uid: [\"{token}\"]")),
        ("status: active", format!("status: {token}")),
        ("platform: weibo", format!("access_token: {token}")),
        ("name: 柳河发布", format!("name: \"{token}")),
    ] {
        let report = report_of(with("units/T01.yaml", &UNIT.replace(old, &new)));
        assert!(!report.is_empty() && !report.contains("AbCdEfGhIj"), "{report}");
    }
}

#[test]
fn warnings_refuse_nothing() {
    let unit = UNIT.replace("status: active", "status: suspended");
    let mut loader = Loader::from_sources(with("units/T01.yaml", &unit));
    assert!(loader.load(None).is_ok());
    assert!(loader.report().faults.iter().all(|fault| fault.severity == Severity::Warning));
    assert_eq!(loader.report().faults.len(), 1);
}

#[test]
fn a_cap_below_the_retries_is_taken_and_pointed_at_in_both_languages() {
    let cap = "publish: {retry: {most: 3}, caps: {per_delivery: 2}}\n...\n";
    let district = with("district.yaml", &common::DISTRICT.replace("...\n", cap));
    let mut loader = Loader::from_sources(district.clone());
    let settings = loader.load(None).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(settings.publish.caps.per_delivery, 2, "as written");
    assert!(report_in(district.clone(), Locale::English).contains("at most 1 of the 3 retries happen"));
    assert!(report_in(district, Locale::Chinese).contains("3 次重试中最多只会进行 1 次"));
    let usual = Loader::from_sources(files()).load(None).unwrap().publish.clone();
    assert!(usual.caps.per_delivery > usual.retry.most, "{usual:?}");
}

/// Where the data is, is known as long as `district.yaml` itself is whole.
#[test]
fn faults_of_other_files_do_not_hide_where_the_data_is() {
    let named = common::DISTRICT.replace("adapters:", "storage: {directory: ../kept}\nadapters:");
    let folder_of = |text: &str, columns: &str| {
        let mut set = with("district.yaml", text);
        set.insert("columns.yaml".into(), columns.into());
        let mut loader = Loader::from_sources(set);
        let _ = loader.load(None);
        loader.storage().map(|storage| storage.directory.clone())
    };
    let kept = Some(Some("../kept".to_owned()));
    assert_eq!(folder_of(&named, COLUMNS), kept);
    assert_eq!(folder_of(&named, "columns: [}\n...\n"), kept);
    assert_eq!(folder_of(common::DISTRICT, COLUMNS), Some(None));
    for bad in
        [named.replace("...\n", ""), named.replace("storage:", "storge:"), "district: [}\n...\n".into()]
    {
        assert_eq!(folder_of(&bad, COLUMNS), None, "{bad}");
    }
}
