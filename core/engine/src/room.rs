//! Room on the disk of the database: what could not be recorded is not begun (P17, F18).

use juzhen_store::StoreError;

use crate::Engine;

/// What is free, and what has to stay free for the results of sends under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes; `None` where the store cannot tell, as when the database is on another machine.
    pub free: Option<u64>,
    /// Bytes, as `storage.reserve_mib` says.
    pub reserve: u64,
}

impl Room {
    /// Whether something may begin.
    pub fn is_enough(self) -> bool {
        self.free.is_none_or(|free| free >= self.reserve)
    }

    /// Why nothing begins. The same words each time, so that they are logged once.
    pub(crate) fn lack(self) -> Option<String> {
        let mib = self.reserve >> 20;
        (!self.is_enough()).then(|| {
            format!("less than {mib} MiB are free on the disk of the database: nothing is sent until there is room")
        })
    }
}

impl Engine {
    /// Looks at the disk now.
    ///
    /// # Errors
    /// When the disk cannot be looked at.
    pub async fn room(&self) -> Result<Room, StoreError> {
        let reserve = u64::from(self.settings().storage.reserve_mib) << 20;
        Ok(Room { free: self.store().room().await?, reserve })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p17_below_the_reserve_nothing_begins() {
        let room = |free| Room { free, reserve: 64 << 20 };
        assert!(room(None).is_enough(), "a database on another machine looks after itself");
        assert!(room(Some(64 << 20)).is_enough());
        assert!(!room(Some((64 << 20) - 1)).is_enough());
        assert_eq!(room(Some(0)).lack(), room(Some(1 << 20)).lack(), "logged once");
        assert!(Room { free: Some(0), reserve: 0 }.is_enough(), "not asked for");
    }
}
