//! The daemon's side of the adapter boundary: loading, isolation, supervision and capabilities.

mod call;
pub mod lane;
mod options;
mod outcome;
mod ports;
pub mod refused;

pub use call::{AccountContext, Call, EffectPolicy, Effects, Reply};
pub use juzhen_abi::{message, pack};
pub use lane::{Identity, Isolation, IsolationReport, LaneOptions, Sandbox};
pub use options::{Budgets, EgressOptions, HostOptions, Supervision, WatchOptions};
pub use outcome::Failure;
pub use ports::{
    Begun, Blob, Blobs, Clock, EffectId, EffectKind, Intent, KeyValues, Ledger, LedgerError, PortError,
    Ports, RecordedAnswer, Secret, Secrets,
};
pub use refused::LoadRefused;
