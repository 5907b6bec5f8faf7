//! `juzhen adapter record`: runs one operation of an adapter in the real host, without a daemon, and keeps what crossed in a
//! cassette.
//!
//! It is a tool for authors. It sees neither the daemon's database nor its secrets, and without `--real` nothing that could
//! change anything leaves this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use clap::Args;
use juzhen_host::memory::{Memory, MemoryLedger};
use juzhen_host::message::Manifest;
use juzhen_host::{
    AccountContext, AdapterState, Begun, Call, Crossing, EffectId, EffectPolicy, Failure, Host, HostOptions,
    Intent, Ledger, LedgerError, Ports, RecordedAnswer, Recorder, Reply, Secret, pack,
};
use juzhen_testkit::cassette::{Cassette, Ended as Outcome, Tape};
use reqwest::Url;
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

use crate::client::fresh_key;
use crate::failure::{Ended, Usage};
use crate::output::Output;

/// Run one operation of an adapter for real and keep it as a cassette: what it asked, what it was told, what it said
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The adapter, such as target/debug/libmock.so
    file: PathBuf,
    /// Which operation, such as publish
    operation: String,
    /// The cassette to write; one that is there is recorded anew
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Id of the account on the platform
    #[arg(long, default_value = "recorded")]
    uid: String,
    /// A setting of the account: text, or JSON where it is a number, a list or the like
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// A secret of the account and the file that holds it; without --real those not given are made up
    #[arg(long = "secret", value_name = "NAME=FILE")]
    secrets: Vec<String>,
    /// Body of the operation as JSON, or @FILE
    #[arg(long, default_value = "{}", value_name = "JSON")]
    body: String,
    /// A picture of the post, once for each
    #[arg(long = "picture", value_name = "FILE")]
    pictures: Vec<PathBuf>,
    /// A real platform over https: what the operation changes there is changed
    #[arg(long)]
    real: bool,
}

/// Id of the account within the recording.
const ACCOUNT: &str = "recorded";
/// Longest an operation may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A shorter value is part of ordinary text, and no secret.
const SHORTEST_SECRET: usize = 4;

impl Record {
    pub(crate) fn run(self, output: Output) -> Result<Ended> {
        if !self.file.is_file() {
            bail!(Usage(format!("{} is no file", self.file.display())));
        }
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.context("could not start the asynchronous runtime")?;
        let (cassette, requests) = runtime.block_on(self.record())?;
        let text = cassette.to_text().context("could not write the recording as JSON")?;
        write_whole(&self.to, &text)?;
        let document = json!({"cassette": self.to, "requests": requests, "ended": cassette.ended});
        output.answer(&document, |_| {
            let ended = serde_json::to_string(&cassette.ended).unwrap_or_default();
            format!("{ended}\nrequests to the platform: {requests}; kept in {}", self.to.display())
        })?;
        Ok(Ended::Fine)
    }

    /// The cassette, and how many requests went to the platform.
    async fn record(&self) -> Result<(Cassette, usize)> {
        let memory = Memory::default();
        let tape = Arc::new(Mutex::new(Tape::default()));
        let folder = folder_of(&self.file)?;
        let ports = Ports {
            ledger: Arc::new(Gate { real: self.real, rows: Arc::clone(&memory.ledger) }),
            ..memory.ports()
        };
        let mut options = HostOptions::new(folder.path());
        options.egress.allow_private = !self.real;
        options.recorder = Some(recorder(Arc::clone(&tape)));
        let host = Host::start(options, ports).await.context("could not start a host")?;
        let ran = self.run_in(&host, &memory).await;
        host.shutdown(Duration::from_secs(2)).await;
        let (manifest, mut secrets, reply) = ran?;
        secrets.extend(values(&manifest, &memory));
        let tape = std::mem::take(&mut *tape.lock().unwrap_or_else(PoisonError::into_inner));
        let requests = tape.requests();
        let cassette = tape.end(&manifest, ended(reply)?).context("the operation did not begin")?;
        check_for_secrets(&cassette, &secrets)?;
        Ok((cassette, requests))
    }

