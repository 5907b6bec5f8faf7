//! Writes the pages' HTML. Every text goes through [`Page::words`], the one place that escapes.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A page being written.
pub(crate) struct Page {
    html: String,
    /// End tags of what is open, innermost last.
    open: Vec<&'static str>,
}

impl Page {
    /// `refresh`: the address that it loads again every two seconds; empty: itself.
    pub(crate) fn new(title: &str, refresh: &str) -> Self {
        let mut page = Self { html: String::with_capacity(8 * 1024), open: vec!["</html>\n"] };
        page.raw("<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n");
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.raw("<meta http-equiv=\"refresh\" content=\"2");
        if !refresh.is_empty() {
            page.raw(";url=");
            page.words(refresh);
        }
        page.raw("\">\n<title>");
        page.words(title);
        page.raw(" · 模拟平台</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n");
        page.open.push("</body>\n");
        page.raw("<div class=\"top\"><a class=\"home\" href=\"/\">公众看到的内容</a><span class=\"sub\">模拟平台</span></div>\n");
        page.raw("<div class=\"main\">\n");
        page.open.push("</div>\n");
        page
    }

    /// Closes whatever is open.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.html
    }

    pub(crate) fn close(&mut self) {
        if let Some(end) = self.open.pop() {
            self.raw(end);
        }
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.block("p", "note", text);
    }

    pub(crate) fn empty(&mut self, text: &str) {
        self.block("p", "empty", text);
    }

    pub(crate) fn remark(&mut self, text: &str) {
        self.block("p", "remark", text);
    }

    pub(crate) fn title(&mut self, text: &str) {
        self.block("h3", "title", text);
    }

    pub(crate) fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.block("p", "text", text);
        }
    }

    pub(crate) fn open_card(&mut self) {
        self.open_block("card");
    }

    pub(crate) fn card_head(&mut self, name: &str, uid: &str, platform: &str) {
        self.raw("<div class=\"head\"><h2><a href=\"/accounts/");
        self.words(uid);
        self.raw("\">");
        self.words(name);
        self.raw("</a></h2><span class=\"uid\">");
        self.words(platform);
        self.raw(" · ");
        self.words(uid);
        self.raw("</span></div>\n");
    }

    pub(crate) fn open_article(&mut self, retracted: bool) {
        self.open_block(if retracted { "post gone" } else { "post" });
    }

    pub(crate) fn open_origin(&mut self) {
        self.open_block("origin");
    }

    pub(crate) fn origin_author(&mut self, name: &str, uid: &str) {
        self.raw("<p class=\"from\">转发 <a href=\"/accounts/");
        self.words(uid);
        self.raw("\">@");
        self.words(name);
        self.raw("</a></p>\n");
    }

    /// Where a re-issued post comes from. `url` was checked to be a web address.
    pub(crate) fn source(&mut self, name: &str, url: Option<&str>) {
        self.raw("<p class=\"from\">来源：");
        match url {
            Some(url) => self.anchor(url, name),
            None => self.words(name),
        }
        self.raw("</p>\n");
    }

    /// `url` was checked to be a web address.
    pub(crate) fn link(&mut self, url: &str) {
        self.raw("<p class=\"from\">");
        self.anchor(url, url);
        self.raw("</p>\n");
    }

    pub(crate) fn foot(&mut self, id: &str, time: &str, retracted: bool) {
        self.raw("<p class=\"foot\"><a href=\"/posts/");
        self.words(id);
        self.raw("\">");
        self.words(time);
        self.raw("</a>");
        if retracted {
            self.raw("<span class=\"badge\">已撤回</span>");
        }
        self.raw("</p>\n");
    }

    fn anchor(&mut self, url: &str, text: &str) {
        self.raw("<a rel=\"noopener noreferrer nofollow\" href=\"");
        self.words(url);
        self.raw("\">");
        self.words(text);
        self.raw("</a>");
    }

    fn open_block(&mut self, class: &str) {
        self.raw("<div class=\"");
        self.words(class);
        self.raw("\">\n");
        self.open.push("</div>\n");
    }

    fn block(&mut self, tag: &str, class: &str, text: &str) {
        for part in ["<", tag, " class=\"", class, "\">"] {
            self.raw(part);
        }
        self.words(text);
        for part in ["</", tag, ">\n"] {
            self.raw(part);
        }
    }

    /// Text from outside, good between tags and inside a quoted attribute.
    fn words(&mut self, text: &str) {
        for one in text.chars() {
            match one {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&#39;"),
                other => self.html.push(other),
            }
        }
    }

    fn raw(&mut self, html: &str) {
        self.html.push_str(html);
    }
}

/// As people in Beijing read it: `2026-06-01 09:00:00`.
pub(crate) fn local_time(unix_ms: i64) -> String {
    let beijing = TimeZone::fixed(Offset::constant(8));
    match Timestamp::from_millisecond(unix_ms) {
        Ok(time) => time.to_zoned(beijing).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => unix_ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_left_open_is_closed_in_order() {
        let mut page = Page::new("一", "");
        page.open_card();
        page.text("<b>&\"'");
        let html = page.finish();
        assert!(html.contains("<p class=\"text\">&lt;b&gt;&amp;&quot;&#39;</p>"));
        assert!(html.ends_with("</div>\n</div>\n</body>\n</html>\n"), "{html}");
    }

    #[test]
    fn times_are_shown_eight_hours_east() {
        assert_eq!(local_time(1_780_275_600_000), "2026-06-01 09:00:00");
    }
}
