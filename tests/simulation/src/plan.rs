//! What a run is asked to show, beyond what its seed decides.

use crate::store::Broken;

/// A world as the seed makes it, with one thing or another left out or insisted on.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// A rule of the protocol that is left out.
    pub broken: Option<Broken>,
    /// The points at which daemons end; all of them when it is empty.
    pub points: Vec<&'static str>,
    /// How many daemons share the database; else the seed says.
    pub daemons: Option<u64>,
    /// Says what happens, line by line.
    pub shown: bool,
}

impl Plan {
    pub fn without(broken: Broken) -> Self {
        Self { broken: Some(broken), ..Self::default() }
    }
}
