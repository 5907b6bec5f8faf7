//! `juzhen lint` as scripts and people use it: one document, exit codes, files of every kind, the office's own lists.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Ran, run};

fn lint(arguments: &[&str]) -> Ran {
    run(["lint"].iter().chain(arguments).chain(&["--json"]))
}

/// `severity rule start..end` of each finding.
fn findings(ran: &Ran) -> Vec<String> {
    let line = |f: &Value| {
        let word = |name: &str| f[name].as_str().unwrap().to_owned();
        format!("{} {} {}..{}", word("severity"), word("rule"), f["start"], f["end"])
    };
    ran.json()["findings"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn the_answer_is_one_document_and_the_exit_code_says_whether_something_blocks() {
    for (text, expected, code) in [
        ("身份证号11010519491231002X", &["block resident_id 4..22"][..], 1),
        ("机密★1年", &["block secret_mark 0..3"], 1),
        ("请拨打13800138000咨询", &["warn mobile 3..14"], 0),
        ("2026年6月20日（星期五）", &["warn weekday_mismatch 0..14"], 0),
        ("算命改运大师", &["block c2 0..4"], 1),
        ("据悉，初步方案已定", &["warn c6 0..2", "warn c6 3..7"], 0),
        ("公开征求意见：初步方案", &[], 0),
        ("破除封建迷信，打击网络赌博", &[], 0),
        ("截止目前，截止时间为8时", &["warn typo 0..4"], 0),
        ("--text 停水", &[], 0),
    ] {
        let ran = lint(&["--text", text]);
        assert_eq!(
            (findings(&ran), ran.code),
            (expected.iter().map(ToString::to_string).collect(), Some(code)),
            "{text}"
        );
    }
    let long = "汉".repeat(141);
    assert_eq!(findings(&lint(&["--text", &long])), Vec::<String>::new());
    let ran = lint(&["--text", &long, "--platform", "weibo", "--title", "停水。"]);
    assert_eq!(findings(&ran), ["info title_full_stop 2..3", "block weibo_over_limit 0..141"]);
    assert_eq!(lint(&[]).code, Some(2));
    assert_eq!(lint(&["/nowhere.txt"]).code, Some(2));
}

#[test]
fn an_item_may_be_a_file_of_every_kind() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        findings(&lint(&[path.to_str().unwrap()]))
    };
    assert_eq!(file("a.txt", "办好了!\n"), ["warn halfwidth_punct 3..4"]);
    assert_eq!(
        file("a.md", "# 停水。\n\n办好了!\n"),
        ["info title_full_stop 2..3", "warn halfwidth_punct 3..4"]
    );
    let api = json!({ "column": "jianyi", "variants": { "weibo": { "title": "标题", "text": "初步方案!" } }, "targets": [] });
    assert_eq!(file("a.json", &api.to_string()), ["warn halfwidth_punct 4..5", "warn no_image 0..0"]);
    assert_eq!(file("a.yaml", "title: 停水\nweibo: 初步方案\nimages: 1\n"), ["warn c6 0..4"]);
    let path = folder.path().join("b.yaml");
    fs::write(&path, "- 1\n").unwrap();
    assert_eq!(lint(&[path.to_str().unwrap()]).code, Some(2));
}

#[test]
fn people_read_a_table() {
    let ran = run(["lint", "--text", "机密★1年"]);
    assert_eq!(ran.code, Some(1));
    for words in ["拦截", "secret_mark 国家秘密标志", "正文 第1–3字", "不得放行，必须修改"]
    {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert_eq!(run(["lint", "--text", "停水通知"]).stdout, "没有发现问题\n");
}

#[test]
fn the_offices_own_lists_are_read_from_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    support::sample_config(&config);
    fs::remove_dir_all(config.join("lexicons")).unwrap();
    let lint = |text: &str| findings(&lint(&["--config", config.to_str().unwrap(), "--text", text]));
    assert_eq!(lint("截止目前"), Vec::<String>::new(), "it has none");
    fs::create_dir(config.join("lexicons")).unwrap();
    fs::write(config.join("lexicons/own.tsv"), "秘方\tc2\n布署\t部署\n").unwrap();
    assert_eq!(lint("祖传秘方的布署"), ["block c2 2..4", "warn typo 5..7"]);
    fs::write(config.join("lexicons/own.tsv"), "秘方\tc8\n").unwrap();
    let ran = run(["lint", "--json", "--config", config.to_str().unwrap(), "--text", "x"]);
    assert_eq!(ran.code, Some(2));
    let checked = run(["check", config.to_str().unwrap(), "--json"]);
    let fault = &checked.json()["faults"][0];
    assert_eq!(
        (&fault["file"], &fault["line"], &fault["column"]),
        (&json!("lexicons/own.tsv"), &json!(1), &json!(4))
    );
}
