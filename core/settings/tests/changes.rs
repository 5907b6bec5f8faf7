//! Pairs of settings and what is said of their difference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is missing"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{files, with};
use juzhen_settings::{Loader, Locale, Settings, diff};

fn settings(files: BTreeMap<String, String>) -> Arc<Settings> {
    Loader::from_sources(files).load(None).unwrap_or_else(|report| panic!("{report}"))
}

fn check(file: &str, old: &str, new: &str, expected: &str) {
    let before = files();
    let text = before[file].replace(old, new);
    assert_ne!(text, before[file], "nothing was replaced");
    let after = settings(with(file, &text));
    assert_eq!(diff(Some(&settings(before)), &after).to_string(), expected);
}

#[test]
fn each_change_is_a_line() {
    check("units/T01.yaml", "name: 柳河发布", "name: 柳河", "~ account W001: name");
    check("units/T01.yaml", "monthly_min: 4", "monthly_min: 5", "~ unit T01: quota.monthly_min");
    check("units/T01.yaml", "name: 丙, roles", "name: 丙, active: true, roles", "nothing changes");
    check("units/T01.yaml", "name: 丙", "name: 戊", "~ person t01.xx: name");
    check("routes.yaml", "id: onward", "id: further", "- route onward\n+ route further");
    check("routes.yaml", "    to: [W001]", "    to: [W001]\n    enabled: false", "~ route onward: enabled");
    check("columns.yaml", "name: 要闻", "name: 新闻", "~ column yaowen: name");
    check("columns.yaml", "columns:", "# note\ncolumns:", "nothing changes");
}

#[test]
fn keys_of_the_district_say_when_they_hold() {
    let add = |text: &str| format!("{text}\n...");
    check("district.yaml", "...", &add("publish: {retry: {most: 5}}"), "~ publish.retry.most");
    let listen = "~ server.listen (at the next start)";
    check("district.yaml", "...", &add("server: {listen: \"127.0.0.1:1\"}"), listen);
    check(
        "district.yaml",
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
        "\
~ account W000: settings.base_url
~ account W001: settings.base_url
~ adapters.defaults.mock.base_url",
    );
    let serve = "serve: {weibo: mock, wechat: mock}";
    check("district.yaml", "serve: {weibo: mock}", serve, "~ adapters.serve.wechat");
    for (key, value) in [
        ("directory", "elsewhere"),
        ("secrets_directory", "elsewhere"),
        ("isolation_of", "{mock: process}"),
        ("sandbox", "required"),
    ] {
        let named = if key == "isolation_of" { "isolation_of.mock" } else { key };
        let line = format!("~ adapters.{named} (at the next start)");
        check("district.yaml", "  serve:", &format!("  {key}: {value}\n  serve:"), &line);
    }
}

#[test]
fn f95_dangerous_changes_come_first() {
    let add = |text: &str| format!("{text}\n...");
    check(
        "district.yaml",
        "...",
        &add("storage: {directory: elsewhere}"),
        "! the database would be another one: what waits in the present one would not be published\n\
         ~ storage.directory (at the next start)",
    );
    check("district.yaml", "...", &add("storage: {reserve_mib: 9}"), "~ storage.reserve_mib");
    let shared = "~ storage.allow_shared_disk (at the next start)";
    check("district.yaml", "...", &add("storage: {allow_shared_disk: true}"), shared);
    check(
        "procedures.yaml",
        "      - {id: unit_approval, actor: unit_head, scope: unit}\n",
        "",
        "! steps of review, or what they ask for, would be removed from P4\n~ procedure P4: steps",
    );
    let text = files()["procedures.yaml"].replace("    steps:", "    required: [declaration]\n    steps:");
    let less = diff(Some(&settings(with("procedures.yaml", &text))), &settings(files()));
    let expected =
        "! steps of review, or what they ask for, would be removed from P4\n~ procedure P4: required";
    assert_eq!(less.to_string(), expected);
    let adapters = "  serve: {weibo: mock}\n  isolation_of: {mock: in_process}\n  allow_private_egress: true";
    check(
        "district.yaml",
        "  serve: {weibo: mock}",
        adapters,
        "! adapters.isolation_of would shut adapters in less than before\n\
         ! adapters.allow_private_egress would shut adapters in less than before\n\
         ~ adapters.allow_private_egress (at the next start)\n\
         ~ adapters.isolation_of.mock (at the next start)",
    );
}

#[test]
fn f95_removing_most_of_it_is_dangerous_and_removing_one_is_not() {
    let mut small = files();
    small.remove("units/T01.yaml");
    small.insert("routes.yaml".into(), "routes: []\n...\n".into());
    let off = |(name, text): (String, String)| (name, text.replace("status: active", "status: closed"));
    let small = settings(small.into_iter().map(off).collect());
    let changes = diff(Some(&settings(files())), &small);
    let dangers: Vec<String> = changes.dangerous.iter().map(|d| d.words(Locale::English)).collect();
    let expected = ["2 of 4 people would be removed", "no account would be left that publishes"];
    assert_eq!(dangers, expected);
    assert!(changes.dangerous[0].words(Locale::Chinese).contains("4 个人员中的 2 个"));
    let json = serde_json::to_value(&changes).unwrap();
    assert_eq!(json["dangerous"][0]["danger"], "many_removed");
    assert_eq!(json["accounts"]["removed"], serde_json::json!(["W001"]));
}

#[test]
fn the_first_start_adds_everything_and_endangers_nothing() {
    let first = settings(files());
    let changes = diff(None, &first);
    assert_eq!(changes.accounts.added, ["W000", "W001"]);
    assert_eq!((changes.dangerous.len(), changes.restart_only.len()), (0, 0));
    assert!(diff(Some(&first), &first).is_empty());
    let lines = changes.display(Locale::Chinese).to_string();
    assert!(lines.contains("+ 单位 OFFICE\n+ 单位 T01\n"), "{lines}");
}
