//! A text as the rules look at it: normalised, with the way back to each character that was written.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{compose, is_combining_mark};

/// One part of a draft, as written and normalised: NFKC, lower case, without characters that nobody sees.
#[derive(Debug)]
pub(super) struct Source {
    /// As it was written.
    pub(super) written: Vec<char>,
    /// Normalised.
    pub(super) chars: Vec<char>,
    /// The same as a string, for automata.
    pub(super) text: String,
    /// For each normalised character, the place of the written one that it came from.
    origin: Vec<usize>,
}

/// A part of the normalised text.
pub(super) type Span = std::ops::Range<usize>;

impl Source {
    pub(super) fn of(text: &str) -> Self {
        let written: Vec<char> = text.chars().collect();
        let mut source = Self {
            chars: Vec::with_capacity(written.len()),
            text: String::with_capacity(text.len()),
            origin: Vec::with_capacity(written.len()),
            written: Vec::new(),
        };
        for (place, &c) in written.iter().enumerate() {
            source.take(c, place);
        }
        source.written = written;
        source
    }

    fn take(&mut self, c: char, place: usize) {
        match c {
            '\u{4e00}'..='\u{9fff}' | '\u{3001}'..='\u{3002}' | '\u{3008}'..='\u{3011}' => {
                self.push(c, place);
            }
            '\0'..='\u{7f}' => self.push(c.to_ascii_lowercase(), place),
            // Full-width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let narrow = u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c);
                self.push(narrow.to_ascii_lowercase(), place);
            }
            _ if is_unseen(c) => {}
            _ if is_combining_mark(c) => self.combine(c, place),
            _ => {
                for plain in c.nfkc().flat_map(char::to_lowercase) {
                    self.push(plain, place);
                }
            }
        }
    }

    fn combine(&mut self, mark: char, place: usize) {
        let whole = self.chars.last().and_then(|base| compose(*base, mark));
        match (whole, self.chars.last_mut()) {
            (Some(whole), Some(last)) => {
                *last = whole;
                self.text.pop();
                self.text.push(whole);
            }
            _ => self.push(mark, place),
        }
    }

    fn push(&mut self, c: char, place: usize) {
        self.chars.push(c);
        self.text.push(c);
        self.origin.push(place);
    }

    /// The normalised character at a place.
    pub(super) fn at(&self, place: usize) -> Option<char> {
        self.chars.get(place).copied()
    }

    /// The one before a place.
    pub(super) fn before(&self, place: usize) -> Option<char> {
        place.checked_sub(1).and_then(|before| self.at(before))
    }

    /// Whether the normalised text goes on with these words here.
    pub(super) fn goes_on(&self, place: usize, words: &str) -> bool {
        starts_with(self.chars.get(place..).unwrap_or_default(), words)
    }

    /// Whether the normalised text ends with these words right before a place.
    pub(super) fn comes_after(&self, place: usize, words: &str) -> bool {
        place.checked_sub(words.chars().count()).is_some_and(|start| self.goes_on(start, words))
    }

    /// Where a part of the normalised text was written.
    pub(super) fn written_span(&self, span: &Span) -> Span {
        let of = |place: usize| self.origin.get(place).copied();
        let start = of(span.start).unwrap_or(self.written.len());
        let last = span.end.checked_sub(1).and_then(of);
        start..last.map_or(start, |last| last + 1).max(start)
    }

    /// What was written there.
    pub(super) fn words(&self, written: &Span) -> String {
        self.written.get(written.clone()).unwrap_or_default().iter().collect()
    }

    /// A part of the normalised text.
    pub(super) fn normal(&self, span: &Span) -> &[char] {
        self.chars.get(span.clone()).unwrap_or_default()
    }

    /// Without blanks, each character with its place in the normalised text.
    pub(super) fn packed(&self) -> Packed {
        let seen = self.chars.iter().enumerate().filter(|(_, c)| !c.is_whitespace());
        let (places, chars) = seen.map(|(place, c)| (place, *c)).unzip();
        Packed { chars, places }
    }

    /// How many normalised characters the first bytes of [`Source::text`] are.
    pub(super) fn characters_in(&self, bytes: std::ops::Range<usize>) -> usize {
        self.text.get(bytes).map_or(0, |part| part.chars().count())
    }
}

/// A normalised text without blanks.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) chars: Vec<char>,
    places: Vec<usize>,
}

impl Packed {
    pub(super) fn goes_on(&self, place: usize, words: &str) -> bool {
        starts_with(self.chars.get(place..).unwrap_or_default(), words)
    }

    pub(super) fn comes_after(&self, place: usize, words: &str) -> bool {
        place.checked_sub(words.chars().count()).is_some_and(|start| self.goes_on(start, words))
    }

    /// The part of the normalised text.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        let of = |place: usize| self.places.get(place).copied().unwrap_or_default();
        of(start)..end.checked_sub(1).map_or(0, |last| of(last) + 1)
    }
}

fn starts_with(chars: &[char], words: &str) -> bool {
    let mut rest = chars.iter();
    words.chars().all(|wanted| rest.next() == Some(&wanted))
}

/// A Chinese character.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{3134f}' | '\u{f900}'..='\u{faff}' | '〇' | '々')
}

/// Characters with which a word is torn apart so that a list does not find it.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_normalised_and_every_place_leads_back() {
        let source = Source::of("Ａb\u{200b}算\u{feff}命㎡e\u{301}！");
        assert_eq!(source.text, "ab算命m2é!");
        let span = |start: usize, end: usize| {
            let written = source.written_span(&(start..end));
            (written.start, written.end)
        };
        assert_eq!(span(2, 4), (3, 6), "with what nobody sees between");
        assert_eq!((span(4, 5), span(5, 6)), ((6, 7), (6, 7)));
        assert_eq!(span(7, 8), (9, 10));
        assert_eq!(span(8, 8), (10, 10));
    }

    #[test]
    fn blanks_are_left_out_of_the_packed_text() {
        let packed = Source::of("机 密 ★").packed();
        assert!(packed.goes_on(0, "机密★") && packed.comes_after(2, "机密"));
        assert_eq!(packed.span(0, 2), 0..3);
    }

    proptest! {
        #[test]
        fn places_rise_and_stay_in_the_text(text in "\\PC{0,40}") {
            let source = Source::of(&text);
            prop_assert_eq!(source.chars.len(), source.origin.len());
            prop_assert_eq!(source.text.chars().count(), source.chars.len());
            prop_assert!(source.origin.is_sorted() && source.origin.iter().all(|p| *p < text.chars().count()));
        }
    }
}
