//! A district of its own for one test: the sample's files, the mock adapter, stand-in platforms, tokens and secrets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, Running, finish, http, juzhen, mock_adapter, run_with_input, sample_config};

/// Who reviews an item of D07 under P4, in their order: 保密审查, 主要负责人审定, 审核备案.
pub(crate) const P4_REVIEWERS: [&str; 3] = ["d07.bm", "d07.zy", "off.hg"];

/// What the sample's procedures ask of an author under P4.
pub(crate) const STATED: [&str; 3] = ["--fact", "info_nature=convenience", "--declare"];

/// Everything of one district, removed with it.
pub(crate) struct District {
    pub(crate) home: TempDir,
    pub(crate) platforms: Running,
    /// The first line of `juzhen sandbox`.
    pub(crate) places: Value,
}

/// A daemon of a district.
pub(crate) struct Daemon {
    pub(crate) process: Running,
    pub(crate) url: String,
}

impl District {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut platforms = Running::start(juzhen().args(["sandbox", "--listen", "127.0.0.1:0"]));
        let places: Value = serde_json::from_str(&platforms.line()).unwrap();
        let district = Self { home, platforms, places };
        sample_config(&district.config());
        let file = district.config().join("district.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace("http://127.0.0.1:9477/mock", district.places["mock"].as_str().unwrap());
        fs::write(&file, text).unwrap();
        fs::create_dir(district.adapters()).unwrap();
        fs::copy(mock_adapter(), district.adapters().join("libmock.so")).unwrap();
        district
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.home.path().join("config")
    }

    pub(crate) fn adapters(&self) -> PathBuf {
        self.home.path().join("adapters")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Gives the daemon a secret the way its administrator does.
    pub(crate) fn set_secret(&self, daemon: &Daemon, name: &str) {
        let token = self.token_file("sys");
        let who = ["--server", &daemon.url, "--token-file", token.to_str().unwrap()];
        let ran = run_with_input(&[&["secret", "set", name][..], &who].concat(), "value\n");
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    /// File with a new token of a person.
    pub(crate) fn token_file(&self, person: &str) -> PathBuf {
        let file = self.home.path().join(format!("{person}.token"));
        if !file.exists() {
            let ran = finish(juzhen().args(["user", "token", person, "--data"]).arg(self.data()));
            assert_eq!(ran.code, Some(0), "{ran:?}");
            fs::write(&file, ran.stdout).unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        file
    }

    /// `juzhen run` on this district.
    pub(crate) fn command(&self) -> Command {
        let mut command = juzhen();
        command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(self.config());
        command.arg("--data").arg(self.data()).arg("--adapters").arg(self.adapters());
        command.stderr(File::options().append(true).create(true).open(self.log_file()).unwrap());
        command
    }

    pub(crate) fn start(&self) -> Daemon {
        self.start_with(&mut self.command())
    }

    pub(crate) fn start_with(&self, command: &mut Command) -> Daemon {
        let mut process = Running::start(command);
        let line = process.line();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}\n{}", self.log()));
        Daemon { url: url.to_owned(), process }
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("stderr.log")
    }

    /// What the daemons of this district have said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap()
    }

    /// Runs a command of the API's as a person, with `--json`.
    pub(crate) fn ask(&self, daemon: &Daemon, person: &str, arguments: &[&str]) -> Ran {
        let mut command = juzhen();
        command.args(arguments).arg("--json").args(["--server", &daemon.url]);
        finish(command.arg("--token-file").arg(self.token_file(person)))
    }

    /// The same, which has to go well.
    pub(crate) fn done(&self, daemon: &Daemon, person: &str, arguments: &[&str]) -> Value {
        let ran = self.ask(daemon, person, arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}\n{}", self.log());
        ran.json()
    }

    /// An item of D07 for its own account W015, approved and scheduled; gives back the item's id.
    pub(crate) fn schedule(&self, daemon: &Daemon, text: &str) -> String {
        self.set_secret(daemon, "W015.token");
        let text = format!("weibo={text}");
        let submit = [&["item", "submit", "--text", &text, "--target", "W015"][..], &STATED].concat();
        let item = self.done(daemon, "d07.xx", &submit);
        let (id, hash) = (item["id"].as_str().unwrap(), item["hash"].as_str().unwrap());
        self.approve(daemon, &P4_REVIEWERS, id, hash);
        self.done(daemon, "off.hg", &["item", "schedule", id, "--at", "now"]);
        id.to_owned()
    }

    /// One after another says yes to what was read, with what the sample's procedures ask of them.
    pub(crate) fn approve(&self, daemon: &Daemon, people: &[&str], id: &str, hash: &str) {
        for person in people {
            let said: &[&str] = match person.rsplit('.').next() {
                Some("bm") => &["--basis", "不涉及国家秘密和工作秘密"],
                Some("zy" | "fg") => &["--declare"],
                _ => &[],
            };
            self.done(daemon, person, &[&["review", "approve", id, "--hash", &hash[..8]][..], said].concat());
        }
    }

    /// Scripts the stand-in platforms.
    pub(crate) fn fault(&self, rule: &str) {
        let control = self.places["ledger"].as_str().unwrap().replace("/ledger", "/control/faults");
        let answer = http("POST", &control, rule);
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }

    /// What has really happened on the platforms.
    pub(crate) fn effects(&self) -> Vec<Value> {
        let answer = http("GET", self.places["ledger"].as_str().unwrap(), "");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let ledger: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"));
        ledger["effects"].as_array().unwrap().clone()
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(60), "still not: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
