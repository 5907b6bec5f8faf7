//! WeChat: title and text apart, every character one.

use super::{Field, FieldLength, Length, Text, Unit, half_widths};

/// Title since December 2025; the editor on the web and older interfaces take 64 (45003 above that).
const MOST_TITLE: usize = 32;

/// Author: eight Chinese characters (45110).
const MOST_AUTHOR: usize = 16;

/// Digest (45004).
const MOST_DIGEST: usize = 120;

/// Text of an article (45002).
const MOST_TEXT: usize = 20_000;

/// By the district's rule: each character that a reader sees as one is one.
pub(super) fn characters(text: &Text<'_>) -> usize {
    super::characters(text.title) + super::characters(text.body)
}

/// By the platform's own.
pub(super) fn fields(text: &Text<'_>) -> Vec<FieldLength> {
    let characters = |text: &str| text.chars().count();
    let fields = [
        (Field::Title, Unit::Characters, characters(text.title), MOST_TITLE),
        (Field::Author, Unit::HalfWidths, half_widths(text.author), MOST_AUTHOR),
        (Field::Digest, Unit::Characters, characters(text.digest), MOST_DIGEST),
        (Field::Text, Unit::Characters, characters(text.body), MOST_TEXT),
    ];
    let there = fields.into_iter().filter(|(field, _, count, _)| *count > 0 || *field == Field::Text);
    there
        .map(|(field, unit, count, limit)| FieldLength { field, unit, length: Length { count, limit } })
        .collect()
}
