//! An adapter in a process of its own: the daemon's program, started again.
//!
//! ```text
//! daemon                                            child (one thread until the library is linked)
//! spawn: socket as fd 0, output pipes, empty env -> closes what it inherited
//! HELLO + sealed library                         -> limits, namespaces, landlock; links; checks the entry
//!                                                   starts the I/O thread; `create`
//!                                                <- READY, or FAILED with the reason
//! CALL, CANCEL, HOSTREPLY, PING                 <-> DONE, HOSTCALL, HOSTCANCEL, CLOCK, LOG, PONG
//! SHUTDOWN                                       -> destroys the instance, exit 0
//! ```
//!
//! In the child the executor thread runs the adapter and nothing else may depend on it: the I/O thread answers pings
//! while the adapter computes, and ends the process when the daemon is gone. (PR_SET_PDEATHSIG is not used: it fires
//! when the *thread* ends that started the child.)

// The daemon's side.
mod lane;
mod link;
#[cfg(test)]
mod link_tests;
mod output;
mod spawn;
// The child's side.
mod executor;
mod io_thread;
mod main;
mod uplink;

pub use main::child_main;
pub(crate) use spawn::open;

/// Capability calls of one child without an answer. The child keeps to it; a child that does not is ended.
const MOST_HOST_CALLS: usize = 1024;
