//! The binary `juzhen`: the daemon and everything that is done from a shell.

#![forbid(unsafe_code)]

mod client;
mod commands;
mod demo;
mod failure;
mod installed;
mod logging;
mod output;
mod run;
mod table;
mod tokens;
mod when;

use std::process::ExitCode;

fn main() -> ExitCode {
    // An adapter's process is this program started again. That comes before threads, arguments and logs exist.
    if std::env::args_os().nth(1).is_some_and(|first| first == "adapter-host") {
        juzhen_host::child_main();
    }
    // And so is the process that `juzhen adapter check` has to spare.
    juzhen_testkit::conformance::become_child();
    commands::main()
}
