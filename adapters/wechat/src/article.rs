//! One article from what was approved: all of its text, checked against the platform's limits before anything is sent.

use juzhen_sdk::prelude::*;

use crate::html;

/// As the platform's page says since 2025-12; older accounts may have 64.
pub(crate) const TITLE: usize = 32;
const LONGEST_TITLE: usize = 64;
/// Of half-width characters, where a Chinese one counts two.
const AUTHOR: usize = 16;
/// What the platform itself would take for the summary.
const DIGEST: usize = 54;
const CONTENT_CHARS: usize = 20_000;
/// Measured: at about 690,000 bytes the platform says 45002, long before the million of its page.
const CONTENT_BYTES: usize = 690_000;
const LINK_BYTES: usize = 1024;
/// Pictures in an article, and the size from which on the platform refuses one there.
const PICTURES: usize = 20;
const PICTURE_BYTES: u64 = 1 << 20;

/// What the settings of an account say of its articles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Style {
    pub(crate) author: Option<String>,
    pub(crate) title_limit: Option<usize>,
    /// The account has a picture for articles without one.
    pub(crate) has_cover: bool,
}

/// An article that the platform will take, but for its pictures, which have no address yet.
#[derive(Debug, PartialEq)]
pub(crate) struct Article {
    pub(crate) title: String,
    pub(crate) author: Option<String>,
    pub(crate) digest: String,
    pub(crate) link: Option<String>,
    paragraphs: String,
    /// Where it was first, below the pictures.
    source: String,
}

impl Article {
    /// The HTML, with the addresses of its pictures and what each shows.
    ///
    /// # Errors
    /// Longer than the platform takes.
    pub(crate) fn content(&self, pictures: &[(String, String)]) -> Result<String> {
        let pictures: String = pictures.iter().map(|(url, alt)| html::picture(url, alt)).collect();
        let content = format!("{}{pictures}{}", self.paragraphs, self.source);
        fits(&content)?;
        Ok(content)
    }

    /// Whether something with this title, text and link is this article.
    pub(crate) fn is(&self, title: &str, link: &str) -> bool {
        html::bare(title) == html::bare(&self.title)
            && link.trim() == self.link.as_deref().unwrap_or_default()
    }

    pub(crate) fn reads(&self, content: &str) -> bool {
        html::bare_text(content) == html::bare_text(&format!("{}{}", self.paragraphs, self.source))
    }
}

/// Renders it.
///
/// # Errors
/// What the platform would refuse, in words for the author. Nothing is cut.
pub(crate) fn render(post: &Post, style: &Style) -> Result<Article> {
    let title = title(post, style)?;
    let author = author(style)?;
    let link = link(post)?;
    pictures(post, style)?;
    no_control_characters(&post.text, "正文")?;
    let lines = || post.text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    if lines().next().is_none() {
        return Err(no("empty_text", "微信图文的正文不能为空"));
    }
    let paragraphs: String = lines().map(html::paragraph).collect();
    let source = post.source.as_ref().filter(|source| !source.account_name.is_empty());
    let source = source.map(|s| html::paragraph(&format!("来源：{}", s.account_name))).unwrap_or_default();
    let digest = lines().flat_map(|line| line.trim().chars()).take(DIGEST).collect();
    let article = Article { title, author, digest, link, paragraphs, source };
    article.content(&[]).map(|_| article)
}

fn title(post: &Post, style: &Style) -> Result<String> {
    let title = post.title.as_deref().map(str::trim).unwrap_or_default();
    let limit = style.title_limit.unwrap_or(TITLE).min(LONGEST_TITLE);
    let length = title.chars().count();
    no_control_characters(title, "标题")?;
    match length {
        0 => Err(no("no_title", "微信图文必须有标题")),
        _ if length > limit => {
            Err(no("title_too_long", &format!("标题有 {length} 字，微信图文最多 {limit} 字")))
        }
        _ if title.contains('\n') => Err(no("title_lines", "标题不能换行")),
        _ => Ok(title.to_owned()),
    }
}

