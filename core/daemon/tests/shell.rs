//! The API from a shell, against a running daemon.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use serde_json::Value;
use support::district::{District, P4_REVIEWERS, STATED, until};
use support::{finish, juzhen};

/// The first delivery of an item, once it is in this state.
fn delivery(district: &District, daemon: &support::district::Daemon, item: &str, state: &str) -> Value {
    let mut seen = Value::Null;
    until(&format!("the delivery is {state}"), || {
        let list = district.done(daemon, "off.hg", &["delivery", "list", "--item", item]);
        seen = list["deliveries"][0].clone();
        seen["state"] == state
    });
    seen
}

#[test]
fn an_item_goes_from_hand_to_hand() {
    let district = District::new();
    let daemon = district.start();
    let submit = [
        "item",
        "submit",
        "--title",
        "高温防护提示",
        "--text",
        "weibo=近日气温持续升高。",
        "--target",
        "W015",
    ];
    let once = [&submit[..], &STATED, &["--once", "key-1"]].concat();
    let item = district.done(&daemon, "d07.xx", &once);
    let (id, hash) = (item["id"].as_str().unwrap(), item["hash"].as_str().unwrap());
    assert_eq!(district.done(&daemon, "d07.xx", &once)["id"], id, "the same request again is the same item");

    let [secrecy, head, editor] = P4_REVIEWERS;
    let waiting = district.done(&daemon, secrecy, &["review", "list"]);
    assert_eq!(waiting["items"][0]["id"], id, "{waiting}");
    assert_eq!(district.done(&daemon, editor, &["review", "list"])["items"], serde_json::json!([]));
    let unread = district.ask(&daemon, secrecy, &["review", "approve", id, "--hash", "00000000"]);
    assert_eq!(unread.code, Some(2), "{unread:?}");
    let own = district.ask(&daemon, "d07.xx", &["review", "approve", id, "--hash", hash]);
    assert_eq!((own.code, own.json()["problem"]["status"].clone()), (Some(1), 403.into()), "{own:?}");
    district.approve(&daemon, &[secrecy], id, hash);
    let returned = district.ask(&daemon, head, &["review", "return", id, "--hash", hash]);
    assert_eq!(returned.json()["problem"]["code"], "reason_required", "{returned:?}");

    district.done(&daemon, head, &["review", "return", id, "--hash", hash, "--reason", "补充电话"]);
    let revised = district.done(
        &daemon,
        "d07.xx",
        &[
            "item",
            "revise",
            id,
            "--text",
            "weibo=近日气温持续升高。咨询电话12345。",
            "--target",
            "W015",
            "--declare",
        ],
    );
    assert_ne!(revised["hash"], hash);
    let hash = revised["hash"].as_str().unwrap();
    // The text is another one: the first step decides again.
    assert_eq!(revised["state"], "pending_secrecy");
    district.approve(&daemon, &P4_REVIEWERS, id, hash);
    district.set_secret(&daemon, "W015.token");
    district.done(&daemon, "off.hg", &["item", "schedule", id, "--at", "+1h", "--latest", "+2h"]);
    let due = delivery(&district, &daemon, id, "due");
    let delivery_id = due["id"].as_str().unwrap();
    district.done(&daemon, "off.hg", &["delivery", "hold", delivery_id, "--reason", "核实"]);
    district.done(&daemon, "off.hg", &["delivery", "release", delivery_id]);
    district.done(&daemon, "off.hg", &["delivery", "reschedule", delivery_id, "--at", "now"]);
    let published = delivery(&district, &daemon, id, "published");
    assert_eq!(district.effects().len(), 1);
    let shown = district.done(&daemon, "off.hg", &["delivery", "show", delivery_id]);
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 1, "{shown}");

    let mut command = juzhen();
    command
        .args(["item", "show", id, "--server", &daemon.url, "--token-file"])
        .arg(district.token_file("off.hg"));
    let card = finish(&mut command).stdout;
    for word in [
        "published",
        "off.hg",
        "W015",
        "咨询电话",
        "东新媒备〔",
        published["receipt"]["url"].as_str().unwrap(),
    ] {
        assert!(card.contains(word), "{word} is not in\n{card}");
    }
}

