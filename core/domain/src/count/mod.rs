//! Length: what the district allows per platform, and what the platform itself refuses, field by field.

mod address;
mod excess;
mod tidy;
mod wechat;
mod weibo;

use std::fmt;

use unicode_segmentation::UnicodeSegmentation;

pub use excess::{Allowance, Excess};
pub use tidy::tidy;

/// A platform whose lengths are known: its name in settings and items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    Weibo,
    Wechat,
}

impl Counter {
    pub const ALL: [Self; 2] = [Self::Weibo, Self::Wechat];

    /// None for a platform that neither the district's rules nor our tables know.
    pub fn of(platform: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|counter| counter.as_str() == platform)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weibo => "weibo",
            Self::Wechat => "wechat",
        }
    }

    /// The office's rule (办法 四（二）1): title and punctuation count, and only more than the limit is too long.
    pub fn district(self, text: &Text<'_>) -> Length {
        match self {
            Self::Weibo => Length { count: weibo::characters(&weibo::compose(text)), limit: 140 },
            Self::Wechat => Length { count: wechat::characters(text), limit: 680 },
        }
    }

    /// What the platform would refuse, whatever the office allows. Fields that are not there are not listed, but for the
    /// text.
    pub fn fields(self, text: &Text<'_>) -> Vec<FieldLength> {
        match self {
            Self::Weibo => weibo::fields(text),
            Self::Wechat => wechat::fields(text),
        }
    }

    /// The text under which the public will read it: on Weibo the title is a part of it, and so is the link.
    pub fn compose(self, text: &Text<'_>) -> String {
        match self {
            Self::Weibo => weibo::compose(text),
            Self::Wechat => text.body.to_owned(),
        }
    }
}

/// One platform's text. What is not there is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Text<'a> {
    pub title: &'a str,
    pub body: &'a str,
    /// On Weibo a part of the post; on WeChat the address of 阅读原文, which is no text.
    pub link: &'a str,
    /// WeChat alone.
    pub author: &'a str,
    /// 摘要, WeChat alone.
    pub digest: &'a str,
}

/// How long it is, and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    pub count: usize,
    pub limit: usize,
}

impl Length {
    pub fn is_ok(self) -> bool {
        self.count <= self.limit
    }
}

/// One field by the platform's own measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldLength {
    pub field: Field,
    pub unit: Unit,
    pub length: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Title,
    Text,
    Author,
    Digest,
}

impl Field {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Text => "text",
            Self::Author => "author",
            Self::Digest => "digest",
        }
    }

    pub fn chinese(self) -> &'static str {
        match self {
            Self::Title => "标题",
            Self::Text => "正文",
            Self::Author => "作者",
            Self::Digest => "摘要",
        }
    }
}

/// What a platform counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values.
    Characters,
    /// An ASCII character is one, every other is two.
    HalfWidths,
}

impl Unit {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::HalfWidths => "half_widths",
        }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a text has an address of exactly this host, in any case.
pub fn names_host(text: &str, host: &str) -> bool {
    address::addresses(text)
        .any(|found| text.get(found.host).is_some_and(|named| named.eq_ignore_ascii_case(host)))
}

/// What a reader sees as characters (extended grapheme clusters); a line feed is one.
pub fn characters(text: &str) -> usize {
    tidy(text).graphemes(true).count()
}

/// Half-width units of a text: ASCII one, others two; beyond the first plane four, as two UTF-16 units.
fn half_widths(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 * c.len_utf16() }).sum()
}
