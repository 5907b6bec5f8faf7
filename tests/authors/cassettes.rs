//! `juzhen adapter record` and `replay`: the same requests and the same answer, offline, and no secret in any form.

use std::fs;
use std::path::Path;

use juzhen_testkit::build;
use juzhen_tests::{Stage, adapter as built};
use tempfile::TempDir;

use crate::echo::{Echo, NEW_TOKEN};
use crate::program::{Ran, adapter};

const TOKEN: &str = "canary-old \"token\"/7f3a+of-the-account";
const APP_SECRET: &str = "canary-app&secret=b2d8-of-the-office";

fn record(folder: &TempDir, file: &Path, arguments: &[&str]) -> Ran {
    let file = file.to_str().unwrap();
    adapter(folder.path(), [&["--json", "record", file][..], arguments, &["--to", "kept/one.json"]].concat())
}

fn replay(folder: &TempDir, file: &Path) -> Ran {
    adapter(folder.path(), [Path::new("replay"), Path::new("kept"), file])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_post_replays_without_the_platform_and_another_one_does_not() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::start().await;
    let url = format!("base_url={}", stage.mock_url());
    fs::write(folder.path().join("1.png"), b"\x89PNG\r\n\x1a\n\0\xff").unwrap();
    let post = [
        "publish",
        "--uid",
        "1001",
        "--set",
        &url,
        "--body",
        r#"{"text":"录下的一条"}"#,
        "--picture",
        "1.png",
    ];
    let ran = record(&folder, &built("mock"), &post);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        (&ran.json()["requests"], &ran.json()["ended"]["answer"]["state"]),
        (&2.into(), &"published".into())
    );
    let posts = stage.posts("录下的一条");
    assert_eq!((posts.len(), posts[0].media.len()), (1, 1));
    drop(stage);

    let ran = replay(&folder, &built("mock"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // As an adapter would fare that says something else now.
    let cassette = folder.path().join("kept/one.json");
    let text = fs::read_to_string(&cassette).unwrap();
    for (from, to, expected) in [
        (
            r#""sends": {
        "json": {"text":"录下的一条""#,
            r#""sends": {
        "json": {"text":"另外的一条""#,
            "request 2 is another than the recorded one",
        ),
        ("/v1/media", "/v2/media", "request 1 is another than the recorded one"),
        (r#""state": "published""#, r#""state": "refused""#, "says something else"),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(&cassette, text.replace(from, to)).unwrap();
        let ran = replay(&folder, &built("mock"));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(expected) && ran.stderr.contains("one.json"), "{ran:?}");
        assert!(ran.stderr.contains("recorded:"), "what it was: {ran:?}");
    }
}

#[test]
fn p11_no_secret_is_in_a_cassette_in_any_form_that_the_platform_repeats() {
    let folder = TempDir::new().unwrap();
    let platform = Echo::start();
    fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
    fs::write(folder.path().join("secret"), APP_SECRET).unwrap();
    let url = format!("base_url={}", platform.url);
    let secrets = ["--secret", "access_token=token", "--secret", "app_secret=secret"];
    let ran =
        record(&folder, &built("mock"), &[&["check", "--uid", "1001", "--set", &url][..], &secrets].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = fs::read_to_string(folder.path().join("kept/one.json")).unwrap();
    assert!(text.contains("{{secret:access_token}}") && text.contains("***"), "{text}");
    let said = platform.said();
    for credential in [TOKEN, APP_SECRET, NEW_TOKEN] {
        assert!(said.iter().any(|form| form == credential), "the platform has not seen {credential}");
    }
    // What is around a value in base64 may stay; no part of the value that is worth anything may.
    for form in said {
        for part in form.as_bytes().windows(12).map(|part| std::str::from_utf8(part).unwrap()) {
            assert!(!text.contains(part), "{part} of {form} is in the cassette: {text}");
            assert!(!ran.stdout.contains(part) && !ran.stderr.contains(part), "{part} of {form} was printed");
        }
    }
    assert_eq!(replay(&folder, &built("mock")).code, Some(0), "what was masked is masked again");
}

#[test]
fn p11_who_writes_a_secret_into_the_body_gets_no_cassette() {
    let folder = TempDir::new().unwrap();
    let platform = Echo::start();
    fs::write(folder.path().join("secret"), APP_SECRET).unwrap();
    let url = format!("base_url={}", platform.url);
    let body = format!(r#"{{"text":"{APP_SECRET}"}}"#);
    let given = ["--secret", "app_secret=secret", "--body", &body];
    let ran = record(&folder, &built("mock"), &[&["check", "--set", &url][..], &given].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("app_secret would be in the cassette") && !ran.stderr.contains(APP_SECRET),
        "{ran:?}"
    );
    assert!(!folder.path().join("kept/one.json").exists());
}

#[test]
fn time_chance_and_kept_values_are_the_same_again() {
    let library = build::adapter_with("juzhen-sdk", &["--example", "capabilities"]).unwrap();
    for what in ["random", "clock", "kv", "sign", "log"] {
        let folder = TempDir::new().unwrap();
        let ran = record(&folder, &library, &["receive", "--body", &format!(r#"{{"body":"{what}"}}"#)]);
        assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
        let ran = replay(&folder, &library);
        assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
    }
}

#[test]
fn p02_without_its_word_nothing_that_changes_anything_leaves_the_machine() {
    let folder = TempDir::new().unwrap();
    // A name that nobody can have (RFC 6761): nobody would be asked even if it left.
    let ran = record(
        &folder,
        &built("mock"),
        &["publish", "--set", "base_url=http://platform.invalid/mock", "--body", r#"{"text":"x"}"#],
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("say --real"), "{ran:?}");
    let ran =
        record(&folder, &built("mock"), &["publish", "--real", "--set", "base_url=https://platform.invalid"]);
    assert_eq!(ran.code, Some(2), "a real account's secrets are not made up: {ran:?}");
    let ran = record(&folder, &built("mock"), &["measure"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("find_published"), "it says what is offered: {ran:?}");
    assert!(!folder.path().join("kept").exists());
}

#[test]
fn a_folder_without_cassettes_proves_nothing() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("kept")).unwrap();
    let ran = replay(&folder, &built("mock"));
    assert!(ran.code == Some(1) && ran.stderr.contains("there is no cassette"), "{ran:?}");
}
