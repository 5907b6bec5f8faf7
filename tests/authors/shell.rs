//! A shell in a new folder, as the reader of the page has it: one command after another, some of them left running.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use juzhen_tests::{juzhen, root};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A hang is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Shell {
    folder: TempDir,
    /// In place of those on the page, which may be taken here.
    ports: [(&'static str, String); 2],
    exported: String,
    /// What the page calls ID and HASH: of the item that was submitted.
    item: Vec<(&'static str, String)>,
    running: Vec<Child>,
}

impl Shell {
    pub(crate) fn new(sandbox: u16, daemon: u16) -> Self {
        let ports = [
            ("127.0.0.1:9477", format!("127.0.0.1:{sandbox}")),
            ("127.0.0.1:9478", format!("127.0.0.1:{daemon}")),
        ];
        Self {
            folder: TempDir::new().unwrap(),
            ports,
            exported: String::new(),
            item: Vec::new(),
            running: Vec::new(),
        }
    }

    /// What a page names by its place in the checkout is there.
    pub(crate) fn in_checkout(&self) {
        for part in ["plugins", "adapters"] {
            symlink(root().join(part), self.folder.path().join(part)).unwrap();
        }
    }

    /// Runs a command of the page to its end, or until it serves; what it printed.
    pub(crate) fn run(&mut self, written: &str) -> String {
        let began = Instant::now();
        let all = self
            .ports
            .iter()
            .map(|(from, to)| (*from, to))
            .chain(self.item.iter().map(|(from, to)| (*from, to)));
        let command = all.fold(written.to_owned(), |command, (from, to)| command.replace(from, to));
        let printed = if let Some(service) = command.strip_suffix(" &") {
            self.serve(service)
        } else if command.starts_with("export ") {
            self.exported.push_str(&format!("{command}; "));
            String::new()
        } else if command.contains("item submit") {
            self.soon(&command)
        } else {
            self.finish(&command)
        };
        self.notice(&command, &printed);
        println!("{:6.1} s  {}", began.elapsed().as_secs_f32(), written.lines().next().unwrap());
        printed
    }

    fn finish(&self, command: &str) -> String {
        self.attempt(command).unwrap_or_else(|said| panic!("{command}\n{said}"))
    }

    /// Readers take the two seconds in which the daemon reads a new file; a script has to wait for them.
    fn soon(&self, command: &str) -> String {
        let began = Instant::now();
        loop {
            match self.attempt(command) {
                Ok(printed) => return printed,
                Err(said) => assert!(began.elapsed() < PATIENCE, "{command}\n{said}"),
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// What it printed, or with what it failed.
    fn attempt(&self, command: &str) -> Result<String, String> {
        let output = self.bash(&format!("set -e; {}{command}", self.exported)).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(printed) } else { Err(format!("{printed}{told}")) }
    }

    /// Starts what goes on running, and reads until it says that it serves.
    fn serve(&mut self, command: &str) -> String {
        let mut bash = self.bash(&format!("{}exec {command}", self.exported));
        let mut child = bash.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.running.push(child);
        let mut printed = String::new();
        // The sandbox's only line says where it is, the demonstration's last one how to end it.
        while !printed.contains("\"ledger\":") && !printed.contains("Ctrl-C") {
            let line = lines.next().unwrap_or_else(|| panic!("{command} ended: {printed}")).unwrap();
            printed.push_str(&format!("{line}\n"));
        }
        std::thread::spawn(move || lines.for_each(drop));
        printed
    }

    /// What later commands need of earlier ones.
    fn notice(&mut self, command: &str, printed: &str) {
        if command.contains("adapter new") {
            // Built before as far as it does not change, as in a checkout that is used every day.
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
            std::fs::create_dir_all(&kept).unwrap();
            symlink(kept, self.folder.path().join("foo/target")).unwrap();
        }
        if command.contains("item submit") {
            let of = |name: &str| {
                printed.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
            };
            self.item = vec![("ID", of("id ")), ("HASH", of("hash "))];
        }
    }

    fn bash(&self, script: &str) -> Command {
        let programs =
            [juzhen().parent().unwrap().to_owned(), Path::new(env!("CARGO")).parent().unwrap().to_owned()];
        let found = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(programs.into_iter().chain(std::env::split_paths(&found))).unwrap();
        let mut bash = Command::new("bash");
        bash.args(["-c", script]).current_dir(&self.folder).env("PATH", path).stdin(Stdio::null());
        for name in
            ["CARGO_TARGET_DIR", "JUZHEN_SERVER", "JUZHEN_TOKEN_FILE", "JUZHEN_ADAPTERS", "JUZHEN_DATA"]
        {
            bash.env_remove(name);
        }
        bash
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for child in &mut self.running {
            // One that has ended already is what was wanted.
            let _ended = kill_process(Pid::from_child(child), Signal::TERM);
            let _reaped = child.wait();
        }
    }
}
