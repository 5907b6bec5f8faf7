//! What a child prints: into the daemon's log at a bounded rate, the last words kept for the reason of its end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::boundary::lock;

const LINES_PER_SECOND: u32 = 50;
const LONGEST_LINE: usize = 2 << 10;
const LAST_LINES: usize = 8;

/// The last lines on standard error.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWords(Arc<Mutex<VecDeque<String>>>);

impl LastWords {
    /// One line; empty when it said nothing.
    pub(super) fn joined(&self) -> String {
        lock(&self.0).iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }

    fn push(&self, line: String) {
        let mut lines = lock(&self.0);
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Reads until the child closes the stream, so that it never waits for a full pipe.
pub(super) async fn drain(
    mut stream: impl AsyncRead + Unpin,
    name: &'static str,
    adapter: String,
    last_words: Option<LastWords>,
) {
    let mut lines = Lines::default();
    let mut budget = Budget::new();
    let mut chunk = vec![0; 4 << 10];
    loop {
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        let bytes = chunk.get(..read).unwrap_or_default();
        let complete = if read == 0 { lines.rest().into_iter().collect() } else { lines.feed(bytes) };
        for line in complete {
            if budget.allows() {
                tracing::info!(adapter, stream = name, "Adapter {adapter} printed: {line}");
            }
            if let Some(words) = &last_words {
                words.push(line);
            }
        }
        if let Some(dropped) = budget.dropped_lately(read == 0) {
            tracing::warn!(adapter, stream = name, dropped, "Adapter {adapter} printed {dropped} lines more");
        }
        if read == 0 {
            return;
        }
    }
}

/// Cuts a stream into lines of bounded length, without control characters.
#[derive(Default)]
struct Lines {
    open: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => complete.extend(self.rest()),
                // The rest of an overlong line is dropped.
                _ if self.open.len() < LONGEST_LINE => self.open.push(byte),
                _ => {}
            }
        }
        complete
    }

    fn rest(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.open);
        let text: String =
            String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control() || *c == '\t').collect();
        (!text.trim().is_empty()).then_some(text)
    }
}

struct Budget {
    second: Instant,
    used: u32,
    dropped: u64,
}

impl Budget {
    fn new() -> Self {
        Self { second: Instant::now(), used: 0, dropped: 0 }
    }

    fn allows(&mut self) -> bool {
        self.used += 1;
        let allowed = self.used <= LINES_PER_SECOND;
        self.dropped += u64::from(!allowed);
        allowed
    }

    /// Starts a new second when it is time (or at the end), and tells what the old one swallowed.
    fn dropped_lately(&mut self, at_end: bool) -> Option<u64> {
        if self.second.elapsed() < Duration::from_secs(1) && !at_end {
            return None;
        }
        let dropped = self.dropped;
        *self = Self::new();
        (dropped > 0).then_some(dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn f77_a_flood_is_drained_and_only_the_last_words_are_kept() {
        let mut flood = "noise\x1b[2J\n".repeat(10_000);
        flood.push_str(&"长".repeat(5_000));
        flood.push_str("\n\nthe reason");
        let words = LastWords::default();
        drain(flood.as_bytes(), "stderr", "mock".into(), Some(words.clone())).await;
        let said = words.joined();
        assert!(said.ends_with("| the reason"), "{said}");
        assert!(!said.contains('\x1b') && said.len() < LONGEST_LINE * 2, "{}", said.len());
        assert_eq!(lock(&words.0).len(), LAST_LINES);
    }

    #[test]
    fn a_second_has_a_budget() {
        let mut budget = Budget::new();
        let allowed = (0..1_000).filter(|_| budget.allows()).count();
        assert_eq!(allowed, 50);
        assert_eq!(budget.dropped_lately(true), Some(950));
        assert!(budget.allows());
    }
}