fn author(style: &Style) -> Result<Option<String>> {
    let Some(author) = style.author.as_deref().map(str::trim).filter(|author| !author.is_empty()) else {
        return Ok(None);
    };
    let width: usize = author.chars().map(|one| if one.is_ascii() { 1 } else { 2 }).sum();
    if width > AUTHOR {
        let why = format!("账号设置中的作者名“{author}”太长，微信图文最多 8 个汉字或 16 个字母");
        return Err(Error::misconfigured(why, "author"));
    }
    Ok(Some(author.to_owned()))
}

fn link(post: &Post) -> Result<Option<String>> {
    let Some(link) = post.link.as_deref().map(str::trim).filter(|link| !link.is_empty()) else {
        return Ok(None);
    };
    if link.len() > LINK_BYTES {
        let bytes = link.len();
        return Err(no(
            "link_too_long",
            &format!("“阅读原文”的链接有 {bytes} 字节，微信最多 {LINK_BYTES} 字节"),
        ));
    }
    let web = ["http://", "https://"].iter().any(|scheme| link.to_ascii_lowercase().starts_with(scheme));
    if !web || link.chars().any(|one| one.is_whitespace() || one.is_control()) {
        return Err(no("link", "“阅读原文”的链接必须是 http:// 或 https:// 开头的完整网址"));
    }
    Ok(Some(link.to_owned()))
}

fn pictures(post: &Post, style: &Style) -> Result<()> {
    if post.media.is_empty() && !style.has_cover {
        return Err(no(
            "no_cover",
            "微信图文必须有封面：请至少配一张图片，或在账号设置中写明 cover_media_id",
        ));
    }
    if post.media.len() > PICTURES {
        let count = post.media.len();
        return Err(no("too_many_pictures", &format!("共有 {count} 张图片，每篇最多 {PICTURES} 张")));
    }
    for (place, picture) in post.media.iter().enumerate() {
        let place = place + 1;
        if !matches!(picture.mime.as_str(), "image/jpeg" | "image/png") {
            let mime = &picture.mime;
            return Err(no(
                "picture_type",
                &format!("第 {place} 张图片是 {mime}，微信图文只接受 JPG 和 PNG"),
            ));
        }
        if picture.bytes >= PICTURE_BYTES {
            let kilobytes = picture.bytes / 1024;
            return Err(no(
                "picture_size",
                &format!("第 {place} 张图片有 {kilobytes} KB，微信图文的图片须小于 1 MB"),
            ));
        }
    }
    Ok(())
}

fn fits(content: &str) -> Result<()> {
    let (chars, bytes) = (content.chars().count(), content.len());
    if chars >= CONTENT_CHARS {
        return Err(no(
            "text_too_long",
            &format!("正文连同排版共 {chars} 字符，微信图文须少于 {CONTENT_CHARS}"),
        ));
    }
    if bytes > CONTENT_BYTES {
        return Err(no(
            "text_too_long",
            &format!("正文连同排版共 {bytes} 字节，微信图文最多 {CONTENT_BYTES}"),
        ));
    }
    Ok(())
}

/// The platform would answer 47001.
fn no_control_characters(text: &str, what: &str) -> Result<()> {
    match text.chars().find(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t')) {
        Some(one) => {
            let why = format!("{what}中有不可见的控制字符 U+{:04X}，请删除后重新提交", u32::from(one));
            Err(no("control_character", &why))
        }
        None => Ok(()),
    }
}

