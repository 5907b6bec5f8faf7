//! The ceiling: claim, send and record alone, from one table, over kept connections, with shared commits. No isolation,
//! approval, journal, order of accounts, audit or logs; what a product keeps of it is what those cost.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rusqlite::{Connection, params};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc as channel};

use crate::raw::{Rate, answer_of};
use crate::{items, usage};

/// What `ideal` is started with.
#[derive(Debug, Clone, Args)]
pub(crate) struct Ideal {
    #[arg(long)]
    url: String,
    #[arg(long)]
    count: usize,
    /// Connections, each with one request at a time.
    #[arg(long)]
    connections: usize,
    #[arg(long)]
    folder: PathBuf,
}

/// Starts this program again as the ceiling.
pub(crate) fn measure(url: &str, count: usize, connections: usize, folder: &Path) -> Result<Rate> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["ideal", "--url", url, "--count", &count.to_string()]);
    command.args(["--connections", &connections.to_string(), "--folder"]).arg(folder);
    answer_of(command)
}

type Work = (i64, String);
type Done = (i64, String);

impl Ideal {
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    pub(crate) async fn run(&self) -> Result<Rate> {
        let path = self.folder.join("ideal.db");
        let table = filled(&path, self.count)?;
        let (work, waiting) = channel::unbounded_channel();
        let (done, finished) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let (began, cpu) = (Instant::now(), usage::cpu_seconds(&[std::process::id()]));
        let (count, most) = (self.count, self.connections * 2);
        let writer = std::thread::spawn(move || turns(&table, count, most, &work, &finished));
        let one = || connection(self.url.clone(), Arc::clone(&waiting), done.clone());
        let senders: Vec<_> = (0..self.connections).map(|_| tokio::spawn(one())).collect();
        drop(done);
        for sender in senders {
            sender.await??;
        }
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        let seconds = began.elapsed().as_secs_f64();
        let cpu = usage::cpu_seconds(&[std::process::id()]) - cpu;
        let count = self.count as f64;
        Ok(Rate { items_per_s: count / seconds, cpu_s_per_1000: cpu * 1000.0 / count })
    }
}

fn filled(path: &Path, count: usize) -> Result<Connection> {
    for end in ["", "-wal", "-shm"] {
        // Not there is what is wanted.
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    let table = Connection::open(path)?;
    table.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE items (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, body TEXT NOT NULL, result TEXT);
         CREATE INDEX due ON items (id) WHERE state = 0;
         BEGIN",
    )?;
    for number in 0..count {
        let body = json!({ "text": items::text(number), "media": [] }).to_string();
        let id = i64::try_from(number)?;
        table.prepare_cached("INSERT INTO items VALUES (?1, 0, ?2, NULL)")?.execute(params![id, body])?;
    }
    table.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(table)
}

/// Each turn is one transaction: every result that waits, and a claim of as many as there is room for.
fn turns(
    table: &Connection,
    count: usize,
    most: usize,
    work: &channel::UnboundedSender<Work>,
    finished: &mpsc::Receiver<Done>,
) -> Result<()> {
    let (mut recorded, mut in_flight) = (0, 0);
    while recorded < count {
        let first = if in_flight > 0 { Some(finished.recv()?) } else { None };
        let results: Vec<Done> = first.into_iter().chain(finished.try_iter()).collect();
        recorded += results.len();
        in_flight -= results.len();
        table.execute_batch("BEGIN IMMEDIATE")?;
        for (id, result) in &results {
            let sql = "UPDATE items SET state = 2, result = ?2 WHERE id = ?1";
            table.prepare_cached(sql)?.execute(params![id, result])?;
        }
        let claimed = claim(table, most.saturating_sub(in_flight))?;
        table.execute_batch("COMMIT")?;
        in_flight += claimed.len();
        claimed.into_iter().try_for_each(|one| work.send(one))?;
    }
    Ok(())
}

fn claim(table: &Connection, room: usize) -> Result<Vec<Work>> {
    let sql =
        "UPDATE items SET state = 1 WHERE id IN (SELECT id FROM items WHERE state = 0 ORDER BY id LIMIT ?1)
         RETURNING id, body";
    let mut statement = table.prepare_cached(sql)?;
    let rows = statement.query_map([i64::try_from(room)?], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

async fn connection(
    url: String,
    waiting: Arc<Mutex<channel::UnboundedReceiver<Work>>>,
    done: mpsc::Sender<Done>,
) -> Result<()> {
    let address = url.strip_prefix("http://").context("an http address")?.to_owned();
    let stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, driver) = http1::handshake::<_, String>(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    loop {
        let next = waiting.lock().await.recv().await;
        let Some((id, body)) = next else { return Ok(()) };
        let account = items::account(usize::try_from(id)? % 50);
        let request = hyper::Request::post(format!("/v1/accounts/{account}/posts"))
            .header("host", &address)
            .header("content-type", "application/json")
            .body(body)?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        if answer.status() != 201 {
            bail!("the platform answered {}", answer.status());
        }
        let body = answer.into_body().collect().await?.to_bytes();
        if done.send((id, String::from_utf8_lossy(&body).into_owned())).is_err() {
            return Ok(());
        }
    }
}
