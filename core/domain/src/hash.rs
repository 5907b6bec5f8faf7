//! The content hash: what an approval is bound to (promise P2, control C01).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 over the exact bytes of a text on one platform, lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Takes a stored hash back; anything but 64 lower-case hexadecimal digits is none.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes fields so that no two different lists of fields give the same bytes: each is preceded by its length.
pub struct FieldHasher(Sha256);

impl FieldHasher {
    /// `purpose` separates hashes of different things.
    pub fn new(purpose: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.field(purpose.as_bytes());
        hasher
    }

    pub fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// An absent field is not the same as an empty one.
    pub fn optional(&mut self, text: Option<&str>) {
        match text {
            None => self.field(b"\0"),
            Some(text) => {
                self.field(b"\x01");
                self.field(text.as_bytes());
            }
        }
    }

    pub fn finish(self) -> ContentHash {
        ContentHash(hex(&self.0.finalize()))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_boundary_between_fields_changes_the_hash() {
        let of = |fields: &[&str]| {
            let mut hasher = FieldHasher::new("t");
            fields.iter().for_each(|f| hasher.field(f.as_bytes()));
            hasher.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
        assert_eq!(of(&["ab"]).as_str().len(), 64);
    }

    #[test]
    fn absent_and_empty_differ() {
        let of = |text| {
            let mut hasher = FieldHasher::new("t");
            hasher.optional(text);
            hasher.finish()
        };
        assert_ne!(of(None), of(Some("")));
        assert_eq!(ContentHash::parse("xyz"), None);
    }
}
