//! The forms in which others may write a secret: masked wherever they turn up (P11).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::secrets::{json_escaped, percent_encoded};
use crate::hex::to_hex;
use crate::ports::Secret;

/// Of shorter values the encoded forms are so short that ordinary text has them, too.
const SHORTEST_ENCODED: usize = 8;

impl Secret {
    /// The value as it is, in an address, in JSON, in hexadecimal and in base64, also in the middle of something longer.
    pub fn spellings(&self) -> Vec<Self> {
        let plain = self.expose();
        let mut forms = vec![plain.to_owned(), percent_encoded(plain), json_escaped(plain)];
        forms.push(percent_encoded(plain).to_ascii_lowercase());
        if plain.len() >= SHORTEST_ENCODED {
            let hex = to_hex(plain.as_bytes());
            forms.extend([hex.to_ascii_uppercase(), hex]);
            forms.extend((0..3).flat_map(|before| in_base64(plain.as_bytes(), before)));
        }
        forms.sort();
        forms.dedup();
        forms.into_iter().map(Self::new).collect()
    }
}

/// The characters that depend on nothing but these bytes, where so many bytes of a group of three come before them.
fn in_base64(bytes: &[u8], before: usize) -> [String; 2] {
    let whole: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
    let (from, to) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
    let cut = |text: String| text.get(from..to).unwrap_or_default().to_owned();
    [cut(STANDARD_NO_PAD.encode(&whole)), cut(URL_SAFE_NO_PAD.encode(&whole))]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    #[test]
    fn p11_every_way_to_write_a_secret_holds_one_of_its_spellings() {
        let value = "canary-7f3a/b+c?ü\"x";
        let spellings = Secret::new(value).spellings();
        let mut ways = vec![value.to_owned(), percent_encoded(value), json_escaped(value)];
        ways.extend([to_hex(value.as_bytes()), to_hex(value.as_bytes()).to_uppercase()]);
        for around in ["", "u", "us", "use", "user:"] {
            for after in ["", "!", ":q", ":qr"] {
                let text = format!("{around}{value}{after}");
                ways.extend([STANDARD.encode(&text), URL_SAFE.encode(&text)]);
            }
        }
        for way in ways {
            assert!(spellings.iter().any(|form| way.contains(form.expose())), "{way}");
        }
        assert_eq!(Secret::new("abcd").spellings().len(), 1, "too short to be looked for in another form");
    }
}
