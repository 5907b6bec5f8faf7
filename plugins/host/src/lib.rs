//! The daemon's side of the adapter boundary: loading, isolation, supervision and capabilities.

pub mod lane;
pub mod refused;
