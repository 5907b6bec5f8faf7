//! Whether a push is the platform's: its signature, and that it was made a moment ago.

use juzhen_sdk::prelude::*;
use subtle::ConstantTimeEq as _;

use super::TOKEN;

/// No window is documented. Five minutes forgive clocks, and are how long pushes have to be known again.
const WINDOW_MS: i64 = 300_000;
const LONGEST_NONCE: usize = 128;

/// The parameters that every push has.
pub(super) struct Signed<'q> {
    timestamp: &'q str,
    nonce: &'q str,
    at_unix_ms: i64,
    signature: &'q str,
    /// Covers the body, too.
    msg_signature: &'q str,
}

impl<'q> Signed<'q> {
    /// `None` for one that is not of now, or that could spell something else than a number used once.
    pub(super) fn of(query: &'q [(String, String)], now_unix_ms: i64) -> Option<Self> {
        let value = |name: &str| query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        let (timestamp, nonce) = (value("timestamp"), value("nonce"));
        let digits = !timestamp.is_empty() && timestamp.bytes().all(|one| one.is_ascii_digit());
        let at_unix_ms = timestamp.parse::<i64>().ok().filter(|_| digits)?.checked_mul(1000)?;
        let of_now = at_unix_ms.abs_diff(now_unix_ms) <= WINDOW_MS.unsigned_abs();
        let word = |one: u8| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_');
        let plain = !nonce.is_empty() && nonce.len() <= LONGEST_NONCE && nonce.bytes().all(word);
        let (signature, msg_signature) = (value("signature"), value("msg_signature"));
        (of_now && plain).then_some(Self { timestamp, nonce, at_unix_ms, signature, msg_signature })
    }

    /// By which the daemon knows the request again: what every signature covers, in every mode.
    pub(super) fn once(&self) -> Once {
        let key = format!("{} {}", self.timestamp, self.nonce);
        Once { key, until_unix_ms: self.at_unix_ms.saturating_add(WINDOW_MS) }
    }

    /// The signature that covers no body.
    pub(super) async fn plainly(&self, cx: &Cx) -> Result<bool> {
        let expected = self.expected(cx, None).await?;
        Ok(same(&expected, self.signature))
    }

    /// The signature that covers what is encrypted.
    pub(super) async fn over(&self, cx: &Cx, encrypted: &str) -> Result<bool> {
        let expected = self.expected(cx, Some(encrypted)).await?;
        Ok(same(&expected, self.msg_signature))
    }

    async fn expected(&self, cx: &Cx, encrypted: Option<&str>) -> Result<String> {
        let token = secret(TOKEN);
        let parts = [Some(token.as_str()), Some(self.timestamp), Some(self.nonce), encrypted];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        let signed = cx.sign("sha1_sorted", None, &parts).await;
        signed.map_err(|error| {
            cx.log(Level::Error, &format!("a callback cannot be verified: {error}"));
            Error::misconfigured("回调的 Token 没有录入", TOKEN)
        })
    }
}

/// In a time that does not tell how far they agree.
fn same(expected: &str, given: &str) -> bool {
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(timestamp: &str, nonce: &str) -> Vec<(String, String)> {
        [("timestamp", timestamp), ("nonce", nonce), ("signature", "s")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn only_a_push_of_now_with_a_plain_nonce_is_looked_at() {
        let now = 1_714_036_504_000;
        let looked_at = |timestamp: &str, nonce: &str| Signed::of(&query(timestamp, nonce), now).is_some();
        assert!(looked_at("1714036504", "1514711492") && looked_at("1714036204", "x-_1"));
        for timestamp in ["1714036203", "1714036805", "", "+1714036504", "-1", "99999999999999999999", "x"] {
            assert!(!looked_at(timestamp, "1"), "{timestamp}");
        }
        for nonce in ["", "a b", "{{secret:app_secret}}", "{", &"1".repeat(129)] {
            assert!(!looked_at("1714036504", nonce), "{nonce}");
        }
    }

    #[test]
    fn c31_a_request_is_known_by_what_its_signature_covers_until_that_is_too_old() {
        let (given, now) = (query("1714036504", "15"), 1_714_036_504_000);
        let once = Signed::of(&given, now).unwrap().once();
        assert_eq!((once.key.as_str(), once.until_unix_ms), ("1714036504 15", now + 300_000));
        assert!(Signed::of(&given, once.until_unix_ms).is_some());
        assert!(Signed::of(&given, once.until_unix_ms + 1).is_none());
    }

    #[test]
    fn signatures_are_the_same_or_not() {
        assert!(same("899cf89e", "899cf89e"));
        for other in ["899cf89f", "899cf89", "", "899CF89E", "899cf89e0"] {
            assert!(!same("899cf89e", other), "{other}");
        }
    }
}
