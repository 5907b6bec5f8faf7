//! `juzhen-simulation --seeds 50000 [--from N]`, or one seed with `--seed N --trace`.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "its output is its result")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use juzhen_simulation::{Broken, Plan, report};

/// The whole core on simulated time.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// With one rule of the protocol left out, such as `RetryUnknown`: every seed ought to fail soon.
    #[arg(long, value_parser = broken)]
    broken: Option<Broken>,
    /// This many daemons share the database, whatever the seed says.
    #[arg(long)]
    daemons: Option<u64>,
    /// Add the seeds that fail to this file, such as tests/simulation/seeds.txt; else they are only printed.
    #[arg(long, conflicts_with_all = ["seed", "broken"])]
    keep: Option<PathBuf>,
    /// Say what happens in it.
    #[arg(long, requires = "seed")]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.trace {
        tracing_subscriber::fmt().without_time().with_target(false).init();
    }
    let plan = Plan {
        broken: arguments.broken,
        shown: arguments.trace,
        daemons: arguments.daemons,
        ..Plan::default()
    };
    let failed = match arguments.seed {
        Some(seed) => match juzhen_simulation::run(seed, &plan) {
            Ok(outcome) => {
                println!("{outcome:#?}");
                !outcome.violations.is_empty()
            }
            Err(error) => {
                println!("{error}");
                true
            }
        },
        None => {
            let report = report::many(arguments.from, arguments.seeds, &plan);
            let missing = report.never_fired();
            println!("{}", report.text());
            println!("never fired: {missing:?}");
            if let Some(file) = &arguments.keep
                && let Err(error) = report.keep(file)
            {
                println!("the seeds that failed could not be kept in {}: {error}", file.display());
            }
            !report.failed.is_empty() || !missing.is_empty()
        }
    };
    ExitCode::from(u8::from(failed))
}

fn broken(name: &str) -> Result<Broken, String> {
    let found = Broken::ALL.into_iter().find(|broken| format!("{broken:?}") == name);
    found.ok_or_else(|| format!("no such variant; there are {:?}", Broken::ALL))
}
