//! The plain values that go into and come out of the store, each beside what it belongs to.

mod accounts;
mod audit;
mod claims;
mod deliveries;
mod effects;
mod items;
mod kept;
mod looks;
mod messages;
mod notices;
mod people;
mod restored;
mod secrets;
mod watch;
mod workers;

pub use accounts::*;
pub use audit::*;
pub use claims::*;
pub use deliveries::*;
pub use effects::*;
pub use items::*;
pub use kept::*;
pub use looks::*;
pub use messages::*;
pub use notices::*;
pub use people::*;
pub use restored::*;
pub use secrets::*;
pub use watch::*;
pub use workers::*;
