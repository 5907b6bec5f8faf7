//! Polls, wakers, drops, threads and memory; and what became of the process over all the runs.

use futures_util::future::BoxFuture;

use super::bench::Bench;
use super::ended::Sin;
use super::probe;
use super::protocol::incidents;
use super::report::Finding;

pub(crate) fn lives(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::Gone, "no run took its process down")
}

pub(crate) fn ends(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::Hung, "every run came to its end")
}

pub(crate) fn panics(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::Panicked, "no run panicked")
}

pub(crate) fn cancel(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "cancel")
}

pub(crate) fn wakers(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "wakers")
}

pub(crate) fn polls(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "polls")
}

pub(crate) fn threads(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "threads")
}

pub(crate) fn memory(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "memory")
}

pub(crate) fn quiet(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::quiet(bench)
}

pub(crate) fn alone(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "alone")
}

pub(crate) fn process(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "process")
}
