//! Torture of the real binary over real HTTP. The sandbox's ledger is the only judge: nothing twice, nothing unapproved,
//! nothing on the wrong account, early, late, out of order or lost.
//!
//! Each file is one kind of cruelty; `load.rs` is what they are all done to. The long forms run with `JUZHEN_LONG=1`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

mod clock;
mod doubts;
mod failpoints;
mod kills;
mod load;
mod on_time;
mod pauses;
mod poison;
mod said_again;
mod stopped;
mod wedged;

/// Whether the long forms were asked for.
fn long() -> bool {
    std::env::var_os("JUZHEN_LONG").is_some()
}

/// A small stream of chance; `JUZHEN_SEED` chooses it again.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let given = std::env::var("JUZHEN_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond().unsigned_abs());
        println!("JUZHEN_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
