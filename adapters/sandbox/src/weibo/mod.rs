//! Weibo: its open platform, under `/weibo`.

mod seed;

pub use seed::Seed;

pub(crate) const PLATFORM: &str = "weibo";

/// The 16 digits by which clients know the effect of this number.
pub(crate) fn mid_of(number: u64) -> u64 {
    number.saturating_mul(1_000).saturating_add(1)
}

/// The number of the effect that these digits name.
pub(crate) fn number_of(mid: u64) -> Option<u64> {
    (mid % 1_000 == 1).then_some(mid / 1_000)
}
