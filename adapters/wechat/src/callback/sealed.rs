//! The envelope of an encrypted push, and what lies in it: 16 random bytes, a length, the message, the AppID, a padding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::xml;

/// The cipher's blocks are of 16 bytes, but the padding fills blocks of 32, which no library takes off.
const PADDED_TO: usize = 32;
const RANDOM: usize = 16;

/// The one field of the envelope that counts.
pub(super) struct Sealed {
    text: String,
    bytes: Vec<u8>,
}

impl Sealed {
    pub(super) fn read(body: &str) -> Option<Self> {
        let text = xml::Document::read(body)?.text(&["Encrypt"])?;
        let bytes = STANDARD.decode(&text).ok()?;
        Some(Self { text, bytes })
    }

    /// As it was signed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The message, when all of it is there and it is for this AppID.
pub(super) fn message<'p>(plain: &'p [u8], appid: &str) -> Option<&'p str> {
    let content = unpadded(plain)?;
    let (length, rest) = content.get(RANDOM..)?.split_first_chunk::<4>()?;
    let (message, receiver) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (receiver == appid.as_bytes()).then(|| core::str::from_utf8(message).ok())?
}

fn unpadded(plain: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*plain.last()?);
    let (content, padding) = plain.split_at_checked(plain.len().checked_sub(count)?)?;
    let right = (1..=PADDED_TO).contains(&count) && padding.iter().all(|byte| usize::from(*byte) == count);
    right.then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(message: &str, appid: &str) -> Vec<u8> {
        let mut plain = b"0123456789abcdef".to_vec();
        plain.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        plain.extend([message.as_bytes(), appid.as_bytes()].concat());
        let count = PADDED_TO - plain.len() % PADDED_TO;
        plain.extend(vec![u8::try_from(count).unwrap(); count]);
        plain
    }

    #[test]
    fn every_padding_up_to_32_comes_off() {
        for length in 0..=64 {
            let message = "字".repeat(length / 3) + &"a".repeat(length % 3);
            let plain = packed(&message, "wx1");
            assert_eq!(super::message(&plain, "wx1"), Some(message.as_str()), "{length}");
            assert_eq!(super::message(&plain, "wx2"), None, "another account's");
        }
    }

    #[test]
    fn what_is_not_whole_is_no_message() {
        let plain = packed("<xml/>", "wx1");
        for cut in 0..plain.len() {
            assert_eq!(message(&plain[..cut], "wx1"), None, "{cut}");
        }
        for (place, byte) in
            [(plain.len() - 1, 0), (plain.len() - 1, 33), (plain.len() - 2, 9), (16, 255), (19, 7)]
        {
            let mut wrong = plain.clone();
            wrong[place] = byte;
            assert_eq!(message(&wrong, "wx1"), None, "{place} {byte}");
        }
    }

    #[test]
    fn an_envelope_has_its_ciphertext_in_base64() {
        let envelope = "\u{feff}<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[ AAEC ]]></Encrypt></xml>";
        assert_eq!(Sealed::read(envelope).unwrap().bytes(), [0, 1, 2]);
        for wrong in ["", "<xml/>", "<xml><Encrypt>?</Encrypt></xml>", "{\"Encrypt\":\"AAEC\"}"] {
            assert!(Sealed::read(wrong).is_none(), "{wrong}");
        }
    }
}
