//! Bytes to text: what is not UTF-8, not YAML or empty is named as what it is (F85, F91, Y18, Y19, Y34).

use std::borrow::Cow;

use encoding_rs::GB18030;

use crate::fault::{Finding, Place};
use crate::problem::{FileProblem, Problem};

/// The text of a file without a byte order mark.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, Finding> {
    if looks_like_utf16(bytes) {
        return Err(Finding::error(Place::START, FileProblem::Utf16));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at_checked(error.valid_up_to()).unwrap_or((bytes, &[]));
        let problem = if looks_like_gbk(bad) { FileProblem::Gbk } else { FileProblem::NotUtf8 };
        Finding::error(place_after(&String::from_utf8_lossy(good)), problem)
    })?;
    if let Some((before, _)) = text.split_once('\0') {
        return Err(Finding::error(place_after(before), FileProblem::NulByte));
    }
    Ok(text)
}

/// The text of a word list: UTF-8 with or without a byte order mark, or GBK, which older lists are.
pub(crate) fn list_of(bytes: &[u8]) -> Result<Cow<'_, str>, Finding> {
    match text_of(bytes) {
        Err(Finding { problem: Problem::File(FileProblem::Gbk), .. }) => {
            let (text, _, has_errors) = GB18030.decode(bytes);
            match text.split_once(char::REPLACEMENT_CHARACTER).filter(|_| has_errors) {
                Some((before, _)) => Err(Finding::error(place_after(before), FileProblem::NotUtf8)),
                None => Ok(text),
            }
        }
        text => text.map(Cow::Borrowed),
    }
}

/// Refuses text that is no YAML of ours before the parser words it less kindly.
pub(crate) fn check_language(text: &str) -> Result<(), Finding> {
    let lines = text.split('\n').zip(1u32..).map(|(line, number)| (line.trim(), number));
    let said = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let mut said = said.filter(|(line, _)| !matches!(*line, "---" | "..."));
    let Some((first, line)) = said.next() else {
        return Err(Finding::error(Place::START, FileProblem::Empty));
    };
    let language = match first.as_bytes() {
        [b'<', ..] => "HTML or XML",
        [b'{', ..] => "JSON",
        [b'[', .., b']'] if said.next().is_some_and(|(next, _)| is_assignment(next)) => "TOML",
        [b'[', ..] => "JSON",
        _ if is_assignment(first) => "TOML",
        _ => return Ok(()),
    };
    Err(Finding::error(Place { line, column: 1, width: 1 }, FileProblem::Foreign { language }))
}

/// `key = value`
fn is_assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(key, _)| {
        let key = key.trim_end();
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    })
}

fn looks_like_utf16(bytes: &[u8]) -> bool {
    let zeros = |start: usize| {
        let part = bytes.iter().take(64).skip(start).step_by(2);
        part.clone().count() >= 2 && part.filter(|b| **b == 0).count() * 2 > bytes.len().min(64) / 2
    };
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || zeros(0) || zeros(1)
}

/// The beginning is enough; its end may cut a character in two, so the last bytes do not count.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let sample = bytes.get(..4096).unwrap_or(bytes);
    let (decoded, _, _) = GB18030.decode(sample);
    let (mut good, mut bad) = (0, 0);
    for c in decoded.chars() {
        match c {
            '\u{4e00}'..='\u{9fff}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}' => good += 1,
            _ if c.is_ascii() => {}
            _ => bad += 1,
        }
    }
    good > 0 && bad * 10 <= good + 9
}

/// The place right after `before`.
fn place_after(before: &str) -> Place {
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: small(line), column: small(column), width: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f91_encodings_are_named() {
        let text = "code: T01\nname: 柳河乡人民政府\n";
        fn problem(bytes: &[u8]) -> Result<&str, (u32, u32, Problem)> {
            text_of(bytes).map_err(|f| (f.place.line, f.place.column, f.problem))
        }
        let gbk = GB18030.encode(text).0;
        assert_eq!(problem(&gbk), Err((2, 7, FileProblem::Gbk.into())));
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(problem(&utf16), Err((1, 1, FileProblem::Utf16.into())));
        let marked: Vec<u8> = "\u{feff}甲: 乙".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(problem(&marked), Err((1, 1, FileProblem::Utf16.into())));
        assert_eq!(problem(b"a: \xff\xff\n"), Err((1, 4, FileProblem::NotUtf8.into())));
        assert_eq!(problem(b"a: 1\nb: \0\n"), Err((2, 4, FileProblem::NulByte.into())));
        assert_eq!(problem(format!("\u{feff}{text}").as_bytes()), Ok(text));
    }

    #[test]
    fn y34_other_languages_are_named() {
        for (text, language) in [
            ("<!DOCTYPE html><html>", "HTML or XML"),
            ("{\"code\": \"T01\"}", "JSON"),
            ("[unit]\ncode = \"T01\"", "TOML"),
            ("code = \"T01\"", "TOML"),
        ] {
            assert_eq!(check_language(text).unwrap_err().problem, FileProblem::Foreign { language }.into());
        }
        assert_eq!(check_language("# c\n\n---\n").unwrap_err().problem, FileProblem::Empty.into());
        assert_eq!(check_language("# c\ncode: \"a=b\"\n"), Ok(()));
    }
}
