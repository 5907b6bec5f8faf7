//! The HTML of an article: what the platform leaves of it, and the words that a reader sees.
//!
//! Scripts, styles, comments, event handlers and pictures from elsewhere go; `src` of a picture becomes `data-src`.

/// Whose pictures stay in an article.
const PICTURE_HOST: &str = "mmbiz.qpic.cn";
/// What ends a line of text.
const BLOCKS: [&str; 22] = [
    "address",
    "article",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "section",
    "tr",
    "ul",
];
/// What is left out with everything inside it.
const DROPPED: [&str; 4] = ["script", "style", "iframe", "object"];

enum Piece<'a> {
    Text(&'a str),
    Tag(Tag<'a>),
}

struct Tag<'a> {
    name: String,
    /// Between the name and the closing bracket.
    attributes: &'a str,
    closes: bool,
}

/// The content as the platform keeps it.
pub(crate) fn cleaned(html: &str) -> String {
    let mut clean = String::with_capacity(html.len());
    for piece in pieces(html) {
        match piece {
            Piece::Text(text) => clean.push_str(text),
            Piece::Tag(tag) if tag.closes => {
                clean.push_str("</");
                clean.push_str(&tag.name);
                clean.push('>');
            }
            Piece::Tag(tag) => open(&mut clean, &tag),
        }
    }
    clean
}

/// What a reader sees: no markup, entities decoded, white space joined within a line, a block or `<br>` ends the line, empty
/// lines left out.
pub(crate) fn words(html: &str) -> String {
    let mut raw = String::with_capacity(html.len());
    for piece in pieces(html) {
        match piece {
            // A line break in the source is a space to the reader.
            Piece::Text(text) => raw.extend(text.chars().map(|one| if one == '\n' { ' ' } else { one })),
            Piece::Tag(tag) if BLOCKS.contains(&tag.name.as_str()) => raw.push('\n'),
            Piece::Tag(_) => {}
        }
    }
    lines_of(&decoded(&raw))
}

/// Plain text as [`words`] leaves it.
pub(crate) fn lines_of(text: &str) -> String {
    let joined = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(joined).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn open(clean: &mut String, tag: &Tag<'_>) {
    let is_picture = tag.name == "img";
    let attributes = attributes(tag.attributes);
    let source = attributes.iter().find(|(name, _)| matches!(name.as_str(), "src" | "data-src"));
    if is_picture && !source.and_then(|(_, value)| *value).is_some_and(is_ours) {
        return;
    }
    clean.push('<');
    clean.push_str(&tag.name);
    for (name, value) in &attributes {
        if name.starts_with("on") || value.is_some_and(is_script) {
            continue;
        }
        clean.push(' ');
        clean.push_str(if is_picture && name == "src" { "data-src" } else { name });
        if let Some(value) = value {
            let quote = if value.contains('"') { '\'' } else { '"' };
            clean.push('=');
            clean.push(quote);
            clean.push_str(value);
            clean.push(quote);
        }
    }
    clean.push_str(if tag.attributes.trim_end().ends_with('/') { " />" } else { ">" });
}

fn is_ours(address: &str) -> bool {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    rest.is_some_and(|rest| rest.split(['/', '?', '#']).next() == Some(PICTURE_HOST))
}

fn is_script(value: &str) -> bool {
    value.trim_start().get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:"))
}

/// Text and tags in order, without comments and without what is dropped whole.
fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let Some(at) = rest.find('<') else { break };
        let (text, markup) = rest.split_at(at);
        if let Some(comment) = markup.strip_prefix("<!") {
            let end = if comment.starts_with("--") { "-->" } else { ">" };
            pieces.push(Piece::Text(text));
            rest = comment.split_once(end).map_or("", |(_, after)| after);
            continue;
        }
        let Some((tag, after)) = tag(markup) else {
            // A bracket that begins no tag is text.
            let (bracket, after) = rest.split_at(at + 1);
            pieces.push(Piece::Text(bracket));
            rest = after;
            continue;
        };
        pieces.push(Piece::Text(text));
        rest = after;
        if DROPPED.contains(&tag.name.as_str()) {
            if !tag.closes && !tag.attributes.trim_end().ends_with('/') {
                rest = behind_end_of(&tag.name, rest);
            }
            continue;
        }
        pieces.push(Piece::Tag(tag));
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Reads one tag from its bracket on, and what stands behind it. A bracket within quotes does not end it.
fn tag(markup: &str) -> Option<(Tag<'_>, &str)> {
    let inner = markup.strip_prefix('<')?;
    let (closes, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let is_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | ':');
    let name_ends = inner.find(|one: char| !is_name(one)).unwrap_or(inner.len());
    let (name, inner) = inner.split_at(name_ends);
    if !name.starts_with(|one: char| one.is_ascii_alphabetic()) {
        return None;
    }
    let mut quote = None;
    let end = inner.char_indices().find_map(|(at, one)| {
        match (quote, one) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(one),
            (Some(open), _) if open == one => quote = None,
            _ => {}
        }
        None
    })?;
    let (attributes, after) = inner.split_at(end);
    let tag = Tag { name: name.to_ascii_lowercase(), attributes, closes };
    Some((tag, after.strip_prefix('>').unwrap_or(after)))
}

