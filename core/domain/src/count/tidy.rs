//! A text as it is counted: without what nobody sees, and with one way to write each character.

use unicode_normalization::UnicodeNormalization;

/// Lines end in a line feed, characters are composed (NFC), and there are neither blanks around the text nor control
/// characters, soft hyphens or zero-width blanks in it. The joiner of emoji stays.
pub fn tidy(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let seen: String = lines.chars().filter(|c| is_seen(*c)).nfc().collect();
    seen.trim().to_owned()
}

fn is_seen(c: char) -> bool {
    match c {
        '\n' | '\t' => true,
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => false,
        _ => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn what_is_not_seen_is_not_counted() {
        assert_eq!(tidy(" \u{3000}a\rb\r\n\tc\u{85}\n"), "a\nb\n\tc");
        assert_eq!(tidy("\u{feff}零\u{200b}宽\u{2060}\u{ad}\u{7f}\0"), "零宽");
        assert_eq!(tidy("e\u{301}"), "\u{e9}");
        // Composed over a mark that was between: it is dropped first.
        assert_eq!(tidy("e\u{ad}\u{301}"), "\u{e9}");
        assert_eq!(tidy("👨\u{200d}👩"), "👨\u{200d}👩");
    }
}
