//! The whole core on simulated time: the shipped engine, host, store logic and domain, one seed a world. Platforms,
//! network, files, storage faults, people and the machine are simulated; the platforms' own ledger and the people's own
//! book judge. A seed replays exactly.

#![forbid(unsafe_code)]

mod adapters;
mod book;
mod chance;
mod chaos;
mod clocks;
mod daemon;
mod district;
mod fired;
mod horizon;
mod judge;
mod kept;
mod life;
#[cfg(test)]
mod pairs;
mod people;
mod plan;
mod platform;
pub mod report;
mod scene;
pub mod seed;
mod store;
mod time;
mod trace;

pub use fired::Counts;
pub use plan::Plan;
pub use seed::{Outcome, run};
pub use store::Broken;