#[test]
fn what_the_office_does_with_an_item_and_what_is_kept_of_it() {
    let district = District::new();
    let daemon = district.start();
    let draft = ["item", "submit", "--text", "weibo=赶集日调整，请互相转告", "--target", "W015", "--draft"];
    let item = district.done(&daemon, "d07.xx", &draft);
    let (id, hash) = (item["id"].as_str().unwrap(), item["hash"].as_str().unwrap());
    let early = district.ask(&daemon, "d07.xx", &["item", "hand-in", id, "--declare"]);
    assert_eq!(early.json()["problem"]["code"], "blocked_by_check", "{early:?}");
    let text = ["item", "revise", id, "--text", "weibo=赶集日调整,请互相转告", "--target", "W015"];
    let item = district.done(&daemon, "d07.xx", &[&text[..], &STATED].concat());
    assert_ne!(item["hash"], hash);
    let [secrecy, head, editor] = P4_REVIEWERS;
    district.approve(&daemon, &[secrecy, head], id, item["hash"].as_str().unwrap());
    let mended = ["item", "copy-edit", id, "--text", "weibo=赶集日调整，请互相转告。", "--minor"];
    let item = district.done(&daemon, editor, &mended);
    assert_eq!((&item["state"], &item["version"]), (&"pending_office".into(), &3.into()));
    district.approve(&daemon, &[editor], id, item["hash"].as_str().unwrap());
    district.done(&daemon, editor, &["item", "schedule", id, "--at", "+1h"]);
    let held = district.done(&daemon, editor, &["item", "hold", id, "--reason", "待核实"]);
    assert_eq!(held["state"], "held");
    assert_eq!(district.done(&daemon, editor, &["item", "release", id])["state"], "scheduled");
    assert_eq!(district.done(&daemon, editor, &["item", "unschedule", id])["state"], "approved");

    let plain = |arguments: &[&str]| {
        let mut command = juzhen();
        command.args(arguments).args(["--server", &daemon.url, "--token-file"]);
        finish(command.arg(district.token_file(editor))).stdout
    };
    let history = plain(&["item", "history", id]);
    for word in ["drafted", "submitted", "copy_edited", "赶集日调整,请互相转告 → ", "unit_approval"]
    {
        assert!(history.contains(word), "{word}: {history}");
    }
    let sheet = plain(&["item", "sheet", id]);
    for word in ["<!doctype html>", "审核单", "东新媒备〔", "小改后沿用", "便民"] {
        assert!(sheet.contains(word), "{word}: {sheet}");
    }
}

#[test]
fn an_item_is_handed_in_from_a_file_with_its_picture() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";
    let district = District::new();
    let daemon = district.start();
    let file = district.home.path().join("item.md");
    let text = "---\nplatforms: [weibo]\ntargets: [W015]\nfiling: {info_nature: convenience}\n---\n# 停水通知\n\n明天停水。\n\n![水厂](a.png)\n";
    std::fs::write(&file, text).unwrap();
    std::fs::write(district.home.path().join("a.png"), PNG).unwrap();
    let item = district.done(&daemon, "d07.xx", &["item", "submit", file.to_str().unwrap(), "--declare"]);
    let variant = &item["variants"]["weibo"];
    assert_eq!((&variant["title"], &variant["text"]), (&"停水通知".into(), &"明天停水。".into()));
    assert_eq!(
        (&variant["media"][0]["mime"], &variant["media"][0]["alt"]),
        (&"image/png".into(), &"水厂".into())
    );
}

#[test]
fn what_is_no_longer_wanted_is_taken_back() {
    let district = District::new();
    let daemon = district.start();
    let item = district.done(
        &daemon,
        "d07.xx",
        &[&["item", "submit", "--text", "weibo=赶集日调整", "--target", "W015"][..], &STATED].concat(),
    );
    let id = item["id"].as_str().unwrap();
    let withdrawn = district.done(&daemon, "d07.xx", &["item", "withdraw", id]);
    assert_eq!(withdrawn["state"], "withdrawn");
    let late = district.ask(&daemon, "off.hg", &["item", "schedule", id, "--at", "now"]);
    assert_eq!(late.json()["problem"]["status"], 409, "{late:?}");
    assert_eq!(late.stderr.lines().count(), 1, "{late:?}");
}

#[test]
fn p26_one_stops_everything_and_two_lift_it() {
    let district = District::new();
    let daemon = district.start();
    district.done(&daemon, "off.lx", &["stop", "--reason", "账号疑似被盗"]);
    let item = district.schedule(&daemon, "义诊进乡村");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(district.effects().len(), 0);
    assert_eq!(district.done(&daemon, "off.hg", &["resume"])["stopped"], true);
    assert_eq!(
        district.done(&daemon, "off.hg", &["resume"])["stopped"],
        true,
        "the same person twice is one"
    );
    assert_eq!(district.done(&daemon, "off.zr", &["resume"])["stopped"], false);
    delivery(&district, &daemon, &item, "published");
}

#[test]
fn a_new_unit_is_there_without_a_restart() {
    let district = District::new();
    let daemon = district.start();
    let listed = |what: &str| {
        let adapters = district.done(&daemon, "off.hg", &["adapter", "list"]);
        adapters["adapters"][0]["accounts"].as_array().unwrap().iter().any(|id| id == what)
    };
    assert!(listed("W015") && !listed("D20-weibo"));
    let mut command = juzhen();
    command.args([
        "unit",
        "new",
        "D20",
        "--name",
        "新设局",
        "--category",
        "department",
        "--platform",
        "weibo",
    ]);
    command.args(["--uid", "9000000099", "--config"]).arg(district.config());
    assert_eq!(finish(command.arg("--adapters").arg(district.adapters())).code, Some(0));
    until("the new account is listed", || listed("D20-weibo"));
    assert_eq!(district.done(&daemon, "sys", &["reload"])["result"], "unchanged");
}

#[test]
fn f105_a_token_that_was_taken_back_counts_no_more() {
    let district = District::new();
    let daemon = district.start();
    district.done(&daemon, "off.hg", &["account", "list"]);
    let revoked =
        finish(juzhen().args(["user", "token", "off.hg", "--revoke", "--data"]).arg(district.data()));
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let refused = district.ask(&daemon, "off.hg", &["account", "list"]);
    assert_eq!(refused.json()["problem"]["status"], 401, "{refused:?}");
    let nobody = finish(juzhen().args(["account", "list", "--server", &daemon.url]));
    assert!(nobody.code == Some(1) && nobody.stderr.contains("--token-file"), "{nobody:?}");
}
