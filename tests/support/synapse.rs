//! A Matrix server of our own for a test: real Synapse on SQLite, loopback only, alone in the world. It ends with the test's
//! process, also after a panic or a kill, because the shell that started it waits at a pipe that only this process holds.

use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::sync::OnceCell;

use crate::binaries::target;
use crate::client;

/// What its users' ids end with.
const NAME: &str = "juzhen.test";
/// Registers users without a registration being open.
const SECRET: &str = "only known to this test";

/// One server.
pub struct Synapse {
    pub port: u16,
    administrator: User,
    /// Holds the pipe: when it closes, the server is killed and the folder removed.
    _watcher: Child,
}

/// Somebody on it, signed in once.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub password: String,
    pub token: String,
    pub device: String,
}

/// The server of this test's process, started by whoever needs it first.
pub async fn synapse() -> &'static Synapse {
    static SYNAPSE: OnceCell<Synapse> = OnceCell::const_new();
    SYNAPSE.get_or_init(Synapse::start).await
}

impl Synapse {
    async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("juzhen-synapse-").tempdir().unwrap().keep();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        configure(&folder, port).unwrap();
        let mut watcher = run(&folder).unwrap_or_else(|error| panic!("no Matrix server: {error}"));
        let url = format!("http://127.0.0.1:{port}");
        let start = Instant::now();
        while client().get(format!("{url}/health")).send().await.is_err() {
            let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(watcher.try_wait().unwrap().is_none(), "Synapse ended: {}", log());
            assert!(start.elapsed() < Duration::from_secs(240), "Synapse does not start: {}", log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let administrator = register(&url, "administrator", true).await;
        Self { port, administrator, _watcher: watcher }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A new user of this name.
    pub async fn user(&self, name: &str) -> User {
        register(&self.url(), name, false).await
    }

    /// From now on the user may send so many messages a second, after `burst` at once.
    pub async fn limit(&self, user: &User, per_second: u32, burst: u32) {
        let path = format!("/_synapse/admin/v1/users/{}/override_ratelimit", user.id);
        let limit = json!({"messages_per_second": per_second, "burst_count": burst});
        self.done(&self.administrator, "POST", &path, Some(limit)).await;
    }

    /// A public room of the user's, in which everybody may write.
    pub async fn room(&self, user: &User) -> String {
        let room = json!({"preset": "public_chat", "name": "公告"});
        let made = self.done(user, "POST", "/_matrix/client/v3/createRoom", Some(room)).await;
        made["room_id"].as_str().unwrap().to_owned()
    }

    /// What somebody sends into a room; the id of the event.
    pub async fn send(&self, user: &User, room: &str, content: Value) -> String {
        let transaction = content.to_string().len(); // Nobody says two things of one length here.
        let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}");
        let sent = self.done(user, "PUT", &path, Some(content)).await;
        sent["event_id"].as_str().unwrap().to_owned()
    }

    /// The messages of a room as this user reads them, newest first. Of redacted ones the content is empty.
    pub async fn messages(&self, user: &User, room: &str) -> Vec<Value> {
        let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=100");
        let page = self.done(user, "GET", &path, None).await;
        let events = page["chunk"].as_array().unwrap().iter();
        events.filter(|event| event["type"] == "m.room.message").cloned().collect()
    }

    /// One request that goes well.
    pub async fn done(&self, user: &User, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, said) = ask(&self.url(), Some(&user.token), method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {said:#}");
        said
    }
}

async fn ask(
    url: &str,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let method: Method = method.parse().unwrap();
    let request = client().request(method, format!("{url}{path}"));
    let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
    let request = if let Some(body) = body { request.json(&body) } else { request };
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// By the secret that the server's settings name.
async fn register(url: &str, name: &str, admin: bool) -> User {
    const PATH: &str = "/_synapse/admin/v1/register";
    let (_, offered) = ask(url, None, "GET", PATH, None).await;
    let nonce = offered["nonce"].as_str().unwrap();
    let password = format!("password of {name}");
    let role = if admin { "admin" } else { "notadmin" };
    let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update([nonce, name, &password, role].join("\0").as_bytes());
    let mac: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let body = json!({"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac});
    let (status, said) = ask(url, None, "POST", PATH, Some(body)).await;
    assert!(status.is_success(), "{status} {said:#}");
    let text = |field: &str| said[field].as_str().unwrap().to_owned();
    User { id: text("user_id"), token: text("access_token"), device: text("device_id"), password }
}

/// Its settings and its key. It trusts nobody, reports nothing, and speaks to nobody but its clients.
fn configure(folder: &Path, port: u16) -> io::Result<()> {
    let text = format!(
        "server_name: {NAME}\n\
         report_stats: false\n\
         pid_file: {place}/pid\n\
         signing_key_path: {place}/signing.key\n\
         log_config: {place}/log.yaml\n\
         media_store_path: {place}/media\n\
         database: {{name: sqlite3, args: {{database: {place}/homeserver.db}}}}\n\
         listeners: [{{port: {port}, bind_addresses: [127.0.0.1], type: http, resources: [{{names: [client]}}]}}]\n\
         registration_shared_secret: {SECRET}\n\
         trusted_key_servers: []\n\
         federation_domain_whitelist: []\n\
         rc_message: {{per_second: 1000, burst_count: 1000}}\n\
         rc_login: {{address: {FREE}, account: {FREE}, failed_attempts: {FREE}}}\n",
        place = folder.display(),
    );
    std::fs::write(folder.join("homeserver.yaml"), text)?;
    let log = "version: 1\nhandlers: {out: {class: logging.StreamHandler}}\nroot: {level: WARNING, handlers: [out]}\n";
    std::fs::write(folder.join("log.yaml"), log)?;
    // A key of 32 bytes, in base64 without padding; nobody ever checks what it signed.
    std::fs::write(folder.join("signing.key"), format!("ed25519 a_test {}\n", "A".repeat(43)))
}

const FREE: &str = "{per_second: 1000, burst_count: 1000}";

/// A shell that runs the server, waits for the end of this process, kills the server and removes what it had.
fn run(folder: &Path) -> io::Result<Child> {
    const SCRIPT: &str = r#"trap '' INT TERM HUP
        "$1" -m synapse.app.homeserver -c "$2/homeserver.yaml" >"$2/log" 2>&1 & server=$!
        read -r _; kill -9 $server; rm -rf "$2""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "watch"]).arg(python()?).arg(folder).current_dir("/");
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    shell.spawn()
}

/// Of the virtual environment that has it.
fn python() -> io::Result<PathBuf> {
    let place = target().join("synapse");
    if place.join("installed").exists() {
        return Ok(place.join("bin/python"));
    }
    Err(io::Error::other(format!("{} has no Synapse: run tests/synapse/install", place.display())))
}
