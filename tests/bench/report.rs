//! The figures as a person reads them: each beside its limit.

use crate::Bench;
use crate::figures::Figures;

pub(crate) fn print(figures: &Figures, _bench: &Bench) {
    for name in figures.names() {
        println!("{name:<45} {}", figures.shown(name, digits(name)));
    }
    println!();
    for (what, name, over) in RATIOS {
        if let Some(ratio) = figures.ratio(name, over) {
            println!("{what:<75} {ratio:.2}");
        }
    }
}

/// What, a figure, and the figure that it is compared with.
const RATIOS: &[(&str, &str, &str)] = &[
    ("drain 0 ms / raw client, new connections", "drain 0 ms items/s", "raw fresh 0 ms items/s"),
    ("drain 0 ms / raw client, kept connections", "drain 0 ms items/s", "raw kept 0 ms items/s"),
    ("drain 0 ms / ceiling (claim, send, record alone)", "drain 0 ms items/s", "ideal 0 ms items/s"),
    ("drain 20 ms / raw client, new connections", "drain 20 ms items/s", "raw fresh 20 ms items/s"),
    ("drain 20 ms / raw client, kept connections", "drain 20 ms items/s", "raw kept 20 ms items/s"),
    ("shared commits / one commit each", "drain 0 ms items/s", "drain 0 ms, one commit each items/s"),
    ("PostgreSQL: drain 0 ms / SQLite", "drain 0 ms, PostgreSQL items/s", "drain 0 ms items/s"),
    (
        "PostgreSQL: shared commits / one commit each",
        "drain 0 ms, PostgreSQL items/s",
        "drain 0 ms, PostgreSQL, one commit each items/s",
    ),
    (
        "PostgreSQL: three daemons / one, 0 ms",
        "drain 0 ms, PostgreSQL, 3 daemons items/s",
        "drain 0 ms, PostgreSQL items/s",
    ),
    (
        "PostgreSQL: three daemons / one, 20 ms",
        "drain 20 ms, PostgreSQL, 3 daemons items/s",
        "drain 20 ms, PostgreSQL items/s",
    ),
    (
        "PostgreSQL: one commit of 64 rows / one row, rows a second",
        "PostgreSQL, 64 rows a commit rows/s",
        "PostgreSQL, one connection commits/s",
    ),
    (
        "p99 while 10,000 accounts reload / quiet",
        "on time, 10,000 accounts reload p99 ms",
        "on time, 10,000 accounts p99 ms",
    ),
    ("p99 of others beside a backlog / without", "on time beside a backlog p99 ms", "on time p99 ms"),
];

fn digits(name: &str) -> usize {
    match name {
        rate if rate.ends_with("/s") || rate.ends_with("us") => 0,
        cpu if cpu.ends_with("CPU-s/1000") => 3,
        share if share.ends_with("noise") || share.ends_with('%') => 2,
        _ => 1,
    }
}
