//! Named points where a test may end, break or stall the daemon, to see what that leaves behind.
//!
//! `FAILPOINTS="send.after_response=2*abort;claim.after_commit=sleep(500)"`: the second time `send.after_response` is
//! reached the process aborts. Read only where the operator said that this is a test; else a set `FAILPOINTS` refuses the
//! start, in every build. The names are those of the reliability catalogue §4.2. What fired is told in a file
//! ([`Failpoints::telling`]), so that a test can assert that it happened. `callback.*` comes with callbacks.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Every point there is: the name, and what is true when it is reached.
pub const POINTS: &[(&str, &str)] = &[
    (
        "migrate.step_n",
        "before a statement that brings the database to a newer schema; the time it is reached is n",
    ),
    ("approve.before_commit", "inside the transaction of a decision"),
    ("approve.after_commit", "a decision is on disk; nobody has been told"),
    ("claim.before_commit", "inside the claiming transaction"),
    ("claim.after_commit", "claimed; nothing has left"),
    ("plugin.before_call", "the send begins; the adapter was not asked yet"),
    ("send.before_connect", "the intent is on disk; no byte has left"),
    ("send.after_headers", "the head of a request with a body has left; its body has not"),
    ("send.mid_body", "half of the body has left"),
    ("send.after_body_before_response", "the whole request has left; its answer was not looked at"),
    ("send.after_response", "the platform has answered; the answer is not on disk"),
    ("send.after_record", "the answer is on disk; the adapter has not seen it"),
    ("record.before_commit", "inside the transaction that writes the receipt and what follows"),
    ("record.after_commit", "receipt and forwards are on disk"),
    ("outbox.before_emit", "a notice is on disk and was not handed out"),
    ("outbox.after_emit", "a notice was handed out; that is not on disk"),
    ("reconcile.before_read", "before the account is looked at"),
    ("reconcile.after_read", "the evidence is known and not written"),
    ("reconcile.before_commit", "inside the transaction that closes a doubt by evidence"),
    ("token.refresh.after_platform_before_store", "the platform handed out a token; it is kept nowhere"),
    ("key.rotate.after_file_before_commit", "a new master key is on disk; nothing is sealed under it"),
    (
        "key.rotate.after_commit_before_file",
        "everything is sealed under the new key; its file is beside the old one",
    ),
    ("config.after_parse", "the new settings are good and not running"),
    ("config.before_swap", "the new settings are kept and not running"),
    ("shutdown.after_stop_claim", "told to stop: nothing is claimed any more, sends are under way"),
];

/// The points that are set in one daemon.
#[derive(Default)]
pub struct Failpoints {
    set: BTreeMap<&'static str, Point>,
    fired: Option<File>,
    observer: Option<Observer>,
}

/// Called with the name of every point that is reached.
pub type Observer = Arc<dyn Fn(&'static str) + Send + Sync>;

#[derive(Debug)]
struct Point {
    action: Action,
    /// The time it fires, counted from 1; 0 every time.
    at: u32,
    reached: AtomicU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Abort,
    Panic,
    Sleep(Duration),
    /// Only says that it was reached.
    Note,
}

/// Why a list of points cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "failpoint {text:?}: {why}; write NAME=[N*]ACTION with abort, panic, note or sleep(MILLISECONDS), separated by `;`"
)]
pub struct BadFailpoint {
    text: String,
    why: String,
}

impl Failpoints {
    /// Reads a list of points.
    ///
    /// # Errors
    /// An unknown name or action.
    pub fn parse(list: &str) -> Result<Self, BadFailpoint> {
        let entries = list.split(';').map(str::trim).filter(|entry| !entry.is_empty());
        let set = entries.map(parse_one).collect::<Result<_, _>>()?;
        Ok(Self { set, ..Self::default() })
    }

    /// Adds a line of JSON to this file each time a point fires, before it does: also an abort is counted.
    ///
    /// # Errors
    /// When the file cannot be opened for adding.
    pub fn telling(mut self, file: &Path) -> std::io::Result<Self> {
        self.fired = Some(OpenOptions::new().create(true).append(true).open(file)?);
        Ok(self)
    }

    /// For several daemons in one process, none of which may end it: `observer` decides at every point.
    pub fn observed(observer: Observer) -> Self {
        Self { observer: Some(observer), ..Self::default() }
    }

