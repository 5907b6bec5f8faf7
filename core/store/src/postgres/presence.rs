//! The connection that is always there: it holds the node's name, hears what other daemons changed, and tidies up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;
use tokio::sync::watch;

use super::connect::Server;
use super::name::{self, Holder};
use crate::error::{StoreError, chain};

/// A daemon that was killed lets its name go when the server sees that it is gone; a new start waits so long for that.
const WAIT_FOR_NAME: Duration = Duration::from_secs(15);
/// Between two looks at whether the connection still stands, and whether we are to end.
const LOOK: Duration = Duration::from_millis(250);
/// Between two foldings of the tallies.
const FOLD: Duration = Duration::from_secs(60);

pub(super) struct Presence {
    woken: watch::Receiver<u64>,
    broken: watch::Receiver<Option<String>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Presence {
    pub(super) fn start(server: Arc<Server>, node: Option<&str>) -> Result<Self, StoreError> {
        let client = appear(&server, node, WAIT_FOR_NAME)?;
        let (wake, woken) = watch::channel(0);
        let (broken, ending) = (server.broken(), Arc::new(AtomicBool::new(false)));
        let watcher = Watcher { server, node: node.map(str::to_owned), wake, ending: Arc::clone(&ending) };
        let thread = std::thread::Builder::new()
            .name("store-presence".into())
            .spawn(move || watcher.run(Some(client)))
            .map_err(|e| crate::error::failed("start a listening thread", e.to_string()))?;
        Ok(Self { woken, broken, ending, thread: Some(thread) })
    }

    /// Resolves when another daemon has changed something that may matter here.
    pub(super) async fn woken(&self) {
        let mut woken = self.woken.clone();
        woken.mark_unchanged();
        if woken.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves once only a new start helps.
    pub(super) async fn broken(&self) -> String {
        let mut broken = self.broken.clone();
        let why = broken.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match why {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    pub(super) fn close(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A connection that listens and holds the name.
fn appear(server: &Server, node: Option<&str>, patience: Duration) -> Result<Client, StoreError> {
    let mut client = server.connect()?;
    client.batch_execute("LISTEN juzhen")?;
    let Some(node) = node else { return Ok(client) };
    let until = Instant::now() + patience;
    // Of a connection that was lost; the server may still keep it.
    let gone = server.session();
    loop {
        match name::take(&mut client, node)? {
            Holder::Us(session) => {
                server.is_present_by(session);
                return Ok(client);
            }
            Holder::Another(session) if Some(&session) == gone.as_ref() => name::end(&mut client, &session)?,
            Holder::Another(_) if gone.is_some() => {
                server.break_down(format!(
                    "another daemon has come under the name {node}: this one was taken for gone, and what it held was \
                     taken up"
                ));
                return Err(taken(server, node));
            }
            Holder::Another(_) | Holder::Nobody => {}
        }
        if Instant::now() >= until {
            return Err(taken(server, node));
        }
        std::thread::sleep(LOOK);
    }
}

fn taken(server: &Server, node: &str) -> StoreError {
    let path = format!("the node name {node} in {}", server.name());
    StoreError::InUse { path, holder: "another daemon that is alive".into() }
}

struct Watcher {
    server: Arc<Server>,
    node: Option<String>,
    wake: watch::Sender<u64>,
    ending: Arc<AtomicBool>,
}

impl Watcher {
    fn run(self, mut client: Option<Client>) {
        let mut folded = Instant::now();
        while !self.ending.load(Ordering::Relaxed) {
            let Some(standing) = &mut client else {
                std::thread::sleep(LOOK);
                client = self.reappear();
                continue;
            };
            if let Err(error) = self.listen(standing, &mut folded) {
                tracing::warn!(
                    why = super::error::told(&error),
                    "Lost the listening connection to the database"
                );
                client = None;
            }
        }
    }

    /// After a break anything may have happened, so everybody is woken.
    fn reappear(&self) -> Option<Client> {
        match appear(&self.server, self.node.as_deref(), LOOK) {
            Ok(client) => {
                self.wake.send_modify(|times| *times += 1);
                Some(client)
            }
            Err(error) => {
                tracing::debug!(why = chain(&error), "No listening connection to the database yet");
                None
            }
        }
    }

    fn listen(&self, client: &mut Client, folded: &mut Instant) -> Result<(), postgres::Error> {
        let heard = client.notifications().timeout_iter(LOOK).next()?.is_some();
        if heard {
            self.wake.send_modify(|times| *times += 1);
        }
        if client.is_closed() {
            // Says why.
            client.batch_execute("SELECT 1")?;
        }
        if folded.elapsed() >= FOLD {
            *folded = Instant::now();
            fold(client)?;
            super::lineage::remember(client)?;
        }
        Ok(())
    }
}

/// Many steps of a tally become one row for each state; whoever counts at the same time sees the one or the other.
fn fold(client: &mut Client) -> Result<(), postgres::Error> {
    client.batch_execute(
        "WITH gone AS (DELETE FROM steps RETURNING what, state, n)
         INSERT INTO steps (what, state, n) SELECT what, state, sum(n) FROM gone GROUP BY what, state HAVING sum(n) <> 0",
    )
}
