//! The encryption of messages between the platform and an account's callback, as the platform's manual has it (消息加解密).
//!
//! AES-256-CBC, whose initial vector is the beginning of the key; PKCS#7 with blocks of 32 bytes instead of 16; within: 16 random
//! bytes, the length of the message (4 bytes, big-endian), the message, the appid.

use aes::Aes256;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use sha1::{Digest as _, Sha1};

/// Bytes; twice what AES has.
const BLOCK: usize = 32;
const RANDOM: usize = 16;

/// Real keys end in a character whose last bits mean nothing, which strict readers refuse.
const KEY_READER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An `EncodingAESKey`.
#[derive(Clone)]
pub(crate) struct SafeKey([u8; 32]);

impl SafeKey {
    /// 43 characters.
    pub(crate) fn read(encoding_aes_key: &str) -> Option<Self> {
        if encoding_aes_key.len() != 43 {
            return None;
        }
        KEY_READER.decode(encoding_aes_key).ok()?.try_into().ok().map(Self)
    }

    /// The content of `<Encrypt>`.
    pub(crate) fn seal(&self, random: [u8; RANDOM], message: &[u8], appid: &str) -> String {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let mut plain = Vec::with_capacity(message.len() + appid.len() + BLOCK * 2);
        plain.extend_from_slice(&random);
        plain.extend_from_slice(&length.to_be_bytes());
        plain.extend_from_slice(message);
        plain.extend_from_slice(appid.as_bytes());
        let missing = BLOCK - plain.len() % BLOCK;
        // 1 to 32, so it fits a byte.
        plain.resize(plain.len() + missing, u8::try_from(missing).unwrap_or_default());
        let sealed = cbc::Encryptor::<Aes256>::new(&self.0.into(), &self.vector().into())
            .encrypt_padded_vec::<NoPadding>(&plain);
        STANDARD.encode(sealed)
    }

    /// The message in an `<Encrypt>` for this appid; the words say what is wrong with it.
    pub(crate) fn open(&self, encrypt: &str, appid: &str) -> Result<Vec<u8>, &'static str> {
        let sealed = STANDARD.decode(encrypt).map_err(|_| "`Encrypt` is not base64")?;
        let mut plain = cbc::Decryptor::<Aes256>::new(&self.0.into(), &self.vector().into())
            .decrypt_padded_vec::<NoPadding>(&sealed)
            .map_err(|_| "`Encrypt` is not whole blocks")?;
        let padding = usize::from(*plain.last().ok_or("`Encrypt` is empty")?);
        let kept = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
        let kept = kept.ok_or("the padding is wrong; is it the right key?")?;
        if plain.get(kept..).is_none_or(|tail| tail.iter().any(|byte| usize::from(*byte) != padding)) {
            return Err("the padding is wrong; is it the right key?");
        }
        plain.truncate(kept);
        let (length, rest) = plain
            .get(RANDOM..)
            .and_then(<[u8]>::split_first_chunk::<4>)
            .ok_or("the message is shorter than its frame")?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (message, receiver) =
            rest.split_at_checked(length).ok_or("the message is shorter than it says")?;
        if receiver != appid.as_bytes() {
            return Err("the message is for another appid");
        }
        Ok(message.to_vec())
    }

    fn vector(&self) -> [u8; 16] {
        std::array::from_fn(|at| self.0.get(at).copied().unwrap_or_default())
    }
}

/// `signature` of token, timestamp and nonce; with `Encrypt` besides it is `msg_signature`. Lower-case hexadecimal.
pub(crate) fn signature(parts: &[&str]) -> String {
    use std::fmt::Write as _;

    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    sorted.iter().for_each(|part| hash.update(part.as_bytes()));
    hash.finalize().iter().fold(String::with_capacity(40), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Token, key, appid, timestamp, nonce, random bytes, message, `Encrypt`, `msg_signature`: the manual's own two examples, and one
    /// of a client library whose key has trailing bits.
    const KNOWN: [[&str; 9]; 3] = [
        [
            "AAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "wxba5fad812f8e6fb9",
            "1714112445",
            "415670741",
            "a8eedb185eb2fecf",
            "{\"ToUserName\":\"gh_97417a04a28d\",\"FromUserName\":\"o9AgO5Kd5ggOC-bXrbNODIiE3bGY\",\"CreateTime\":1714112445,\"MsgType\":\"event\",\"Event\":\"debug_demo\",\"debug_str\":\"hello world\"}",
            "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=",
            "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
        ],
        [
            "AAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "wxba5fad812f8e6fb9",
            "1713424427",
            "415670741",
            "707722b803182950",
            "{\"demo_resp\":\"good luck\"}",
            "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==",
            "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1",
        ],
        [
            "pamtest",
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
            "wxb11529c136998cb6",
            "1409304348",
            "xxxxxx",
            "aaaabbbbccccdddd",
            "我是中文abcd123",
            "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
            "82c962d39941aa48552f90ef55aa323dc620cc10",
        ],
    ];

    #[test]
    fn known_messages_are_sealed_opened_and_signed_to_the_byte() {
        for [token, key, appid, timestamp, nonce, random, message, encrypt, signed] in KNOWN {
            let key = SafeKey::read(key).unwrap();
            let random = random.as_bytes().try_into().unwrap();
            assert_eq!(key.seal(random, message.as_bytes(), appid), encrypt);
            assert_eq!(key.open(encrypt, appid).unwrap(), message.as_bytes());
            assert_eq!(signature(&[token, timestamp, nonce, encrypt]), signed);
            assert_eq!(key.open(encrypt, "wx1"), Err("the message is for another appid"));
        }
    }

    #[test]
    fn the_manuals_plain_signatures() {
        let signed = |timestamp, nonce| signature(&["AAAAA", timestamp, nonce]);
        assert_eq!(signed("1714036504", "1514711492"), "f464b24fc39322e44b38aa78f5edd27bd1441696");
        assert_eq!(signed("1714037059", "486452656"), "899cf89e464efb63f54ddac96b0a0a235f53aa78");
    }

    #[test]
    fn every_length_of_padding_comes_back_and_what_is_broken_is_refused() {
        let key = SafeKey::read("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG").unwrap();
        for length in 0..70 {
            let message = vec![b'x'; length];
            let sealed = key.seal([7; 16], &message, "wx1");
            assert_eq!(key.open(&sealed, "wx1").unwrap(), message);
        }
        let other = SafeKey::read("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let sealed = key.seal([7; 16], b"x", "wx1");
        assert!(other.open(&sealed, "wx1").is_err());
        for broken in ["", "AAAA", "!", sealed.get(..24).unwrap()] {
            assert!(key.open(broken, "wx1").is_err(), "{broken}");
        }
        assert!(SafeKey::read("short").is_none() && SafeKey::read(&"!".repeat(43)).is_none());
    }
}
