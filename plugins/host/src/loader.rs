//! Opens an adapter: checks that need no code of it, then one of the two carriers.

use std::sync::Arc;

use crate::lane::{HostCalls, Isolation, Lane, LaneOptions};
use crate::refused::LoadRefused;
use crate::sealed::SealedLibrary;
use crate::{child, inprocess, peek};

/// Loads a sealed library and creates its adapter. On a Tokio runtime with more than one thread.
///
/// # Errors
/// A capability that is required and not offered, or an adapter that could not be started.
pub async fn open(
    library: SealedLibrary,
    options: &LaneOptions,
    calls: Arc<dyn HostCalls>,
) -> Result<Arc<dyn Lane>, LoadRefused> {
    peek::check_requires(library.manifest(), &options.offered)?;
    match options.isolation {
        Isolation::Process => child::open(library, options, calls).await,
        Isolation::InProcess => inprocess::open(library, options, calls).await,
    }
}