    /// What the adapter says of itself, the secrets that it was given, and what came of the operation.
    async fn run_in(&self, host: &Host, memory: &Memory) -> Result<(Arc<Manifest>, Vec<Given>, Reply)> {
        let adapter = host.adapters().into_iter().next();
        let manifest = adapter.and_then(|adapter| match adapter.state {
            AdapterState::Refused { reason } => Some(Err(reason)),
            _ => adapter.manifest.map(Ok),
        });
        let manifest = match manifest {
            Some(Ok(manifest)) => manifest,
            Some(Err(why)) => bail!("{} is refused: {why}", self.file.display()),
            None => bail!("{} is not even seen as an adapter file", self.file.display()),
        };
        if !manifest.operations.contains(&self.operation) {
            let offered = manifest.operations.join(", ");
            bail!(Usage(format!(
                "{} does not offer {:?}; it offers {offered}",
                manifest.name, self.operation
            )));
        }
        self.give_secrets(&manifest, memory)?;
        let given = values(&manifest, memory);
        let call = Call {
            adapter: manifest.name.clone(),
            id: fresh_key()?,
            operation: self.operation.clone(),
            account: AccountContext {
                id: ACCOUNT.to_owned(),
                uid: self.uid.clone(),
                settings: self.settings()?,
            },
            idempotency_key: fresh_key()?,
            attempt: 1,
            deadline: PATIENCE,
            body: self.body(memory)?,
            effects: EffectPolicy::Journal,
        };
        let reply = host.call(call).await;
        Ok((manifest, given, reply))
    }

    fn give_secrets(&self, manifest: &Manifest, memory: &Memory) -> Result<()> {
        for given in &self.secrets {
            let (name, file) = pair(given, "--secret", "access_token=token.txt")?;
            if !manifest.secrets.iter().any(|secret| secret.name == name) {
                bail!(Usage(format!("{} names no secret {name:?} in its manifest", manifest.name)));
            }
            let text = fs::read_to_string(file)
                .with_context(|| format!("could not read secret {name} from {file}"))?;
            memory.secrets.put(ACCOUNT, name, text.trim_end_matches(['\r', '\n']));
        }
        for secret in manifest.secrets.iter().filter(|secret| !secret.optional) {
            if memory.secrets.look(ACCOUNT, &secret.name).is_some() {
                continue;
            }
            if self.real {
                bail!(Usage(format!("the adapter needs the secret {0}: --secret {0}=FILE", secret.name)));
            }
            // Any is good at a stand-in that was not told otherwise.
            memory.secrets.put(ACCOUNT, &secret.name, &fresh_key()?);
        }
        Ok(())
    }

    fn settings(&self) -> Result<Map<String, Value>> {
        let mut settings = Map::new();
        for given in &self.settings {
            let (name, text) = pair(given, "--set", "base_url=http://127.0.0.1:9477/mock")?;
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            settings.insert(name.to_owned(), value);
        }
        Ok(settings)
    }

    fn body(&self, memory: &Memory) -> Result<Value> {
        let text = match self.body.strip_prefix('@') {
            None => self.body.clone(),
            Some(file) => fs::read_to_string(file).with_context(|| format!("could not read {file}"))?,
        };
        let mut body: Value =
            serde_json::from_str(&text).map_err(|cause| Usage(format!("--body is no JSON: {cause}")))?;
        let mut media = Vec::new();
        for file in &self.pictures {
            let bytes = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
            let blob = memory.blobs.put(&bytes);
            media.push(json!({"blob": blob, "mime": mime(&bytes), "bytes": bytes.len()}));
        }
        if let (false, Some(fields)) = (media.is_empty(), body.as_object_mut()) {
            fields.insert("media".to_owned(), media.into());
        }
        Ok(body)
    }
}

/// `NAME=VALUE`, as an option takes it.
fn pair<'a>(given: &'a str, option: &str, example: &str) -> Result<(&'a str, &'a str)> {
    let usage = || Usage(format!("{option} {given:?}: write NAME=VALUE, such as {example}"));
    Ok(given.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(usage)?)
}

