//! The sample district's sixty items: 38 that units hand in, 22 answers to citizens. Names and numbers are invented.

use std::sync::LazyLock;

use juzhen_sandbox::wechat::article_text;
use serde::Deserialize;

/// What is said, once for each platform.
#[derive(Deserialize)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) weibo: String,
    pub(crate) wechat: String,
    /// Pictures; an article has one at least, as its cover.
    pub(crate) images: usize,
}

pub(crate) fn items() -> &'static [Item] {
    static ITEMS: LazyLock<Vec<Item>> =
        LazyLock::new(|| serde_json::from_str(include_str!("items.json")).unwrap());
    assert_eq!(ITEMS.len(), 60);
    &ITEMS
}

impl Item {
    /// The tier that the account of item `number` has; only the last takes several pictures.
    pub(crate) fn tier(&self, number: usize) -> &'static str {
        if self.images > 1 { "biz" } else { ["open", "granted", "biz"][(number + number / 20) % 3] }
    }

    /// An address of the safe domain, which the open tier asks for.
    pub(crate) fn link(&self, number: usize) -> Option<String> {
        (self.tier(number) == "open").then(|| format!("https://gov.example.cn/notice/{}", self.id))
    }

    /// The one text that Weibo gets.
    pub(crate) fn post(&self, number: usize) -> String {
        let link = self.link(number).map(|link| format!(" {link}")).unwrap_or_default();
        format!("【{}】{}{link}", self.title, self.weibo)
    }

    /// What a reader of the article sees.
    pub(crate) fn article(&self) -> String {
        article_text(&self.wechat.lines().map(|line| format!("<p>{line}</p>")).collect::<String>())
    }
}
