//! What the tests of the whole system share: the real binary, a real sandbox, a district in a temporary folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]
#![forbid(unsafe_code)]

mod api;
mod binaries;
mod cluster;
mod daemon;
mod district;
mod sandbox;
mod sources;
mod synapse;
mod wire;

pub use api::{Api, client, item};
pub use binaries::{adapter, juzhen, root};
pub use cluster::{Cluster, cluster};
pub use daemon::{Daemon, Ended, Run, eventually};
pub use district::District;
pub use sandbox::Stage;
pub use sources::sources;
pub use synapse::{Synapse, User, synapse};
pub use wire::Wire;