    /// The point `name` is reached. Blocks when it is set to sleep: that is what it is for.
    pub fn reach(&self, name: &'static str) {
        debug_assert!(POINTS.iter().any(|(known, _)| *known == name), "{name} is not listed in POINTS");
        if let Some(observer) = &self.observer {
            observer(name);
        }
        let Some(point) = self.set.get(name) else { return };
        let times = point.reached.fetch_add(1, Ordering::SeqCst) + 1;
        if point.at != 0 && point.at != times {
            return;
        }
        tracing::warn!(failpoint = name, times, action = ?point.action, "Failpoint");
        self.tell(name, times);
        match point.action {
            Action::Abort => std::process::abort(),
            #[allow(clippy::panic, reason = "what this action is for")]
            Action::Panic => std::panic::panic_any(format!("failpoint {name}")),
            Action::Sleep(time) => std::thread::sleep(time),
            Action::Note => {}
        }
    }

    /// How often each point that is set was reached.
    pub fn reached(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        self.set.iter().map(|(name, point)| (*name, point.reached.load(Ordering::SeqCst)))
    }

    /// Whether this point does something, so that what leads to it is worth its cost.
    pub(crate) fn watches(&self, name: &str) -> bool {
        self.observer.is_some() || self.set.contains_key(name)
    }

    fn tell(&self, name: &str, times: u32) {
        let Some(mut file) = self.fired.as_ref() else { return };
        let line = format!("{{\"failpoint\":\"{name}\",\"times\":{times}}}\n");
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::error!(%error, "Could not tell that a failpoint fired");
        }
    }
}

impl std::fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failpoints").field("set", &self.set).finish_non_exhaustive()
    }
}

fn parse_one(entry: &str) -> Result<(&'static str, Point), BadFailpoint> {
    let bad = |why: String| BadFailpoint { text: entry.to_owned(), why };
    let (name, action) = entry.split_once('=').ok_or_else(|| bad("there is no `=`".into()))?;
    let known = POINTS.iter().find(|(known, _)| *known == name.trim());
    let (name, _) = known
        .ok_or_else(|| bad(format!("there is no point {:?}; there are {}", name.trim(), all_names())))?;
    let (at, action) = match action.split_once('*') {
        Some((times, action)) => (times.trim().parse().map_err(|_| bad("N is not a number".into()))?, action),
        None => (0, action),
    };
    let action = match action.trim() {
        "abort" => Action::Abort,
        "panic" => Action::Panic,
        "note" => Action::Note,
        other => {
            let millis = other.strip_prefix("sleep(").and_then(|rest| rest.strip_suffix(')'));
            let millis = millis.and_then(|ms| ms.parse().ok()).ok_or_else(|| bad("unknown action".into()))?;
            Action::Sleep(Duration::from_millis(millis))
        }
    };
    Ok((name, Point { action, at, reached: AtomicU32::new(0) }))
}

/// For the message of whoever looks for the right one; the torture of the whole system takes its list from there.
fn all_names() -> String {
    POINTS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_mistakes_are_named() {
        let points = Failpoints::parse("send.after_response=2*sleep(1); claim.after_commit=abort").unwrap();
        assert_eq!(points.set["send.after_response"].at, 2);
        assert_eq!(points.set["claim.after_commit"].action, Action::Abort);
        for (bad, why) in
            [("x", "no `=`"), ("nowhere=abort", "no point"), ("claim.after_commit=explode", "unknown")]
        {
            assert!(Failpoints::parse(bad).unwrap_err().to_string().contains(why), "{bad}");
        }
        assert!(Failpoints::parse("").unwrap().set.is_empty());
    }

    #[test]
    fn a_point_fires_the_time_it_is_told_to() {
        let points = Failpoints::parse("send.after_response=2*sleep(30)").unwrap();
        let timed = || {
            let start = std::time::Instant::now();
            points.reach("send.after_response");
            start.elapsed() >= Duration::from_millis(30)
        };
        assert_eq!([timed(), timed(), timed()], [false, true, false]);
    }

    #[test]
    fn what_fires_is_told_and_can_be_observed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let points = Failpoints::parse("claim.after_commit=2*note").unwrap().telling(file.path()).unwrap();
        (0..3).for_each(|_| points.reach("claim.after_commit"));
        let told = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(told, "{\"failpoint\":\"claim.after_commit\",\"times\":2}\n");
        let seen = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&seen);
        let observed = Failpoints::observed(Arc::new(move |_| _ = count.fetch_add(1, Ordering::SeqCst)));
        observed.reach("config.after_parse");
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}
