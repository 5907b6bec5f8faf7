//! Making a connection, and proof that what the server confirms is durable. Every connection is checked, as a server may be
//! another one after a reconnection.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use postgres::{Client, NoTls};
use tokio::sync::watch;

use super::address::Address;
use super::lineage::Lineage;
use super::name::Session;
use super::tls::Tls;
use crate::error::{StoreError, failed};

/// The oldest that has what is used here: 13.
const OLDEST: u32 = 130_000;
/// A server that does not answer is asked again later instead.
const CONNECT: Duration = Duration::from_secs(5);
/// The tables' own place, so that nothing else in the database is touched.
pub(super) const SCHEMA: &str = "juzhen";

/// The server of one database.
pub(super) struct Server {
    address: Address,
    patience: Duration,
    lineage: Lineage,
    /// The session that holds the node's name, or held it last.
    session: Mutex<Option<Session>>,
    /// Why nothing may be read from or written to this server.
    another: OnceLock<String>,
    /// Why only a new start helps.
    broken: watch::Sender<Option<String>>,
}

/// Settings without which a confirmed commit can be lost.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

impl Server {
    pub(super) fn new(address: Address, patience: Duration) -> Self {
        let (lineage, session, another) = (Lineage::default(), Mutex::default(), OnceLock::new());
        Self { address, patience, lineage, session, another, broken: watch::Sender::new(None) }
    }

    /// For people and logs, without the password.
    pub(super) fn name(&self) -> String {
        self.address.shown()
    }

    /// The first connection, and the server's version.
    pub(super) fn first(&self) -> Result<(Client, u32), StoreError> {
        let client = self.connect()?;
        let mut client = client;
        let version = number(&mut client, "server_version_num")?;
        Ok((client, version))
    }

    /// A connection that was checked.
    pub(super) fn connect(&self) -> Result<Client, StoreError> {
        if let Some(why) = self.another.get() {
            return Err(failed("use the database", why.clone()));
        }
        let mut config = self.address.config.clone();
        config.connect_timeout(CONNECT).application_name("juzhen");
        config.keepalives(true).keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        config.tcp_user_timeout(self.patience + CONNECT);
        let connected = match &self.address.tls {
            Tls::None => config.connect(NoTls),
            Tls::Verified(tls) => config.connect(tls.clone()),
        };
        let mut client = connected.map_err(|e| {
            let hint = self.address.tls.hint(&e);
            failed("reach the database", format!("{}: {}{hint}", self.name(), super::error::told(&e)))
        })?;
        self.settle_in(&mut client)?;
        self.check(&mut client)?;
        Ok(client)
    }

    /// Says that only a new start helps. Until the daemon has ended, what it knows can still be written down.
    pub(super) fn break_down(&self, why: String) {
        self.broken.send_if_modified(|broken| {
            let is_first = broken.is_none();
            if is_first {
                tracing::error!(why, "The database cannot be used any more; a new start is needed");
                *broken = Some(why);
            }
            is_first
        });
    }

    /// A transaction that changed something is durable.
    pub(super) fn confirmed(&self, transaction: &str) {
        self.lineage.confirmed(transaction);
    }

    /// Keeps the session that now holds the node's name.
    pub(super) fn is_present_by(&self, session: Session) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why only a new start helps, as soon as it is so.
    pub(super) fn broken(&self) -> watch::Receiver<Option<String>> {
        self.broken.subscribe()
    }

    /// A daemon that hangs must not hold its locks for long: its transaction ends, and the fence does the rest (F35, F37).
    fn settle_in(&self, client: &mut Client) -> Result<(), StoreError> {
        let (patience, hanging) = (self.patience.as_millis(), self.patience.as_millis().min(5000));
        client.batch_execute(&format!(
            "SET search_path = {SCHEMA}; SET default_transaction_isolation = 'read committed';
             SET statement_timeout = {patience}; SET lock_timeout = {patience};
             SET idle_in_transaction_session_timeout = {hanging};
             SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
             SET client_min_messages = 'warning'; SET TimeZone = 'UTC'"
        ))?;
        Ok(())
    }

    /// P4: refuses a server whose "committed" is not durable, naming the setting.
    fn check(&self, client: &mut Client) -> Result<(), StoreError> {
        const ATTEMPTED: &str = "use the database";
        let version = number(client, "server_version_num")?;
        if version < OLDEST {
            let why = format!("PostgreSQL {} is too old: 13 or later is needed", version / 10_000);
            return Err(failed(ATTEMPTED, why));
        }
        let standby: bool = client.query_one("SELECT pg_is_in_recovery()", &[])?.try_get(0)?;
        if standby {
            return Err(failed(ATTEMPTED, "it is a standby: name the primary".into()));
        }
        for name in DURABLE {
            let value = setting(client, name)?;
            // `local` still waits for the disk of the server itself.
            if value == "off" {
                let why = format!("{name} is off, so a confirmed change can be lost: set it to on");
                return Err(failed(ATTEMPTED, why));
            }
        }
        let encoding = setting(client, "server_encoding")?;
        if encoding != "UTF8" {
            let why = format!("its encoding is {encoding}: make it with ENCODING 'UTF8'");
            return Err(failed(ATTEMPTED, why));
        }
        match self.lineage.look(client)? {
            None => Ok(()),
            Some(why) => {
                self.break_down(why.clone());
                Err(failed(ATTEMPTED, self.another.get_or_init(|| why).clone()))
            }
        }
    }
}

fn setting(client: &mut Client, name: &str) -> Result<String, StoreError> {
    Ok(client.query_one("SELECT current_setting($1)", &[&name])?.try_get(0)?)
}

fn number(client: &mut Client, name: &str) -> Result<u32, StoreError> {
    let text = setting(client, name)?;
    text.parse().map_err(|_| failed("use the database", format!("{name} is {text}")))
}
