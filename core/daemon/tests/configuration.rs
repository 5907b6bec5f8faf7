//! `check`, `schema`, `unit new` and `adapter` on real folders and a real adapter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{finish, juzhen, mock_adapter, run, sample_config};
use tempfile::TempDir;

/// A copy of the sample district, and a folder with the mock adapter.
fn district() -> (TempDir, PathBuf, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let (config, adapters) = (home.path().join("config"), home.path().join("adapters"));
    sample_config(&config);
    fs::create_dir(&adapters).unwrap();
    fs::copy(mock_adapter(), adapters.join("libmock.so")).unwrap();
    (home, config, adapters)
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} has no {from:?}", file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

fn check(config: &Path, adapters: &Path) -> support::Ran {
    run([Path::new("check"), config, Path::new("--adapters"), adapters, Path::new("--json")])
}

#[test]
fn the_sample_district_is_fine() {
    let (_home, config, adapters) = district();
    let ran = check(&config, &adapters);
    assert_eq!(
        (ran.code, ran.json()["ok"].clone(), ran.json()["faults"].clone()),
        (Some(0), json!(true), json!([]))
    );
    let ran = run([Path::new("check"), &config, Path::new("--adapters"), &adapters]);
    assert!(ran.stdout.contains("0 faults"), "{ran:?}");
}

