//! The daemon's life: one at a time, stopped in order, reloaded, started on the last good settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use support::district::{District, until};
use support::{finish, http, juzhen};

#[test]
fn f36_p18_the_second_daemon_on_the_same_data_names_the_first_and_ends() {
    let district = District::new();
    let daemon = district.start();
    let second = finish(district.command().stderr(Stdio::piped()));
    assert_eq!(second.code, Some(1), "{second:?}");
    let said = second.stderr.lines().last().unwrap();
    assert!(
        said.starts_with("juzhen: ") && said.contains(&format!("process {}", daemon.process.pid())),
        "{said}"
    );
    assert_eq!(second.stdout, "", "it never served");
    assert!(http("GET", &format!("{}/healthz", daemon.url), "").contains("200 OK"), "the first one goes on");
}

#[test]
fn f16_p15_told_to_stop_it_finishes_what_has_begun() {
    let district = District::new();
    let mut daemon = district.start();
    district.fault(r#"{"match":{"method":"POST"},"times":1,"do":{"kind":"delay_ms","ms":1500}}"#);
    let item = district.schedule(&daemon, "高温防护提示");
    until("the post is on the platform", || !district.effects().is_empty());
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.process.wait().code(), Some(0), "{}", district.log());

    let daemon = district.start();
    let delivery = district.done(&daemon, "off.hg", &["delivery", "list", "--item", &item]);
    assert_eq!(delivery["deliveries"][0]["state"], "published", "{delivery}\n{}", district.log());
    assert_eq!(district.effects().len(), 1);
}

#[test]
fn p15_told_twice_it_does_not_wait_and_loses_nothing() {
    let district = District::new();
    let mut daemon = district.start();
    district.fault(r#"{"match":{"method":"POST"},"times":1,"do":{"kind":"hang"}}"#);
    let item = district.schedule(&daemon, "消防通道请勿占用");
    until("the post is on the platform", || !district.effects().is_empty());
    let told = Instant::now();
    daemon.process.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.process.wait().code(), Some(0), "{}", district.log());
    // The platform never answers, so a daemon that waits does so until the request is given up after 30 s.
    assert!(told.elapsed() < Duration::from_secs(15), "it waited {:?}", told.elapsed());

    let daemon = district.start();
    until("the post is found on the account", || {
        let list = district.done(&daemon, "off.hg", &["delivery", "list", "--item", &item]);
        list["deliveries"][0]["state"] == "published"
    });
    assert_eq!(district.effects().len(), 1, "looked up, not sent again");
}

#[test]
fn p08_files_with_faults_leave_everything_as_it_was_also_at_the_next_start() {
    let district = District::new();
    let mut daemon = district.start();
    let file = district.config().join("units/D07.yaml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("category: department", "category: departmnt")).unwrap();
    let refused = district.ask(&daemon, "sys", &["reload"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.json()["faults"][0]["file"], "units/D07.yaml", "{refused:?}");
    daemon.process.signal(Signal::HUP);
    until("the log has the result of SIGHUP", || district.log().contains("SIGHUP: the files have faults"));
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.process.wait().code(), Some(0));

    let daemon = district.start();
    let state = http("GET", &format!("{}/readyz", daemon.url), "");
    assert!(state.contains("running on the last good settings"), "{state}");
    let accounts = district.done(&daemon, "off.hg", &["account", "list"]);
    assert!(
        accounts["accounts"].as_array().unwrap().iter().any(|account| account["id"] == "W015"),
        "{accounts}"
    );

    fs::write(&file, good).unwrap();
    district.done(&daemon, "sys", &["reload"]);
    assert!(!http("GET", &format!("{}/readyz", daemon.url), "").contains("last good"));
}

#[test]
fn a_first_start_with_faults_shows_them_and_ends() {
    let district = District::new();
    fs::write(district.config().join("columns.yaml"), "columns: [}\n...\n").unwrap();
    let ran = finish(district.command().stderr(Stdio::piped()));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains("columns.yaml:1:"), "{ran:?}");
    assert!(ran.stderr.lines().last().unwrap().starts_with("juzhen: the settings in "), "{ran:?}");
}

#[test]
fn a_missing_adapters_folder_is_named_with_what_to_do() {
    let district = District::new();
    fs::remove_dir_all(district.adapters()).unwrap();
    let ran = finish(district.command().stderr(Stdio::piped()));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.lines().last().unwrap().contains("name it with --adapters"), "{ran:?}");
}

#[test]
fn c47_what_the_daemon_keeps_is_for_its_owner_alone() {
    let district = District::new();
    let mut daemon = district.start();
    district.schedule(&daemon, "反诈提醒");
    for entry in fs::read_dir(district.data()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
    }
    daemon.process.signal(Signal::INT);
    assert_eq!(daemon.process.wait().code(), Some(0));
    fs::set_permissions(district.data(), fs::Permissions::from_mode(0o750)).unwrap();
    let refused = finish(district.command().stderr(Stdio::piped()));
    assert!(refused.code == Some(1) && refused.stderr.contains("chmod 700"), "{refused:?}");
}