fn no(code: &str, why: &str) -> Error {
    Error::rejected(why, RejectedBy::Content, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(mime: &str, bytes: u64) -> Media {
        Media { blob: "aa".into(), mime: mime.into(), bytes, alt: None }
    }

    fn post() -> Post {
        let media = vec![picture("image/png", 3)];
        Post { title: Some("停水通知".into()), text: "今日停水。".into(), media, ..Post::default() }
    }

    fn code(post: &Post, style: &Style) -> String {
        match render(post, style).unwrap_err().kind {
            ErrorKind::Rejected { code: Some(code), by: RejectedBy::Content } => code,
            ErrorKind::Misconfigured { key } => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_of_a_text_is_in_the_article_paragraph_by_paragraph() {
        let text = "第一段：<重要>。\r\n\r\n　　第二段  有空格。\n".to_owned();
        let source = Some(Source { account_name: "某区发布".into(), ..Source::default() });
        let article = render(&Post { text: text.clone(), source, ..post() }, &Style::default()).unwrap();
        let content = article.content(&[("http://mmbiz.qpic.cn/1".into(), "图".into())]).unwrap();
        assert_eq!(
            content,
            "<p>第一段：&lt;重要&gt;。</p><p>　　第二段 &nbsp;有空格。</p>\
             <p><img src=\"http://mmbiz.qpic.cn/1\" alt=\"图\"/></p><p>来源：某区发布</p>"
        );
        assert!(article.reads(&content) && !article.reads("<p>第一段</p>"));
        assert_eq!(article.digest, "第一段：<重要>。第二段  有空格。");
    }

    #[test]
    fn what_is_one_too_long_is_refused_and_nothing_is_cut() {
        let style = Style::default();
        let title = |count| Post { title: Some("字".repeat(count)), ..post() };
        assert_eq!(render(&title(32), &style).unwrap().title.chars().count(), 32);
        assert_eq!(code(&title(33), &style), "title_too_long");
        let wide = Style { title_limit: Some(100), ..Style::default() };
        assert!(render(&title(64), &wide).is_ok());
        assert_eq!(code(&title(65), &wide), "title_too_long");
        let text = |count: usize| Post { text: "字".repeat(count), ..post() };
        assert!(render(&text(19_992), &style).is_ok());
        assert_eq!(code(&text(19_993), &style), "text_too_long");
        let link = |count: usize| Post { link: Some(format!("https://a/{}", "b".repeat(count))), ..post() };
        assert!(render(&link(1014), &style).is_ok());
        assert_eq!(code(&link(1015), &style), "link_too_long");
        let named = |author: &str| Style { author: Some(author.into()), ..Style::default() };
        assert!(render(&post(), &named("东湖高新区管委会")).is_ok());
        assert_eq!(code(&post(), &named("东湖高新区管委会a")), "author");
    }

    #[test]
    fn what_the_platform_would_refuse_or_drop_is_refused_before_anything_is_sent() {
        let style = Style::default();
        let with = |media| Post { media, ..post() };
        assert_eq!(code(&with(vec![]), &style), "no_cover");
        assert!(render(&with(vec![]), &Style { has_cover: true, ..Style::default() }).is_ok());
        assert_eq!(code(&with(vec![picture("image/gif", 3)]), &style), "picture_type");
        assert_eq!(code(&with(vec![picture("image/png", 1 << 20)]), &style), "picture_size");
        assert!(render(&with(vec![picture("image/jpeg", (1 << 20) - 1)]), &style).is_ok());
        assert_eq!(code(&with(vec![picture("image/png", 3); 21]), &style), "too_many_pictures");
        assert_eq!(code(&Post { title: None, ..post() }, &style), "no_title");
        assert_eq!(code(&Post { title: Some("a\nb".into()), ..post() }, &style), "title_lines");
        assert_eq!(code(&Post { text: " \n".into(), ..post() }, &style), "empty_text");
        assert_eq!(code(&Post { text: "a\u{0}b".into(), ..post() }, &style), "control_character");
        for link in ["javascript:alert(1)", "example.gov.cn/1", "https://a b"] {
            assert_eq!(code(&Post { link: Some(link.into()), ..post() }, &style), "link", "{link}");
        }
    }
}
