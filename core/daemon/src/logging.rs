//! The daemon's log: one line an event on stderr, with the request and delivery ids of the spans around it.

use std::fs::File;
use std::io;
use std::sync::Mutex;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// How the lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// For a log collector.
    Json,
}

/// Starts the log on stderr. `JUZHEN_LOG` says how much of it, in the words of `tracing`; default `info`.
pub(crate) fn to_stderr(format: LogFormat) -> Result<()> {
    start(format, BoxMakeWriter::new(io::stderr), true)
}

/// Starts the log in a file: a demonstration has its own words on the screen.
pub(crate) fn to_file(file: File) -> Result<()> {
    start(LogFormat::Text, BoxMakeWriter::new(Mutex::new(file)), false)
}

fn start(format: LogFormat, writer: BoxMakeWriter, may_colour: bool) -> Result<()> {
    let filter = EnvFilter::try_from_env("JUZHEN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A log that cannot be written, such as on a full disk, is no reason to stop (F19). The subscriber would say so on
    // stderr, and panic when that is the full one.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    let started = match format {
        LogFormat::Text => {
            let colour = may_colour && io::IsTerminal::is_terminal(&io::stderr());
            lines.with_ansi(colour).with_target(false).try_init()
        }
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(true).try_init()
        }
    };
    started.map_err(|cause| anyhow::anyhow!(cause)).context("could not start the log")
}
