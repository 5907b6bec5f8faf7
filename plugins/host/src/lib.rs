//! The daemon's side of the adapter boundary: loading, isolation, supervision and capabilities.

mod answer;
mod boundary;
mod call;
mod capabilities;
#[allow(unreachable_pub, reason = "only simulations see it from outside")]
mod changing;
mod child;
mod crossing;
mod elf;
mod hex;
mod host;
mod inprocess;
mod isolation;
mod journal;
pub mod lane;
mod ledger_flow;
mod loader;
pub mod memory;
mod options;
mod outcome;
pub mod outlet;
pub mod peek;
mod ports;
pub mod refused;
mod registry;
mod run;
mod scan;
mod scope;
pub mod sealed;
#[cfg(any(test, feature = "simulation"))]
pub mod simulated;
mod slot;
mod status;
mod supervise;
mod system_calls;
#[cfg(test)]
mod testing;
mod watch;
mod wire;

pub use call::{AccountContext, Call, EffectPolicy, Effects, Noticed, Reply};
pub use capabilities::renewal::Unrenewed;
pub use child::child_main;
pub use crossing::{Crossing, Recorder};
pub use host::{Host, HostStartError};
pub use isolation::harden_this_process;
pub use juzhen_abi::{message, pack};
pub use lane::{Identity, Isolation, IsolationReport, LaneOptions, Sandbox};
pub use loader::open;
pub use options::{Budgets, EgressOptions, HostOptions, Leaving, Progress, Supervision, WatchOptions};
pub use outcome::Failure;
pub use ports::{
    Begun, Blob, Blobs, Clock, EffectId, EffectKind, Fetched, Fetching, Intent, KeyValues, Ledger,
    LedgerError, PortError, Ports, RecordedAnswer, Renewal, Secret, Secrets, Wanted,
};
pub use refused::LoadRefused;
pub use registry::peek_directory;
pub use scan::ScanReport;
pub use status::{AdapterState, AdapterStatus};
