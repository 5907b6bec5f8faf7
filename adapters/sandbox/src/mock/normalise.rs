//! What platforms do to a text unasked, so that looking for it by its bytes does not find it (`normalise_text`).

/// Trimmed, runs of spaces joined, ASCII punctuation made full-width. Words that carry a web address stay as they are.
pub(crate) fn normalised(text: &str) -> String {
    text.trim().lines().map(line).collect::<Vec<_>>().join("\n")
}

fn line(line: &str) -> String {
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    if word.contains("://") {
        return word.to_owned();
    }
    word.chars().map(full_width).collect()
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
    use super::normalised;

    #[test]
    fn a_text_is_tidied_and_its_links_stay() {
        assert_eq!(
            normalised("  通知:今天  停水!\n 详见 https://example.com/a?b=1  "),
            "通知：今天 停水！\n详见 https://example.com/a?b=1"
        );
    }
}
