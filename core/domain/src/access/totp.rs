//! The second factor: one-time codes by the clock (RFC 6238), six digits, thirty seconds, each used once (C07).

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

/// Seconds of one code.
const STEP: i64 = 30;
/// A clock that is one step behind or ahead is not refused.
const WINDOW: i64 = 1;
/// Bytes of a seed: as long as the hash, as RFC 4226 §4 asks.
pub const SEED: usize = 20;

/// The step whose code this is: near now, and later than the last that was used. `None`: it is no code, or was one.
pub fn matching_step(seed: &[u8], given: &str, now: Timestamp, last_used: i64) -> Option<i64> {
    let present = now.as_second().div_euclid(STEP);
    // All are computed and compared whole, whichever matches.
    let steps = (present - WINDOW..=present + WINDOW).map(|step| (step, code(seed, step) == given));
    let steps: Vec<_> = steps.collect();
    steps.into_iter().find_map(|(step, is_it)| (is_it && step > last_used).then_some(step))
}

/// The code of one moment.
pub fn code_at(seed: &[u8], now: Timestamp) -> String {
    code(seed, now.as_second().div_euclid(STEP))
}

/// RFC 4226 §5.3.
fn code(seed: &[u8], step: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(seed) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last().copied().unwrap_or_default() & 15);
    let four = hash.get(offset..offset + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let number = u32::from_be_bytes(four.unwrap_or_default()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// What an application on a telephone reads from a picture. `label` is the daemon's name there.
pub fn address(seed: &[u8], person: &str, label: &str) -> String {
    let (label, secret) = (escaped(label), base32(seed));
    format!("otpauth://totp/{label}:{}?secret={secret}&issuer={label}", escaped(person))
}

/// RFC 4648, without padding.
pub fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let letter = |five: &[u8]| {
        let number = (0..5).fold(0, |number, at| number << 1 | five.get(at).copied().unwrap_or(0));
        LETTERS.get(usize::from(number)).map_or('A', |letter| char::from(*letter))
    };
    bits.chunks(5).map(letter).collect()
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Appendix B of RFC 6238, the last six digits.
    #[test]
    fn c07_the_codes_are_those_of_the_standard() {
        let table = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (second, expected) in table {
            assert_eq!(code_at(SEED, at(second)), expected, "{second}");
        }
    }

    #[test]
    fn a29_a_code_is_good_once_and_one_step_around_its_time() {
        let now = at(1_800_000_015);
        let present = 1_800_000_015 / 30;
        let of = |step: i64| code(SEED, present + step);
        assert_eq!(matching_step(SEED, &of(0), now, 0), Some(present));
        assert_eq!(matching_step(SEED, &of(-1), now, 0), Some(present - 1));
        assert_eq!(matching_step(SEED, &of(1), now, 0), Some(present + 1));
        assert_eq!(matching_step(SEED, &of(-2), now, 0), None);
        assert_eq!(matching_step(SEED, &of(2), now, 0), None);
        // Used, or older than what was used.
        assert_eq!(matching_step(SEED, &of(0), now, present), None);
        assert_eq!(matching_step(SEED, &of(-1), now, present), None);
        assert_eq!(matching_step(SEED, &of(1), now, present), Some(present + 1));
        for wrong in ["", "000000", " 87082", "2870820", "一二三四五六"] {
            assert_eq!(matching_step(SEED, wrong, at(59), 0), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_telephone_reads_the_address() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(SEED), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let address = address(SEED, "d07.xx", "示范区 矩阵");
        assert!(address.starts_with("otpauth://totp/%E7%A4%BA"), "{address}");
        assert!(address.contains(":d07.xx?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=%E7"), "{address}");
    }
}