/// By the first bytes, as platforms tell it.
fn mime(bytes: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 4] = [
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"RIFF", "image/webp"),
    ];
    let known = KNOWN.iter().find(|(start, _)| bytes.starts_with(start));
    known.map_or("application/octet-stream", |(_, mime)| mime)
}

/// A folder with nothing but this file: the host loads folders.
fn folder_of(file: &Path) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir().context("could not make a folder for the adapter")?;
    let copied = fs::copy(file, folder.path().join("adapter.so"));
    copied.with_context(|| format!("could not read {}", file.display()))?;
    Ok(folder)
}

fn recorder(tape: Arc<Mutex<Tape>>) -> Recorder {
    Recorder::new(move |crossing| {
        let mut tape = tape.lock().unwrap_or_else(PoisonError::into_inner);
        match crossing {
            Crossing::Called { operation, request } => tape.called(&operation, &request),
            Crossing::Asked { number, capability, request } => tape.asked(number, &capability, &request),
            Crossing::Answered { number, answer } => {
                tape.answered(number, answer.as_deref().map_err(Vec::as_slice));
            }
            Crossing::Clock { unix_ms } => tape.read_clock(unix_ms),
        }
    })
}

/// What a replay can repeat: what the adapter itself has said.
fn ended(reply: Reply) -> Result<Outcome> {
    match reply.result {
        Ok(answer) => {
            let (answer, _) = pack::unpack(&answer).map_err(|cause| anyhow::anyhow!("{cause}"))?;
            Ok(Outcome::Answer(answer))
        }
        Err(Failure::Adapter(error)) => Ok(Outcome::Error(error)),
        Err(other) => Err(other).context("nothing was recorded"),
    }
}

/// Lets effects leave for this machine only, unless a real platform is meant.
struct Gate {
    real: bool,
    rows: Arc<MemoryLedger>,
}

#[async_trait]
impl Ledger for Gate {
    async fn begin(&self, intent: &Intent) -> Result<Begun, LedgerError> {
        if self.real || is_loopback(&intent.url) {
            return self.rows.begin(intent).await;
        }
        let why = format!(
            "{} {} would change a real platform; say --real if that is meant",
            intent.method, intent.url
        );
        Ok(Begun::Refused(why))
    }

    async fn end(&self, effect: EffectId, answer: &RecordedAnswer) -> Result<(), LedgerError> {
        self.rows.end(effect, answer).await
    }
}

fn is_loopback(url: &str) -> bool {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = host.as_deref().map(|host| host.trim_matches(['[', ']']));
    host.is_some_and(|host| {
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// A secret by its name.
type Given = (String, Secret);

/// What the account's secrets are now: a token that has expired is another one afterwards.
fn values(manifest: &Manifest, memory: &Memory) -> Vec<Given> {
    let names = manifest.secrets.iter().map(|secret| &secret.name);
    let value = |name: &String| Some((name.clone(), Secret::new(memory.secrets.look(ACCOUNT, name)?.0)));
    names.filter_map(value).collect()
}

/// Nothing with a secret in it is written, whatever a platform or the one who records has made of it.
fn check_for_secrets(cassette: &Cassette, secrets: &[Given]) -> Result<()> {
    for (name, secret) in secrets {
        let spellings = secret.spellings();
        let mut telling = spellings.iter().filter(|form| form.expose().len() >= SHORTEST_SECRET);
        if telling.any(|form| cassette.spells(form.expose())) {
            bail!(
                "the secret {name} would be in the cassette, in clear or in another form; nothing was written"
            );
        }
    }
    Ok(())
}

/// Whole or not at all: a test may read the folder at any time.
fn write_whole(file: &Path, text: &str) -> Result<()> {
    let attempted = || format!("could not write {}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(attempted)?;
    let beside = file.with_extension("new");
    fs::write(&beside, text).with_context(attempted)?;
    fs::rename(&beside, file).with_context(attempted)
}
