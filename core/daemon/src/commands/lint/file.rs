//! Texts from the command line or from the file of an item.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::civil::Date;
use juzhen_domain::check::{Draft, Picture};
use juzhen_domain::count::{Counter, Text};
use juzhen_domain::id::ColumnId;
use juzhen_server::FindingView;
use juzhen_settings::Settings;
use serde::Deserialize;

use crate::failure::Usage;

/// Largest file that is read as an item.
const MOST_BYTES: usize = 1 << 20;

/// The texts that are to be checked.
#[derive(Debug)]
pub(super) struct Drafts {
    column: Option<String>,
    consults: bool,
    drafts: Vec<OneText>,
}

#[derive(Debug, Default)]
struct OneText {
    platform: Option<String>,
    title: String,
    body: String,
    link: String,
    /// `None`: nothing is known of pictures.
    pictures: Option<usize>,
}

impl Drafts {
    pub(super) fn plain(title: &str, body: &str, platform: Option<Counter>) -> Self {
        let platform = platform.map(|platform| platform.as_str().to_owned());
        let text = OneText { platform, title: title.into(), body: body.into(), ..OneText::default() };
        Self { column: None, consults: false, drafts: vec![text] }
    }

    /// By the end of the file's name: `.json`, `.yaml`, `.yml`, `.md`; anything else is the text itself.
    pub(super) fn read(file: &Path, title: &str, platform: Option<Counter>) -> Result<Self> {
        let bytes =
            fs::read(file).map_err(|why| Usage(format!("could not read {}: {why}", file.display())))?;
        if bytes.len() > MOST_BYTES {
            return Err(Usage(format!("{} is larger than an item can be", file.display())).into());
        }
        let not_utf8 = || Usage(format!("{} is not UTF-8: save it as UTF-8", file.display()));
        let text = String::from_utf8(bytes).map_err(|_| not_utf8())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let as_item = |item: ItemFile| item.drafts(title, platform);
        match ending.to_ascii_lowercase().as_str() {
            "json" => item_of_json(text).map(as_item).with_context(|| no_item(file)),
            "yaml" | "yml" => item_of_yaml(text).map(as_item).with_context(|| no_item(file)),
            "md" | "markdown" => Ok(of_markdown(text, title, platform)),
            _ => Ok(Self::plain(title, text.trim_end_matches(['\n', '\r']), platform)),
        }
    }

    pub(super) fn findings(&self, settings: &Settings, today: Date) -> Vec<FindingView> {
        let column = self.column.as_deref().and_then(|id| settings.columns.get(&ColumnId::new(id)));
        let consults = self.consults || column.is_some_and(|column| column.exempt_category6);
        let of_text = |one: &OneText| {
            let platform = one.platform.as_deref();
            let text = Text { title: &one.title, body: &one.body, link: &one.link, ..Text::default() };
            // How many there are is known, and not what they are.
            let none: &[Picture<'_>] = &[];
            let pictures = (one.pictures == Some(0)).then_some(none);
            let draft = Draft { platform: platform.and_then(Counter::of), text, pictures, consults };
            let found = settings.checks.checker.check(&draft, today);
            found.iter().map(|finding| FindingView::of(platform, finding)).collect::<Vec<_>>()
        };
        self.drafts.iter().flat_map(of_text).collect()
    }
}

fn no_item(file: &Path) -> Usage {
    Usage(format!("{} is no item: it has `variants`, or `title` and `text`", file.display()))
}

fn item_of_json(text: &str) -> Result<ItemFile> {
    Ok(serde_json::from_str(text)?)
}

fn item_of_yaml(text: &str) -> Result<ItemFile> {
    Ok(serde_saphyr::from_str(text)?)
}

/// An item as a file: what the API takes, or one text with a title. Keys that concern no rule are left alone.
#[derive(Debug, Deserialize)]
struct ItemFile {
    #[serde(default)]
    title: Option<String>,
    #[serde(default, alias = "body")]
    text: Option<String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    public_consultation: bool,
    /// How many pictures.
    #[serde(default)]
    images: Option<usize>,
    #[serde(default)]
    variants: BTreeMap<String, VariantFile>,
    #[serde(default)]
    weibo: Option<String>,
    #[serde(default)]
    wechat: Option<String>,
}

#[derive(Debug, Deserialize)]
struct VariantFile {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    media: Vec<serde::de::IgnoredAny>,
}

impl ItemFile {
    fn drafts(self, title: &str, platform: Option<Counter>) -> Drafts {
        let title = self.title.unwrap_or_else(|| title.to_owned());
        let mut drafts = Vec::new();
        for (platform, variant) in self.variants {
            drafts.push(OneText {
                platform: Some(platform),
                title: variant.title.unwrap_or_else(|| title.clone()),
                body: variant.text,
                link: variant.link.unwrap_or_default(),
                pictures: Some(variant.media.len()),
            });
        }
        for (platform, body) in [("weibo", self.weibo), ("wechat", self.wechat)] {
            let of = |body| OneText {
                platform: Some(platform.into()),
                title: title.clone(),
                body,
                pictures: self.images,
                ..OneText::default()
            };
            drafts.extend(body.map(of));
        }
        if drafts.is_empty() || self.text.is_some() {
            let platform = platform.map(|platform| platform.as_str().to_owned());
            let (body, link) = (self.text.unwrap_or_default(), self.link.unwrap_or_default());
            drafts.push(OneText { platform, title, body, link, pictures: self.images });
        }
        Drafts { column: self.column, consults: self.public_consultation, drafts }
    }
}

/// The first heading is the title, the rest the text.
fn of_markdown(text: &str, title: &str, platform: Option<Counter>) -> Drafts {
    let heading = text.trim_start().strip_prefix("# ");
    let (heading, body) = heading.map_or((title, text), |rest| rest.split_once('\n').unwrap_or((rest, "")));
    Drafts::plain(heading.trim(), body.trim_matches(['\n', '\r']), platform)
}
