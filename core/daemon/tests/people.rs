//! People come in at a shell: the first administrator by a link made on the machine, then by password and code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use juzhen_domain::access::totp;
use support::district::{Daemon, District};
use support::{finish, juzhen, run_with_input};

const PASSWORD: &str = "Dong-Hu 2026 日出";

/// Takes an invitation as a person at a terminal would; the seed of the second factor.
fn accept(daemon: &Daemon, token: &str) -> Vec<u8> {
    let mut child = juzhen()
        .args(["login", "--accept", "--json", "--server", &daemon.url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{token}\n{PASSWORD}").unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let seed = lines.find_map(|line| line.split_once("密钥：").map(|(_, seed)| of_base32(seed))).unwrap();
    early_in_a_step();
    // Of the step before, so that the code of this one is still unused.
    writeln!(stdin, "{}", totp::code_at(&seed, Timestamp::now() - jiff::SignedDuration::from_secs(30)))
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    seed
}

/// Codes change every thirty seconds: what is about to be asked is answered in the same ones.
fn early_in_a_step() {
    while Timestamp::now().as_second() % 30 > 15 {
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn of_base32(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = text.chars().flat_map(|c| {
        let five = letters.find(c).unwrap();
        (0..5).rev().map(move |bit| five >> bit & 1)
    });
    let bits: Vec<usize> = bits.collect();
    let byte = |eight: &[usize]| eight.iter().fold(0, |n, bit| n << 1 | u8::try_from(*bit).unwrap());
    bits.chunks_exact(8).map(byte).collect()
}

fn login(daemon: &Daemon, person: &str, seed: &[u8], file: &Path) {
    let code = totp::code_at(seed, Timestamp::now());
    let arguments = ["login", person, "--server", &daemon.url, "--token-file", file.to_str().unwrap()];
    let ran = run_with_input(&arguments, &format!("{PASSWORD}\n{code}\n"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn c14_the_first_administrator_comes_in_by_a_link_of_the_machine_and_lets_the_others_in() {
    let district = District::new();
    let daemon = district.start();
    let mut invite = juzhen();
    let invited =
        finish(invite.args(["user", "invite", "aq", "--json", "--data"]).arg(district.data())).json();
    let expires: Timestamp = invited["expires_at"].as_str().unwrap().parse().unwrap();
    let minutes = expires.duration_since(Timestamp::now()).as_secs() / 60;
    assert!((13..=15).contains(&minutes), "{invited}");
    let token = invited["token"].as_str().unwrap();
    let seed = accept(&daemon, token);
    // It was good once: neither the file nor the database takes it again.
    let again = run_with_input(
        &["login", "--accept", "--server", &daemon.url],
        &format!("{token}\n{PASSWORD}\n000000\n"),
    );
    assert!(again.code == Some(1) && again.stderr.contains("410"), "{again:?}");
    let file = district.home.path().join("aq.session");
    login(&daemon, "aq", &seed, &file);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let as_aq = |arguments: &[&str]| {
        let mut command = juzhen();
        command.args(arguments).args(["--json", "--server", &daemon.url, "--token-file"]).arg(&file);
        finish(&mut command)
    };
    let invited = as_aq(&["user", "invite", "d07.xx"]).json();
    accept(&daemon, invited["token"].as_str().unwrap());
    let people = as_aq(&["user", "list"]).json();
    let state = |id: &str| {
        people["people"].as_array().unwrap().iter().find(|one| one["person"] == id).unwrap()["state"].clone()
    };
    assert_eq!([state("aq"), state("d07.xx"), state("off.hg")], ["active", "active", "none"]);
    assert_eq!(as_aq(&["user", "disable", "d07.xx", "--reason", "调离"]).json()["state"], "disabled");
    assert_eq!(as_aq(&["user", "enable", "d07.xx"]).json()["state"], "active");
    let key = as_aq(&["user", "key", "create", "清点", "--scope", "read"]).json();
    assert!(key["token"].as_str().unwrap().starts_with("juzhen_k_"), "{key}");
    let keys = as_aq(&["user", "key", "list"]).json();
    let id = keys["keys"][0]["id"].as_str().unwrap();
    assert_eq!(as_aq(&["user", "key", "revoke", id]).code, Some(0));
    assert_eq!(as_aq(&["logout"]).code, Some(0));
    assert!(!file.exists());
    assert!(!district.log().contains(PASSWORD) && !district.log().contains(token));
}

#[test]
fn c18_c23_a_session_minted_on_the_machine_is_short_and_its_first_use_is_in_the_audit() {
    let district = District::new();
    let daemon = district.start();
    let minted =
        finish(juzhen().args(["user", "token", "off.zr", "--json", "--data"]).arg(district.data())).json();
    let expires: Timestamp = minted["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(expires.duration_since(Timestamp::now()).as_hours() <= 24, "{minted}");
    for _ in 0..2 {
        district.done(&daemon, "off.hg", &["account", "list"]);
    }
    let token = std::fs::read_to_string(district.token_file("aud")).unwrap();
    let url = format!("{}/api/v1/audit?subject=person:off.hg", daemon.url);
    let head = format!("Authorization: Bearer {}\r\n", token.trim());
    let answer = support::http_with("GET", &url, &head, "");
    assert_eq!(answer.matches("session.local").count(), 1, "{answer}");
}
