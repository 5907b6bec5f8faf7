//! Text to the HTML that the platform accepts, and back to what people read.

/// Escaped for text and for the value of an attribute in double quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
    html
}

/// One paragraph. HTML shows several spaces as one, so each that follows another is written as one that stays.
pub(crate) fn paragraph(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut after_space = true;
    for one in line.chars() {
        let space = one == ' ' || one == '\t';
        kept.push(if space && after_space {
            '\u{a0}'
        } else if space {
            ' '
        } else {
            one
        });
        after_space = space;
    }
    format!("<p>{}</p>", escaped(&kept).replace('\u{a0}', "&nbsp;"))
}

/// A picture that the platform hosts.
pub(crate) fn picture(url: &str, alt: &str) -> String {
    format!(r#"<p><img src="{}" alt="{}"/></p>"#, escaped(url), escaped(alt))
}

/// What people read of it, without spaces and line ends: the platform may set them anew.
pub(crate) fn bare_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    bare(&unescaped(&text))
}

/// Without anything that only sets text apart.
pub(crate) fn bare(text: &str) -> String {
    text.chars().filter(|one| !one.is_whitespace() && *one != '\u{feff}').collect()
}

fn unescaped(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, entity)) = rest.split_once('&') {
        text.push_str(before);
        match entity.split_once(';').and_then(|(name, after)| Some((character(name)?, after))) {
            Some((one, after)) => {
                text.push(one);
                rest = after;
            }
            None => {
                text.push('&');
                rest = entity;
            }
        }
    }
    text.push_str(rest);
    text
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        assert_eq!(
            paragraph(r#"<script>alert("1")</script> & <b>"#),
            "<p>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &lt;b&gt;</p>"
        );
        assert_eq!(
            picture(r#"http://a/"x"#, "图<1>"),
            r#"<p><img src="http://a/&quot;x" alt="图&lt;1&gt;"/></p>"#
        );
    }

    #[test]
    fn spaces_stay_as_they_were() {
        assert_eq!(paragraph("  a  b c"), "<p>&nbsp;&nbsp;a &nbsp;b c</p>");
    }

    #[test]
    fn what_was_rendered_reads_as_it_was_also_after_the_platform_tidied_it() {
        for text in ["今日 14:00 停水。", "a < b && c > d \"引\"", "&lt; 不是标签", "１＆２'"] {
            assert_eq!(bare_text(&paragraph(text)), bare(text), "{text}");
        }
        let tidied = "<section><p style=\"x\">今日&#32;14:00<br/>停水。</p><img data-src=\"u\"></section>";
        assert_eq!(bare_text(tidied), bare("今日 14:00 停水。"));
        assert_eq!(bare_text("a & b &nosuch; &#x4e2d; <broken"), "a&b&nosuch;中");
    }
}
