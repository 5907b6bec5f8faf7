//! Daemons on one database: their leases, and the turns they take.

use jiff::Timestamp;

/// A worker's lease, by the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The database's time now: a daemon compares its own with it (F34).
    pub at: Timestamp,
    /// `None`: for as long as the store is open, since nobody else can be there.
    pub until: Option<Timestamp>,
}

/// A daemon that works on this database, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub id: String,
    pub node: Option<String>,
    pub started_at: Timestamp,
    /// By the database's clock; `None`: as long as it has not ended.
    pub lease_until: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    Until(Joined, Load),
    /// It was taken for gone: it has to join again under a new id, and its claims are others' now.
    Gone,
}

/// What is under way on the database just now, and how many share it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Workers that are there, the one that asks among them.
    pub workers: u32,
    /// Deliveries that are claimed or being sent; an account has one at most.
    pub under_way: u32,
    /// Of these the asking worker's.
    pub ours: u32,
}

/// A turn as [`crate::Store::take_turn`] gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTurn {
    pub name: String,
    pub holder: String,
}
