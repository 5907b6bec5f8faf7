//! What a person sees while the demonstration runs: one line a step, with the time it took to get there.

use std::fmt::Display;
use std::time::Instant;

use anyhow::Result;
use unicode_width::UnicodeWidthStr;

use crate::output::Output;

/// Steps on the screen; nothing with `--json`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    began: Instant,
    output: Output,
}

impl Progress {
    pub(super) fn start(output: Output) -> Self {
        Self { began: Instant::now(), output }
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// `  2.3 s  发布 published    …`
    pub(super) fn step(&self, chinese: &str, english: &str, detail: impl Display) -> Result<()> {
        let label = format!("{chinese} {english}");
        let space = " ".repeat(24_usize.saturating_sub(label.width()).max(1));
        self.say(format!("{:5.1} s  {label}{space}{detail}", self.began.elapsed().as_secs_f32()))
    }

    pub(super) fn say(&self, text: impl Display) -> Result<()> {
        let text = text.to_string();
        if self.output.is_json() || text.is_empty() { Ok(()) } else { self.output.text(text) }
    }
}
