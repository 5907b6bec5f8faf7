//! The real binary as a child process: started, killed, stopped, told, and started again.

use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Api, District, juzhen};

/// How to start it.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Value of `FAILPOINTS`.
    pub failpoints: Option<String>,
    /// Further environment, such as a clock that lies.
    pub env: Vec<(String, String)>,
    /// Further arguments of `juzhen run`.
    pub arguments: Vec<String>,
    /// Another data folder than the district's.
    pub data: Option<PathBuf>,
}

impl Run {
    /// With these failpoints set.
    pub fn failing(points: &str) -> Self {
        Self { failpoints: Some(points.to_owned()), ..Self::default() }
    }
}

/// A running daemon, and its API; killed when dropped.
pub struct Daemon {
    child: Child,
    api: Api,
}

/// A daemon that ended before it served.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
    pub after: Duration,
}

impl Daemon {
    pub fn start(district: &District) -> Self {
        Self::start_with(district, &Run::default())
    }

    /// Starts `juzhen run` and waits for the line that says it serves.
    pub fn start_with(district: &District, run: &Run) -> Self {
        Self::start_as(&Api::new(district.data()), district, run)
    }

    /// The same for clients that are there already: they ask this daemon from now on.
    pub fn start_as(api: &Api, district: &District, run: &Run) -> Self {
        Self::try_start(api, district, run)
            .unwrap_or_else(|ended| panic!("the daemon ended before it served: {ended:#?}"))
    }

    /// The same when it may refuse.
    pub fn try_start(api: &Api, district: &District, run: &Run) -> Result<Self, Ended> {
        let started = Instant::now();
        let mut child = command(district, run).spawn().unwrap();
        let (stderr, log) = (child.stderr.take().unwrap(), api.log.clone());
        let reader = std::thread::spawn(move || keep(stderr, &log));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().map(Result::unwrap);
        std::thread::spawn(move || lines.for_each(drop));
        let Some(line) = line else {
            let status = child.wait().unwrap();
            reader.join().unwrap();
            return Err(Ended { status, log: api.log(), after: started.elapsed() });
        };
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("unexpected line {line:?}"));
        api.moved_to(url);
        Ok(Self { child, api: api.clone() })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processes that it has started and that still run: its adapters'.
    pub fn children(&self) -> Vec<u32> {
        let parent = |pid: u32| -> Option<u32> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in brackets may hold anything.
            stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()
        };
        let all = std::fs::read_dir("/proc").unwrap();
        let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid| parent(*pid) == Some(self.pid())).collect()
    }

    /// Another handle on its API.
    pub fn api(&self) -> Api {
        self.api.clone()
    }

    /// SIGKILL, and no word about it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it ends by itself.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < within {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Deref for Daemon {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again until the answer is yes; fails after a minute with what was asked.
pub async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn command(district: &District, run: &Run) -> Command {
    let mut command = Command::new(juzhen());
    command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(district.config());
    command.arg("--data").arg(run.data.clone().unwrap_or_else(|| district.data())).args(&run.arguments);
    if let Some(points) = &run.failpoints {
        command.arg("--i-am-a-test").env("FAILPOINTS", points);
    }
    command.envs(run.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn keep(mut stderr: impl Read, log: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(read) = stderr.read(&mut buffer) {
        if read == 0 {
            return;
        }
        log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}
