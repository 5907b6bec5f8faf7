//! The demonstration as a newcomer and as a script meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use support::district::until;
use support::{Ran, Running, finish, juzhen, mock_adapter};

fn demo(folder: &Path) -> std::process::Command {
    mock_adapter();
    let mut command = juzhen();
    command.args(["demo", "--listen", "127.0.0.1:0", "--dir"]).arg(folder);
    command
}

fn once(folder: &Path) -> Ran {
    finish(demo(folder).args(["--once", "--json"]))
}

#[test]
fn one_item_is_walked_to_its_accounts_twice_over_and_edits_stay() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    let first = once(&folder);
    assert_eq!(first.code, Some(0), "{first:?}");
    let walked = first.json();
    assert_eq!((walked["ok"].clone(), walked["problem"].clone()), (true.into(), Value::Null));
    let deliveries = walked["deliveries"].as_array().unwrap();
    let accounts: Vec<&str> = deliveries.iter().map(|d| d["account"].as_str().unwrap()).collect();
    assert_eq!(accounts, ["W000", "X000", "W005", "W018"], "two by a route, two forwarded");
    for delivery in deliveries {
        assert_eq!(delivery["state"], "published");
        assert!(delivery["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{delivery}");
    }

    let unit = folder.join("config/units/D07.yaml");
    let edited = fs::read_to_string(&unit).unwrap().replace("许子衿", "许某");
    fs::write(&unit, &edited).unwrap();
    let second = once(&folder);
    assert_eq!((second.code, second.json()["ok"].clone()), (Some(0), true.into()), "{second:?}");
    assert_eq!(fs::read_to_string(&unit).unwrap(), edited);
}

#[test]
fn it_stays_to_be_played_with() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    let mut running = Running::start(demo(&folder).arg("--json"));
    let walked: Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!(walked["ok"], true, "{walked}");
    let ask = |arguments: &[&str]| {
        let mut command = juzhen();
        command.args(arguments).args(["--json", "--server", walked["server"].as_str().unwrap()]);
        finish(command.arg("--token-file").arg(folder.join("tokens/off.hg")))
    };
    let new = fs::read_to_string(folder.join("config/units/D07.yaml")).unwrap();
    let new = new.replace("D07", "D77").replace("d07", "d77").replace("015", "077");
    fs::write(folder.join("config/units/D77.yaml"), new).unwrap();
    until("the copied unit's account is listed", || ask(&["account", "list"]).stdout.contains("W077"));
    until("its secret is made up", || {
        let secrets = ask(&["secret", "list"]).json();
        let mut named = secrets["secrets"].as_array().unwrap().iter();
        named.any(|one| one["name"] == "W077.token" && one["state"] == "kept")
    });

    // A second one on the same folder gives way, and what the first one runs on stays as it is.
    let district = fs::read_to_string(folder.join("config/district.yaml")).unwrap();
    let second = once(&folder);
    assert!(
        second.code == Some(1) && second.stderr.contains(&format!("process {}", running.pid())),
        "{second:?}"
    );
    assert_eq!(fs::read_to_string(folder.join("config/district.yaml")).unwrap(), district);
    running.signal(Signal::INT);
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(running.rest(), "", "one document, no more");
}

#[test]
fn a_walk_that_comes_to_nothing_says_why() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    assert_eq!(once(&folder).code, Some(0));
    let office = folder.join("config/units/OFFICE.yaml");
    let text = fs::read_to_string(&office).unwrap();
    fs::write(&office, text.replacen("status: active", "status: suspended", 1)).unwrap();
    let ran = once(&folder);
    assert_eq!((ran.code, ran.json()["ok"].clone()), (Some(1), false.into()), "{ran:?}");
    assert!(ran.json()["problem"].as_str().unwrap().len() > 20, "{ran:?}");
}

#[test]
fn a_person_sees_each_step_and_where_to_look() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    let ran = finish(demo(&folder).arg("--once"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for word in [
        "报送 submitted",
        "保密审查 approved",
        "审定 approved",
        "审核备案 approved",
        "排期 scheduled",
        "发布 published",
        "转发 forwarded",
        "地址 receipt",
    ] {
        assert!(ran.stdout.contains(word), "{word} is not in\n{}", ran.stdout);
    }
}
