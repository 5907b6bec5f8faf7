//! Looks for values in bytes, in every way in which somebody might have written them.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

/// A value that must not be seen, by what it is called.
#[derive(Debug, Clone)]
pub(crate) struct Canary {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Canary {
    pub(crate) fn new(name: &str, value: &str) -> Self {
        assert!(value.len() >= 10, "{name} could stand anywhere");
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}

/// Looks for all of them in one pass, and counts where it has looked.
pub(crate) struct Search {
    finder: AhoCorasick,
    /// What each pattern of the finder is.
    patterns: Vec<String>,
    pub(crate) places: usize,
    pub(crate) bytes: usize,
    pub(crate) hits: BTreeSet<String>,
}

impl Search {
    pub(crate) fn new(canaries: &[Canary]) -> Self {
        let forms = canaries.iter().flat_map(|canary| {
            let named = |(how, bytes): (&str, Vec<u8>)| (format!("{} in {how}", canary.name), bytes);
            forms(&canary.value).into_iter().map(named).collect::<Vec<_>>()
        });
        let (patterns, bytes): (Vec<String>, Vec<Vec<u8>>) = forms.unzip();
        let finder = AhoCorasick::new(&bytes).unwrap();
        Self { finder, patterns, places: 0, bytes: 0, hits: BTreeSet::new() }
    }

    pub(crate) fn look(&mut self, place: &str, bytes: &[u8]) {
        self.places += 1;
        self.bytes += bytes.len();
        for found in self.finder.find_overlapping_iter(bytes) {
            self.hits.insert(format!("{place}: {}", self.patterns[found.pattern().as_usize()]));
        }
    }

    pub(crate) fn patterns(&self) -> usize {
        self.patterns.len()
    }
}

/// A value as it is, and as programs write it.
pub(crate) fn forms(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |digits: fn(u8) -> String| value.bytes().map(digits).collect::<String>().into_bytes();
    let mut forms = vec![
        ("clear", value.as_bytes().to_vec()),
        ("hexadecimal", hex(|byte| format!("{byte:02x}"))),
        ("HEXADECIMAL", hex(|byte| format!("{byte:02X}"))),
        ("UTF-16", value.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    for (name, alphabet) in [("base64", &STANDARD), ("base64url", &URL_SAFE)] {
        forms.extend((0..3).map(|before| (name, base64_inside(value, before, alphabet))));
    }
    for (name, digits) in
        [("an address", "0123456789ABCDEF"), ("an address in lower case", "0123456789abcdef")]
    {
        forms.push((name, percent(value, digits).into_bytes()));
    }
    let json = serde_json::to_string(value).unwrap();
    forms.push(("JSON", json.as_bytes()[1..json.len() - 1].to_vec()));
    // Where nothing has to be escaped, some are the same.
    let mut seen = BTreeSet::new();
    forms.retain(|(_, bytes)| seen.insert(bytes.clone()));
    forms
}

/// As it stands in the Base 64 of something longer, behind so many bytes modulo 3: the letters that are its alone.
fn base64_inside(value: &str, before: usize, alphabet: &base64::alphabet::Alphabet) -> Vec<u8> {
    let whole = [&vec![0; before][..], value.as_bytes()].concat();
    let letters = GeneralPurpose::new(alphabet, NO_PAD).encode(&whole);
    let (first, end) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
    letters.as_bytes()[first..end].to_vec()
}

fn percent(value: &str, digits: &str) -> String {
    let digit = |number: u8| char::from(digits.as_bytes()[usize::from(number)]);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let each = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{}{}", digit(byte >> 4), digit(byte & 15)),
    };
    value.bytes().map(each).collect()
}

#[test]
fn p11_whatever_way_a_canary_is_written_and_wherever_it_stands_it_is_found() {
    let canaries =
        [Canary::new("first", "canary/7f3a+b=\"c"), Canary::new("second", "plain0123456789canary")];
    let standard = GeneralPurpose::new(&STANDARD, NO_PAD);
    let url_safe = GeneralPurpose::new(&URL_SAFE, NO_PAD);
    let mut ways = 0;
    for canary in &canaries {
        for before in 0..7 {
            let around = |bytes: &[u8]| [&b"noise--"[..before], bytes, b"more noise"].concat();
            let mut written = vec![
                standard.encode(around(canary.value.as_bytes())).into_bytes(),
                url_safe.encode(around(canary.value.as_bytes())).into_bytes(),
            ];
            written.extend(forms(&canary.value).iter().map(|(_, bytes)| around(bytes)));
            for bytes in written {
                let mut search = Search::new(&canaries);
                search.look("there", &bytes);
                assert!(search.hits.iter().all(|hit| hit.contains(&canary.name)), "{:?}", search.hits);
                assert!(!search.hits.is_empty(), "not found: {}", String::from_utf8_lossy(&bytes));
                ways += 1;
            }
        }
    }
    let mut search = Search::new(&canaries);
    search.look("nothing", b"cnary/7f3a+b= 63616e617279 plain012345678canary");
    assert!(search.hits.is_empty(), "{:?}", search.hits);
    println!("{} patterns for {} canaries; found in {ways} ways", search.patterns(), canaries.len());
}
