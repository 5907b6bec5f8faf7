//! The random bytes of a recorded call, drawn again: the daemon's host makes them from the call's id, and the kit alike.

use sha2::{Digest as _, Sha256};

/// SHA-256 in counter mode: block n is the hash of the seed and n.
#[derive(Debug)]
pub(super) struct Stream {
    seed: [u8; 32],
    block: u64,
    /// What is left of the last block, reversed.
    left: Vec<u8>,
}

impl Stream {
    pub(super) fn of_call(call: &str) -> Self {
        let seed = Sha256::new().chain_update(b"juzhen adapter randomness 1\0").chain_update(call.as_bytes());
        Self { seed: seed.finalize().into(), block: 0, left: Vec::new() }
    }

    pub(super) fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.left.is_empty() {
                let counter = self.block.to_le_bytes();
                let block = Sha256::new().chain_update(self.seed).chain_update(counter).finalize();
                self.left.extend(block.iter().rev());
                self.block += 1;
            }
            *byte = self.left.pop().unwrap_or_default();
        }
    }
}
