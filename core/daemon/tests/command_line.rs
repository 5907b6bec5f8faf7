//! The command line as scripts outside the project use it: exit codes, one JSON document, one line of error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::Value;
use support::{Running, http, juzhen, run, run_with_input};

#[test]
fn asked_wrongly_is_exit_code_2_with_what_was_meant() {
    let ran = run(["sandbx"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("sandbox"), "{ran:?}");
    assert_eq!(run(["user", "token", "../x"]).code, Some(2));
    assert_eq!(run(["sandbox", "--listen", "nowhere"]).code, Some(2));
    assert_eq!(run::<&str>([]).code, Some(2));
}

#[test]
fn an_error_is_one_line_and_with_json_also_one_document() {
    let asked = ["--server", "http://127.0.0.1:1", "delivery", "list"];
    let asked = ["delivery", "list"].iter().chain(&asked[..2]);
    let ran = run(asked.clone());
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
    assert!(ran.stderr.starts_with("juzhen: could not ask http://127.0.0.1:1/"), "{ran:?}");
    let ran = run(asked.chain(&["--json"]));
    assert!(ran.json()["error"].as_str().unwrap().starts_with("could not ask"), "{ran:?}");
    assert!(!ran.json()["causes"].as_array().unwrap().is_empty(), "{ran:?}");
}

#[test]
fn the_sandbox_says_first_where_it_is_and_ends_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut sandbox = Running::start(juzhen().args(["sandbox", "--listen", "127.0.0.1:0"]));
        let first: Value = serde_json::from_str(&sandbox.line()).unwrap();
        let keys: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["ledger", "mock", "wechat", "weibo"]);
        let ledger = http("GET", first["ledger"].as_str().unwrap(), "");
        assert!(ledger.contains("\"effects\":[]"), "{ledger}");
        sandbox.signal(signal);
        assert_eq!(sandbox.wait().code(), Some(0));
        assert_eq!(sandbox.rest(), "");
    }
}

#[test]
fn the_sandbox_knows_what_its_seed_says_and_where_a_seed_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let seed = home.path().join("seed.yaml");
    let text = "weibo:\n  apps:\n    - { key: '1', secret: s, redirect_uris: [] }\n  accounts:\n    \
                - { uid: '7', name: 七, tokens: [{ app: '1', token: known }] }\n";
    fs::write(&seed, text).unwrap();
    let mut sandbox = Running::start(juzhen().args(["sandbox", "--seed"]).arg(&seed));
    let first: Value = serde_json::from_str(&sandbox.line()).unwrap();
    let who = format!("{}/2/account/get_uid.json?access_token=known", first["weibo"].as_str().unwrap());
    let answer = http("GET", &who, "");
    assert!(answer.contains(r#"{"uid":"7"}"#), "{answer}");
    sandbox.signal(Signal::TERM);
    assert_eq!(sandbox.wait().code(), Some(0));

    fs::write(&seed, text.replace("secret: s", "secrt: s")).unwrap();
    let ran = run(["sandbox", "--seed", seed.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
    assert!(ran.stderr.contains("line 3") && ran.stderr.contains("secrt"), "{ran:?}");
}

#[test]
fn a_token_is_shown_once_and_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let data = data.to_str().unwrap();
    let ran = run(["user", "token", "off.hg", "--data", data]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let token = ran.stdout.trim();
    assert!(token.starts_with("juzhen_") && !token.contains(char::is_whitespace), "{ran:?}");
    let ran = run(["user", "token", "off.hg", "--data", data, "--json"]);
    assert!(ran.json()["token"].as_str().unwrap() != token);
    let ran = run(["user", "token", "off.hg", "--data", data, "--revoke", "--json"]);
    assert_eq!(ran.json()["revoked"], 2);
    let mode = fs::metadata(data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "c47: made for its owner alone");
}

#[test]
fn a_secret_is_read_from_standard_input() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("secrets");
    let folder_text = folder.to_str().unwrap();
    let ran = run_with_input(&["secret", "set", "w000", "--secrets", folder_text], "s3cret\n");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains("s3cret"), "{ran:?}");
    assert_eq!(fs::read_to_string(folder.join("w000")).unwrap(), "s3cret");
    let ran = run_with_input(&["secret", "set", "w000", "--secrets", folder_text], "");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(fs::read_to_string(folder.join("w000")).unwrap(), "s3cret");
}

/// Before any daemon ran: what is given lies in the database of the data folder, and its key beside it.
#[test]
fn p11_a_secret_is_kept_sealed_without_a_daemon_and_put_under_a_new_key() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let data_text = data.to_str().unwrap();
    let ask = |arguments: &[&str], input: &str| {
        run_with_input(&[&["secret"], arguments, &["--data", data_text, "--json"]].concat(), input)
    };
    let set = ask(&["set", "w000", "--account", "W000"], "canary-in-a-shell\n");
    assert_eq!(set.code, Some(0), "{set:?}");
    assert_eq!((&set.json()["version"], &set.json()["bound_to"]), (&1.into(), &serde_json::json!(["W000"])));
    for (name, input, code) in [("a/b", "v", 2), ("empty", "", 2), ("--account", "v", 2)] {
        assert_eq!(ask(&["set", name], input).code, Some(code), "{name}");
    }
    let before = ask(&["list"], "").json();
    let rotated = ask(&["rotate"], "");
    assert_eq!((rotated.code, &rotated.json()["given"]), (Some(0), &1.into()), "{rotated:?}");
    let after = ask(&["list"], "").json();
    assert_eq!(after["secrets"][0]["fingerprint"], before["secrets"][0]["fingerprint"], "the same value");
    assert_ne!(after["key"], before["key"]);
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"canary"), "{}", path.display());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
    assert_eq!(ask(&["remove", "w000"], "").code, Some(0));
    assert_eq!(ask(&["remove", "w000"], "").code, Some(1));
    // What is a file stands before it, and whoever gives it another value is told so.
    fs::create_dir(data.join("secrets")).unwrap();
    fs::write(data.join("secrets/w001"), "v").unwrap();
    let refused = ask(&["set", "w001"], "other");
    assert!(refused.code == Some(1) && refused.stderr.contains("vault:w001"), "{refused:?}");
}