#[test]
fn every_fault_of_every_file_has_its_place_in_exactly_the_promised_form() {
    let (_home, config, adapters) = district();
    edit(&config.join("units/D07.yaml"), "platform: weibo", "platform: weibbo");
    edit(&config.join("routes.yaml"), "[yaowen, gonggao, huiying]", "[yaowen, nosuch]");
    let ran = check(&config, &adapters);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let document = ran.json();
    assert_eq!(document["ok"], false);
    let faults = document["faults"].as_array().unwrap();
    let files: Vec<&str> = faults.iter().map(|fault| fault["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["routes.yaml", "units/D07.yaml"]);
    for fault in faults {
        let keys: Vec<&String> = fault.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["column", "file", "line", "message", "suggestion"]);
        assert!(fault["line"].as_u64().unwrap() > 1 && fault["column"].as_u64().unwrap() > 1, "{fault}");
    }
    assert!(faults[1]["message"].as_str().unwrap().contains("weibbo"), "{}", faults[1]);
    assert!(faults[1]["suggestion"].as_str().unwrap().contains("weibo"), "{}", faults[1]);
}

#[test]
fn people_see_the_line_with_a_caret_in_their_language() {
    let (_home, config, adapters) = district();
    edit(&config.join("units/D07.yaml"), "platform: weibo", "platform: weibbo");
    let asked = [Path::new("check"), &config, Path::new("--adapters"), &adapters];
    let english = finish(juzhen().args(asked).env("LANG", "en_GB.UTF-8"));
    let chinese = finish(juzhen().args(asked).env("LANG", "C").env("LC_ALL", "zh_CN.UTF-8"));
    for ran in [&english, &chinese] {
        assert_eq!(ran.code, Some(1));
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let at = lines.iter().position(|line| line.contains("platform: weibbo")).unwrap();
        assert!(lines[at - 1].starts_with("units/D07.yaml:"), "{ran:?}");
        assert!(lines[at + 1].trim_end().ends_with('^'), "{ran:?}");
    }
    assert!(
        english.stdout.contains("unknown platform") && chinese.stdout.contains("未知的平台"),
        "{chinese:?}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_asked_wrongly() {
    let ran = run(["check", "/nowhere/at/all", "--json"]);
    assert_eq!((ran.code, ran.json()["ok"].clone()), (Some(2), json!(false)));
    assert_eq!(ran.json()["faults"].as_array().unwrap().len(), 1);
}

#[test]
fn schemas_are_written_for_every_kind_of_file() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("made/schema");
    let ran = run([Path::new("schema"), &folder, Path::new("--json")]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let written = ran.json()["written"].as_array().unwrap().len();
    assert_eq!((written, fs::read_dir(&folder).unwrap().count()), (7, 7));
    let unit: Value = serde_json::from_slice(&fs::read(folder.join("unit.json")).unwrap()).unwrap();
    assert!(unit["properties"]["code"].is_object(), "{unit}");
}

#[test]
fn a_new_unit_passes_the_check_and_is_never_overwritten() {
    let (_home, config, adapters) = district();
    let asked = |code: &str, more: &[&str]| {
        let mut command = juzhen();
        command.args(["unit", "new", code, "--name", "东湖\"新\"局", "--category", "department"]);
        command.arg("--config").arg(&config).arg("--adapters").arg(&adapters).args(more);
        finish(&mut command)
    };
    assert_eq!(asked("D20", &[]).code, Some(0));
    let with_account = ["--platform", "weibo", "--uid", "9000000099", "--officer", "程新"];
    assert_eq!(asked("D21", &with_account).code, Some(0));
    let text = fs::read_to_string(config.join("units/D21.yaml")).unwrap();
    assert!(text.contains("access_token: \"file:D21-weibo.access_token\""), "{text}");
    assert_eq!(check(&config, &adapters).json()["faults"], json!([]));

    assert_eq!(asked("D21", &[]).code, Some(1));
    assert_eq!(fs::read_to_string(config.join("units/D21.yaml")).unwrap(), text);
    assert_eq!(asked("../D22", &[]).code, Some(2));
    // The same account twice would be refused by the daemon, so it is not written either.
    assert_eq!(asked("D23", &with_account).code, Some(1));
    assert!(!config.join("units/D23.yaml").exists());
}

#[test]
fn adapters_of_a_folder_are_listed_without_running_them() {
    let (_home, _config, adapters) = district();
    fs::write(adapters.join("libtext.so"), "not an adapter").unwrap();
    let ran = run([
        Path::new("adapter"),
        Path::new("list"),
        Path::new("--adapters"),
        &adapters,
        Path::new("--json"),
    ]);
    let listed = ran.json()["adapters"].clone();
    assert_eq!(listed[0]["manifest"]["name"], "mock", "{ran:?}");
    assert!(listed[1]["refused"].as_str().unwrap().contains("ELF"), "{ran:?}");
}

#[test]
fn an_adapter_file_is_asked_what_the_boundary_promises() {
    let home = tempfile::tempdir().unwrap();
    let mock = mock_adapter();
    let check = |arguments: &[&str]| {
        let file = [Path::new("adapter"), Path::new("check"), &mock];
        run(file.into_iter().chain(arguments.iter().map(Path::new)))
    };
    let ran = check(&["--only", "binary", "--only", "semantics.refusals", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!((&report["ok"], &report["manifest"]["name"]), (&json!(true), &json!("mock")));
    assert!(!report["isolation"]["mechanisms"].as_array().unwrap().is_empty(), "{ran:?}");
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().all(|row| row["result"] == "passed" && row["advice"].is_null()), "{ran:?}");
    assert_eq!(checks.last().unwrap()["check"], "semantics.refusals");

    // A platform that answers no good call with what the adapter can read: told with its evidence, and what to do.
    let plan = home.path().join("plan.yaml");
    fs::write(&plan, "calls:\n  - operation: publish\n    answers: [{ status: 201, json: {} }]\n").unwrap();
    let ran = check(&["--only", "semantics.answers", "--settings", plan.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for words in [
        "semantics  semantics.answers  FAILED  publish ended with in_doubt",
        "to do: give the platform's real answers",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    fs::write(&plan, "calls:\n  - operation: publish\n    answer: []\n").unwrap();
    let ran = check(&["--settings", plan.to_str().unwrap()]);
    assert!(ran.code == Some(2) && ran.stderr.contains("answer") && ran.stderr.contains("3"), "{ran:?}");
    assert_eq!(check(&["--only", "semantic"]).code, Some(2));

    let text = home.path().join("libtext.so");
    fs::write(&text, "not an adapter").unwrap();
    let ran = run([Path::new("adapter"), Path::new("check"), &text, Path::new("--json")]);
    assert_eq!((ran.code, ran.json()["ok"].clone()), (Some(1), json!(false)), "{ran:?}");
    assert!(ran.json()["refused"].as_str().unwrap().contains("ELF"), "{ran:?}");
    assert_eq!(run(["adapter", "check", "/nowhere.so"]).code, Some(2));
}
