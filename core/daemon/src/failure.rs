//! How a command ends: exit code 0 fine, 1 it did not work out, 2 it was asked wrongly.

use std::io;
use std::process::ExitCode;

use anyhow::Error;
use serde_json::json;

use crate::client::Refused;
use crate::output::Output;

/// A command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Fine,
    /// It did its work and the answer is no, such as faults in the settings. It has said so itself.
    Not,
    /// It was pointed at something that is not there, and has said so itself.
    Usage,
}

/// What was asked cannot be meant: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Prints an error, if there is one, and gives the exit code.
pub(crate) fn conclude(ended: Result<Ended, Error>, output: Output) -> ExitCode {
    match ended {
        Ok(Ended::Fine) => ExitCode::SUCCESS,
        Ok(Ended::Not) => ExitCode::from(1),
        Ok(Ended::Usage) => ExitCode::from(2),
        // Whoever reads us has read enough, as in `juzhen item list | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error, output);
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// `juzhen: what was attempted: why not: …` on stderr, in one line; with `--json` also a document on stdout, so that a
/// script never reads nothing.
#[allow(clippy::print_stderr, reason = "an error of the command line belongs on stderr")]
fn tell(error: &Error, output: Output) {
    eprintln!("juzhen: {}", one_line(error));
    if output.is_json() {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        let problem = error.downcast_ref::<Refused>().map(|refused| &refused.problem);
        let document = json!({"error": error.to_string(), "causes": causes, "problem": problem});
        // When stdout is gone, stderr has it.
        drop(output.document(&document));
    }
}

/// The chain of an error in one line, each part once.
pub(crate) fn one_line(error: &Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // Some libraries repeat their cause in their own text.
        if line.contains(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}

fn is_broken_pipe(error: &Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_chain_is_one_line_and_says_each_thing_once() {
        let error = anyhow!("no such file").context("could not read\n  a.yaml").context("could not start");
        assert_eq!(one_line(&error), "could not start: could not read a.yaml: no such file");
        let repeated = anyhow!("refused").context("connection refused");
        assert_eq!(one_line(&repeated), "connection refused");
    }
}
