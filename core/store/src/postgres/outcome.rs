//! What became of a transaction whose COMMIT was never answered (F29, F30).

use std::time::{Duration, Instant};

use postgres::Client;

use super::connect::Server;
use super::error::told;
use crate::error::chain;

/// How long the answer is worth waiting for; whoever asked has then to find out by looking.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    /// Nothing of it was kept.
    Gone,
    /// The server cannot be asked, or does not know any more.
    Unknown(String),
}

/// Asks the server, once it answers again, and hands back the connection that was made for it.
pub(super) fn ask(server: &Server, transaction: &str) -> (Option<Client>, Fate) {
    let until = Instant::now() + PATIENCE;
    let mut why = "it was not asked".to_owned();
    while Instant::now() < until {
        match server.connect() {
            Err(error) => why = chain(&error),
            Ok(mut client) => match status(&mut client, transaction) {
                Ok(Some(fate)) => return (Some(client), fate),
                // The old connection is not known to be dead there yet, and may still commit.
                Ok(None) => why = format!("transaction {transaction} is still under way"),
                Err(error) => why = told(&error),
            },
        }
        if server.broken().borrow().is_some() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    (None, Fate::Unknown(why))
}

/// `None`: not decided yet.
fn status(client: &mut Client, transaction: &str) -> Result<Option<Fate>, postgres::Error> {
    const SQL: &str = "SELECT pg_xact_status($1::text::xid8)";
    let found: Option<String> = client.query_one(SQL, &[&transaction])?.try_get(0)?;
    Ok(match found.as_deref() {
        Some("committed") => Some(Fate::Committed),
        Some("aborted") => Some(Fate::Gone),
        Some(_) => None,
        None => Some(Fate::Unknown(format!("the server has forgotten transaction {transaction}"))),
    })
}