fn behind_end_of<'a>(name: &str, html: &'a str) -> &'a str {
    let mut rest = html;
    while let Some(at) = rest.find("</") {
        let (_, markup) = rest.split_at(at);
        match tag(markup) {
            Some((found, after)) if found.name == name => return after,
            _ => rest = markup.get(2..).unwrap_or_default(),
        }
    }
    ""
}

/// Names in lower case, values without their quotes.
fn attributes(text: &str) -> Vec<(String, Option<&str>)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|one: char| one.is_whitespace() || one == '/');
        if rest.is_empty() {
            return found;
        }
        let ends =
            rest.find(|one: char| one.is_whitespace() || matches!(one, '=' | '/')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(ends.max(rest.chars().next().map_or(1, char::len_utf8)));
        let Some(value) = after.trim_start().strip_prefix('=') else {
            found.push((name.to_ascii_lowercase(), None));
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.split_once(quote));
        let (value, after) =
            quoted.unwrap_or_else(|| value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())));
        found.push((name.to_ascii_lowercase(), Some(value)));
        rest = after;
    }
}

/// The entities that editors write; others stay as they are.
fn decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        plain.push_str(before);
        let end = entity.find(';').filter(|end| *end <= 10);
        let name = end.and_then(|end| entity.get(1..end)).and_then(entity_named);
        match (name, end) {
            (Some(one), Some(end)) => {
                plain.push(one);
                rest = entity.get(end + 1..).unwrap_or_default();
            }
            _ => {
                plain.push('&');
                rest = entity.get(1..).unwrap_or_default();
            }
        }
    }
    plain + rest
}

fn entity_named(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let hex = number.strip_prefix('x').or_else(|| number.strip_prefix('X'));
            return char::from_u32(match hex {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_styles_handlers_and_foreign_pictures_go_and_ours_are_loaded_late() {
        let html = "<section onclick='x()' style=\"color:red\"><!-- n --><script>a<b</script><STYLE>p{}</STYLE>\
                    <p>甲<br/>乙</p><img src=\"http://mmbiz.qpic.cn/a/0\" alt=图><img src='https://example.com/b.png'>\
                    <a href='javascript:x'>去</a></section>";
        let kept = "<section style=\"color:red\"><p>甲<br />乙</p><img data-src=\"http://mmbiz.qpic.cn/a/0\" alt=\"图\">\
                    <a>去</a></section>";
        assert_eq!(cleaned(html), kept);
        assert_eq!(cleaned(kept), kept);
        assert_eq!(cleaned("<img src=\"http://mmbiz.qpic.cn.example.com/0\">1 < 2 &lt; 3"), "1 < 2 &lt; 3");
    }

    #[test]
    fn a_reader_sees_words_in_lines() {
        let html = "<p>今天&nbsp; 停水 &amp; 停电&#33;</p>\n\n<p><br></p><div><span>请</span>\n注意 a &lt;b&gt; &c</div><script>1</script>";
        assert_eq!(words(html), "今天 停水 & 停电!\n请 注意 a <b> &c");
        assert_eq!(lines_of("今天\u{a0}停水\r\n\r\n 请注意 \n"), "今天 停水\n请注意");
    }

    #[test]
    fn broken_markup_ends() {
        for html in ["<", "<p", "<p a='", "<!--", "</", "<script>", "<a =>", "<p é>", "&#xD800;", "&;"] {
            let _ = (cleaned(html), words(html));
        }
    }
}
