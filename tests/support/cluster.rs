//! A PostgreSQL cluster of our own for a test: real server, real disk, loopback only. It ends with the test's process, also
//! after a panic or a kill, because a shell waits at a pipe that only this process holds.

use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// One server.
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    /// Holds the pipe: when it closes, the server is stopped and the folder removed.
    _watcher: Child,
    databases: AtomicU32,
}

/// The cluster of this test's process, started by whoever needs it first.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start().unwrap_or_else(|error| panic!("no PostgreSQL: {error}")))
}

impl Cluster {
    /// Makes and starts one.
    pub fn start() -> io::Result<Self> {
        let cluster = Self::prepared()?;
        cluster
            .run("initdb", &["-U", "juzhen", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])?;
        cluster.up()?;
        Ok(cluster)
    }

    /// A folder and a port for one.
    fn prepared() -> io::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("juzhen-pg-").tempdir()?.keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        let user = other_than_root()?;
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid))?;
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let watcher = watch(&programs, &folder, user)?;
        Ok(Self { folder, programs, user, port, _watcher: watcher, databases: AtomicU32::new(0) })
    }

    /// A standby that follows this one, started.
    pub fn standby(&self) -> io::Result<Self> {
        let standby = Self::prepared()?;
        let source = format!("host=127.0.0.1 port={} user=juzhen", self.port);
        standby.run("pg_basebackup", &["-R", "--checkpoint=fast", "--no-sync", "-d", &source])?;
        standby.up()?;
        Ok(standby)
    }

    /// Has a standby take over; it begins a timeline of its own.
    pub fn promote(&self) -> io::Result<()> {
        self.run("pg_ctl", &["-w", "-t", "60", "promote"])
    }

    /// Keeps a copy of the data as they are, of a server that is down.
    pub fn keep_copy(&self) -> io::Result<()> {
        self.done("cp", &["-a", "data", "copy"])
    }

    /// Puts that copy in the place of the data, of a server that is down.
    pub fn put_copy_back(&self) -> io::Result<()> {
        self.done("mv", &["data", "gone"])?;
        self.done("mv", &["copy", "data"])
    }

    fn done(&self, program: &str, arguments: &[&str]) -> io::Result<()> {
        let status = self.command(program).args(arguments).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{program} failed"))) }
    }

    /// Starts the server, after [`Cluster::down`] too.
    pub fn up(&self) -> io::Result<()> {
        let folder = self.folder.display();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={folder} -c max_connections=300 \
             -c shared_buffers=64MB -c fsync=on -c logging_collector=off",
            self.port
        );
        let log = self.folder.join("log").display().to_string();
        self.run("pg_ctl", &["-w", "-t", "60", "-l", &log, "-o", &options, "start"])
    }

    /// Stops the server as a power cut would, but for what its disk keeps.
    pub fn down(&self) -> io::Result<()> {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"])
    }

    /// Has the server speak TLS as `localhost`, by an authority made for it; the authority's certificate.
    pub fn secure(&self) -> io::Result<PathBuf> {
        const EC: [&str; 6] = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let make = |rest: &[&str]| {
            let mut openssl = self.command("openssl");
            openssl.args(EC).args(["-nodes", "-days", "2"]).args(rest).stderr(Stdio::null());
            let made = openssl.status()?;
            if made.success() { Ok(()) } else { Err(io::Error::other("openssl failed")) }
        };
        make(&["-subj", "/CN=Authority of a test", "-keyout", "ca.key", "-out", "ca.crt"])?;
        let by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        let of = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let to = ["-keyout", "data/server.key", "-out", "data/server.crt"];
        make(&[by.as_slice(), &of, &to].concat())?;
        self.say("postgres", "ALTER SYSTEM SET ssl = on")?;
        self.say("postgres", "SELECT pg_reload_conf()")?;
        Ok(self.folder.join("ca.crt"))
    }

    /// The server's first process.
    pub fn pid(&self) -> io::Result<u32> {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let first = file.lines().next().and_then(|line| line.trim().parse().ok());
        first.ok_or_else(|| io::Error::other("the server is down"))
    }

    /// Where the server listens, on the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://juzhen@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// A new database, empty or a copy of `template`; its name.
    pub fn database(&self, template: Option<&str>) -> io::Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let template = template.unwrap_or("template0");
        self.say("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(name)
    }

    /// Runs statements by hand.
    pub fn say(&self, database: &str, statements: &str) -> io::Result<String> {
        let port = self.port.to_string();
        let mut psql = self.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port]);
        psql.args(["-U", "juzhen", "-d", database, "-c", statements]);
        let output = psql.output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("out"))?;
        let mut command = self.command(program);
        command.arg("-D").arg(self.folder.join("data")).args(arguments);
        let status = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).status()?;
        if status.success() {
            return Ok(());
        }
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        Err(io::Error::other(format!("{program} failed: {}{}", read("out"), read("log"))))
    }

    fn command(&self, program: &str) -> Command {
        let ours = self.programs.join(program);
        let mut command = Command::new(if ours.exists() { ours } else { program.into() });
        command.env("LC_ALL", "C").current_dir(&self.folder);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// A shell that waits for the end of this process, stops the server and removes what it had.
fn watch(programs: &Path, folder: &Path, user: Option<(u32, u32)>) -> io::Result<Child> {
    const SCRIPT: &str = r#"trap '' INT TERM HUP; read -r _
        "$1/pg_ctl" -D "$2/data" -m immediate -w stop; rm -rf "$2""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "watch"]).arg(programs).arg(folder).current_dir("/");
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    if let Some((uid, gid)) = user {
        shell.uid(uid).gid(gid);
    }
    shell.spawn()
}

/// Debian keeps them apart, newest last; others have them in the path.
fn programs() -> io::Result<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = found.into_iter().rev().chain(std::env::split_paths(&path));
    let has_all = |folder: &PathBuf| ["initdb", "pg_ctl", "psql"].iter().all(|p| folder.join(p).exists());
    all.into_iter().find(has_all).ok_or_else(|| io::Error::other("no initdb: apt-get install postgresql"))
}

/// PostgreSQL does not run as root: then it is `postgres`, or `nobody`.
fn other_than_root() -> io::Result<Option<(u32, u32)>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    if !is_root {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse::<u32>);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    let found = ids("postgres").or_else(|| ids("nobody"));
    found.map(Some).ok_or_else(|| io::Error::other("neither a user postgres nor nobody"))
}
