//! Procedures as a district tries them: every event of every scenario ends as the rules of the office say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{finish, juzhen};
use tempfile::TempDir;

const SCENARIOS: &str = include_str!("scenarios.json");

fn sample_district() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

/// Exit code and what was printed, for these scenarios under the sample district's procedures.
fn attempt(scenarios: &str, more: &[&str]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("events.json");
    fs::write(&file, scenarios).unwrap();
    let mut command = juzhen();
    command.args(["procedure", "try"]).arg(&file).arg("--config").arg(sample_district()).args(more);
    let done = finish(&mut command);
    (done.code.unwrap_or(-1), done.stdout, done.stderr)
}

/// the scenarios SM01 to SM33 that are at hand, and others for guards that they do not reach.
#[test]
fn p13_every_event_of_every_scenario_ends_as_the_rules_say() {
    let (code, stdout, stderr) = attempt(SCENARIOS, &["--json"]);
    let played: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout} {stderr}"));
    let expected: Value = serde_json::from_str(SCENARIOS).unwrap();
    let mut events = 0;
    for (scenario, played) in expected.as_array().unwrap().iter().zip(played.as_array().unwrap()) {
        assert_eq!(played["id"], scenario["id"]);
        let steps = scenario["steps"].as_array().unwrap();
        assert_eq!(played["steps"].as_array().unwrap().len(), steps.len());
        for (step, came) in steps.iter().zip(played["steps"].as_array().unwrap()) {
            let mut wanted = json!({ "state": step["state"] });
            if let Some(error) = step.get("error") {
                wanted["error"] = error.clone();
            }
            assert_eq!(*came, wanted, "{}: {step}", scenario["id"]);
            events += 1;
        }
    }
    assert_eq!((code, events > 150), (0, true), "{events} events");
}

#[test]
fn what_ends_otherwise_than_expected_is_shown_beside_it() {
    let scenario = json!([{ "id": "S1", "procedure": "P4", "author": "d07.xx", "unit": "D07", "steps": [
        { "event": "submit", "actor": "d07.xx", "role": "info_officer", "state": "pending_unit" },
        // Somebody whom the settings know has no role by saying so.
        { "event": "approve", "actor": "d07.fg", "role": "secrecy_reviewer", "state": "pending_secrecy", "error": "forbidden" },
    ]}]);
    let (code, stdout, _) = attempt(&scenario.to_string(), &[]);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("待保密审查") && stdout.contains("pending_unit"), "{stdout}");
}

#[test]
fn what_cannot_be_played_says_where() {
    let with = |step: Value| {
        json!([{ "id": "S1", "procedure": "P4", "author": "d07.xx", "unit": "D07", "steps": [step] }])
            .to_string()
    };
    let cases = [
        (with(json!({ "event": "aprove", "actor": "d07.xx" })), "step 1 (aprove by d07.xx)"),
        (with(json!({ "event": "submit", "actor": "d07.xx", "role": "boss" })), "there is no role \"boss\""),
        (with(json!({ "event": "submit", "actor": "d07.xx" })).replace("P4", "P9"), "no procedure P9"),
        ("{}".to_owned(), "holds no scenarios"),
    ];
    for (scenarios, words) in cases {
        let (code, stdout, stderr) = attempt(&scenarios, &[]);
        assert!(code != 0 && stderr.contains(words), "{code}: {stdout}{stderr}");
    }
}
