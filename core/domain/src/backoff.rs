//! Pauses between tries that fail, doubled each time: what is down is asked less and less often.

use jiff::SignedDuration;

/// Exponential backoff without chance: how long each pause is can be told beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: SignedDuration,
    pub longest: SignedDuration,
}

impl Backoff {
    /// The pause after try number `tries`; 1 is the first.
    pub fn pause(&self, tries: u32) -> SignedDuration {
        let factor = 1i32.checked_shl(tries.saturating_sub(1).min(20)).unwrap_or(i32::MAX);
        self.first.checked_mul(factor).unwrap_or(self.longest).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff { first: SignedDuration::from_secs(5), longest: SignedDuration::from_hours(1) };
        let seconds = [0, 1, 2, 3, 10, 11, u32::MAX].map(|tries| backoff.pause(tries).as_secs());
        assert_eq!(seconds, [5, 5, 10, 20, 2560, 3600, 3600]);
    }
}