#[test]
fn every_line_of_a_json_log_is_json_and_says_which_delivery() {
    let district = District::new();
    let mut daemon = district.start_with(district.command().args(["--log-format", "json"]));
    district.schedule(&daemon, "暑期防溺水提醒");
    until("it is published", || district.log().contains("\"message\":\"Published\""));
    daemon.process.signal(Signal::TERM);
    daemon.process.wait();
    let log = district.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let published = lines.iter().find(|line| line["message"] == "Published").unwrap();
    let of_delivery = published["spans"].as_array().unwrap().iter().find(|span| span["name"] == "delivery");
    assert!(of_delivery.unwrap()["delivery.id"].is_string(), "{published}");
}

#[test]
fn p16_the_service_manager_hears_ready_working_and_stopping() {
    let district = District::new();
    let path = district.home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut text = [0; 200];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    };
    let expect = |word: &str| while !heard().contains(word) {};
    let mut daemon =
        district.start_with(district.command().env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000"));
    expect("READY=1");
    expect("WATCHDOG=1");
    daemon.process.signal(Signal::HUP);
    expect("RELOADING=1");
    expect("READY=1");
    daemon.process.signal(Signal::TERM);
    expect("STOPPING=1");
    assert_eq!(daemon.process.wait().code(), Some(0));
}

#[test]
fn failpoints_are_refused_outside_a_test() {
    let district = District::new();
    let ran = finish(district.command().stderr(Stdio::piped()).env("FAILPOINTS", "claim.after_commit=abort"));
    assert!(ran.code == Some(2) && ran.stderr.contains("FAILPOINTS"), "{ran:?}");
}

#[test]
fn a_database_that_cannot_be_used_is_told_without_its_password() {
    let district = District::new();
    let run = |url: &str| {
        let mut command = juzhen();
        command.args(["run", "--config"]).arg(district.config()).args(["--database", url]);
        finish(command.current_dir(district.home.path()))
    };
    let ran = run("postgres://u:secret@127.0.0.1/juzhen?sslmode=prefer");
    assert!(
        ran.code == Some(1) && ran.stderr.contains("verify-full") && !ran.stderr.contains("secret"),
        "{ran:?}"
    );
    assert_eq!(run("mysql://x").code, Some(2));
}

/// `juzhen run` that is told nothing of where the data is.
fn without_data(district: &District) -> Command {
    let mut command = juzhen();
    command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(district.config());
    command.arg("--adapters").arg(district.adapters()).current_dir(district.home.path());
    command.stderr(
        File::options().append(true).create(true).open(district.home.path().join("stderr.log")).unwrap(),
    );
    command
}

fn stop(mut daemon: support::district::Daemon) {
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.process.wait().code(), Some(0));
}

#[test]
fn f95_a_faulty_district_file_never_makes_a_new_database() {
    let district = District::new();
    let file = district.config().join("district.yaml");
    let good = fs::read_to_string(&file).unwrap();
    let (bad, usual) =
        (good.replace("isolation: process", "isolation: proces"), district.home.path().join("juzhen-data"));
    fs::write(&file, &bad).unwrap();
    let ran = finish(without_data(&district).stderr(Stdio::piped()));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("do not say where the data is: say --data DIR"), "{ran:?}");
    assert!(!usual.exists());

    fs::write(&file, good).unwrap();
    stop(district.start_with(&mut without_data(&district)));
    assert!(usual.join("juzhen.db").is_file());
    fs::write(&file, bad).unwrap();
    let daemon = district.start_with(&mut without_data(&district));
    assert!(http("GET", &format!("{}/readyz", daemon.url), "").contains("running on the last good settings"));
    assert!(district.log().contains("taking the default folder"), "{}", district.log());
}

#[test]
fn f95_the_folder_that_the_settings_name_is_found_also_when_another_file_has_faults() {
    let district = District::new();
    let file = district.config().join("district.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\nserver:", "\nstorage: {directory: ../kept}\nserver:")).unwrap();
    stop(district.start_with(&mut without_data(&district)));
    let told = || district.log().matches("NEW EMPTY DATABASE").count();
    assert_eq!(told(), 1, "{}", district.log());
    assert!(district.home.path().join("kept/juzhen.db").is_file());

    fs::write(district.config().join("columns.yaml"), "columns: [}\n...\n").unwrap();
    let daemon = district.start_with(&mut without_data(&district));
    assert!(http("GET", &format!("{}/readyz", daemon.url), "").contains("running on the last good settings"));
    assert_eq!(told(), 1, "only where there was none: {}", district.log());
    assert!(!district.home.path().join("juzhen-data").exists());
}
