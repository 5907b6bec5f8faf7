//! Named points where a test may end or stall the daemon, to see what a crash there leaves behind.
//!
//! `FAILPOINTS="send.after_response=2*abort;claim.after_commit=sleep(500)"`: the second time `send.after_response` is
//! reached the process aborts. Read only where the operator said that this is a test; else a set `FAILPOINTS` refuses the
//! start. The names are those of the reliability catalogue §4.2.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Every point there is: the name, and what is true when it is reached.
pub const POINTS: &[(&str, &str)] = &[
    ("claim.before_commit", "inside the claiming transaction"),
    ("claim.after_commit", "claimed; nothing has left"),
    ("plugin.before_call", "the send begins; the adapter was not asked yet"),
    ("send.before_connect", "the intent is on disk; no byte has left"),
    ("send.after_response", "the platform has answered; the answer is not on disk"),
    ("send.after_record", "the answer is on disk; the adapter has not seen it"),
    ("record.before_commit", "inside the transaction that writes the receipt and what follows"),
    ("record.after_commit", "receipt and forwards are on disk"),
    ("reconcile.before_read", "before the account is looked at"),
    ("reconcile.after_read", "the evidence is known and not written"),
    ("config.after_parse", "the new settings are good and not running"),
    ("config.before_swap", "the new settings are kept and not running"),
];

/// The points that are set in one daemon.
#[derive(Debug, Default)]
pub struct Failpoints(BTreeMap<&'static str, Point>);

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
    Sleep(Duration),
}

/// Why a list of points cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failpoint {text:?}: {why}; write NAME=[N*]abort or NAME=[N*]sleep(MILLISECONDS), separated by `;`")]
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
        entries.map(parse_one).collect::<Result<_, _>>().map(Self)
    }

    /// The point `name` is reached. Blocks when it is set to sleep: that is what it is for.
    pub(crate) fn reach(&self, name: &'static str) {
        debug_assert!(POINTS.iter().any(|(known, _)| *known == name), "{name} is not listed in POINTS");
        let Some(point) = self.0.get(name) else { return };
        let times = point.reached.fetch_add(1, Ordering::SeqCst) + 1;
        if point.at != 0 && point.at != times {
            return;
        }
        tracing::warn!(failpoint = name, times, action = ?point.action, "Failpoint");
        match point.action {
            Action::Abort => std::process::abort(),
            Action::Sleep(time) => std::thread::sleep(time),
        }
    }
}

fn parse_one(entry: &str) -> Result<(&'static str, Point), BadFailpoint> {
    let bad = |why: String| BadFailpoint { text: entry.to_owned(), why };
    let (name, action) = entry.split_once('=').ok_or_else(|| bad("there is no `=`".into()))?;
    let known = POINTS.iter().find(|(known, _)| *known == name.trim());
    let (name, _) = known.ok_or_else(|| bad(format!("there is no point {:?}", name.trim())))?;
    let (at, action) = match action.split_once('*') {
        Some((times, action)) => (times.trim().parse().map_err(|_| bad("N is not a number".into()))?, action),
        None => (0, action),
    };
    let action = match action.trim() {
        "abort" => Action::Abort,
        other => {
            let millis = other.strip_prefix("sleep(").and_then(|rest| rest.strip_suffix(')'));
            let millis = millis.and_then(|ms| ms.parse().ok()).ok_or_else(|| bad("unknown action".into()))?;
            Action::Sleep(Duration::from_millis(millis))
        }
    };
    Ok((name, Point { action, at, reached: AtomicU32::new(0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_mistakes_are_named() {
        let points = Failpoints::parse("send.after_response=2*sleep(1); claim.after_commit=abort").unwrap();
        assert_eq!(points.0["send.after_response"].at, 2);
        assert_eq!(points.0["claim.after_commit"].action, Action::Abort);
        for (bad, why) in
            [("x", "no `=`"), ("nowhere=abort", "no point"), ("claim.after_commit=explode", "unknown")]
        {
            assert!(Failpoints::parse(bad).unwrap_err().to_string().contains(why), "{bad}");
        }
        assert!(Failpoints::parse("").unwrap().0.is_empty());
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
}
