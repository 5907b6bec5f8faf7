//! What platforms do to a text unasked, so that looking for it by its bytes does not find it (`normalise_text`).

use sha2::{Digest, Sha256};

use crate::script::Normalise;

/// Trimmed, runs of spaces joined, ASCII punctuation made full-width. Words that carry a web address stay as they are, or
/// become the platform's own short address.
pub(crate) fn normalised(text: &str, how: Normalise) -> String {
    text.trim().lines().map(|one| line(one, how)).collect::<Vec<_>>().join("\n")
}

fn line(line: &str, how: Normalise) -> String {
    line.split_whitespace().map(|one| word(one, how)).collect::<Vec<_>>().join(" ")
}

fn word(word: &str, how: Normalise) -> String {
    if word.contains("://") {
        return if how.short_links { short_link(word) } else { word.to_owned() };
    }
    word.chars().filter(|one| !(how.emoji && *one == '\u{fe0f}')).map(full_width).collect()
}

/// The same for the same address.
fn short_link(word: &str) -> String {
    let hash = Sha256::digest(word.as_bytes());
    let digits: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("http://s.example/{digits}")
}

fn full_width(one: char) -> char {
    match one {
        ',' => '，',
        '!' => '！',
        '?' => '？',
        ':' => '：',
        ';' => '；',
        '(' => '（',
        ')' => '）',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_tidied_and_its_links_stay() {
        let plain = Normalise { short_links: false, emoji: false };
        let text = "  通知:今天  停水!\n 详见 https://example.com/a?b=1 ✌\u{fe0f} ";
        assert_eq!(normalised(text, plain), "通知：今天 停水！\n详见 https://example.com/a?b=1 ✌\u{fe0f}");
        let shown = normalised(text, Normalise { short_links: true, emoji: true });
        assert!(shown.contains("详见 http://s.example/") && shown.ends_with(" ✌"), "{shown}");
    }
}
