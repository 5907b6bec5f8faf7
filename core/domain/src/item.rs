//! 稿件: what is said, with one variant per platform, and the hash that approvals are bound to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::filing::Filing;
use crate::hash::{ContentHash, FieldHasher};
use crate::id::{AccountId, ColumnId, ItemId, PersonId, Platform, UnitCode};
use crate::matrix::Procedure;
use crate::review::Chain;
use crate::state::ItemState;

/// One item as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    pub id: ItemId,
    pub unit: UnitCode,
    pub author: PersonId,
    pub column: Option<ColumnId>,
    pub procedure: Procedure,
    /// The steps of the procedure as they were when it was handed in.
    pub chain: Chain,
    pub content: Content,
    /// Hash of `content`; an edit changes it and so voids every approval.
    pub hash: ContentHash,
    /// 1 for the first; an edit adds one.
    pub version: u32,
    pub state: ItemState,
    pub submitted_at: Timestamp,
}

/// Everything that an approval covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What each platform gets.
    pub variants: BTreeMap<Platform, Variant>,
    /// Accounts named by the author, beside those that routes add.
    #[serde(default)]
    pub targets: Vec<AccountId>,
    /// What it states beside its texts.
    #[serde(default, skip_serializing_if = "Filing::is_empty")]
    pub filing: Filing,
}

/// The bytes for one platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
}

/// A picture or video, by the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
    pub mime: String,
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

impl Content {
    /// The hash of every variant, every named target and every stated fact.
    pub fn hash(&self) -> ContentHash {
        let mut hasher = FieldHasher::new("juzhen item 1");
        for (platform, variant) in &self.variants {
            hasher.field(platform.as_str().as_bytes());
            hasher.field(variant.hash().as_str().as_bytes());
        }
        hasher.field(b"targets");
        for target in &self.targets {
            hasher.field(target.as_str().as_bytes());
        }
        self.filing.hash_into(&mut hasher);
        hasher.finish()
    }

    /// What is missing before anyone can review it.
    pub fn problems(&self) -> Vec<ContentProblem> {
        let mut problems = Vec::new();
        if self.variants.is_empty() {
            problems.push(ContentProblem::NoVariant);
        }
        for (platform, variant) in &self.variants {
            if variant.text.trim().is_empty() {
                problems.push(ContentProblem::EmptyText { platform: platform.clone() });
            }
            let texts = [variant.title.as_deref(), Some(variant.text.as_str()), variant.link.as_deref()];
            if let Some(found) = texts.into_iter().flatten().flat_map(str::chars).find(|c| is_forbidden(*c)) {
                problems.push(ContentProblem::ForbiddenCharacter { platform: platform.clone(), found });
            }
        }
        for (place, target) in self.targets.iter().enumerate() {
            if self.targets.iter().take(place).any(|earlier| earlier == target) {
                problems.push(ContentProblem::TargetTwice { account: target.clone() });
            }
        }
        problems
    }
}

impl Variant {
    /// The hash of these bytes for one platform.
    pub fn hash(&self) -> ContentHash {
        let mut hasher = FieldHasher::new("juzhen variant 1");
        hasher.optional(self.title.as_deref());
        hasher.field(self.text.as_bytes());
        hasher.optional(self.link.as_deref());
        for media in &self.media {
            hasher.field(media.sha256.as_bytes());
            hasher.field(media.mime.as_bytes());
            hasher.optional(media.alt.as_deref());
        }
        hasher.finish()
    }
}

/// Control characters (but tab and line feeds) and those that reorder what a reviewer sees.
fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentProblem {
    #[error("the item has no text for any platform: add at least one variant")]
    NoVariant,
    #[error("the text for {platform} is empty")]
    EmptyText { platform: Platform },
    #[error("the text for {platform} holds U+{:04X}, which cannot be seen or reorders what is seen: remove it", *found as u32)]
    ForbiddenCharacter { platform: Platform, found: char },
    #[error("account {account} is named twice")]
    TargetTwice { account: AccountId },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        let variant = Variant { text: text.into(), ..Variant::default() };
        Content {
            variants: BTreeMap::from([("weibo".into(), variant)]),
            targets: vec!["W000".into()],
            ..Content::default()
        }
    }

    #[test]
    fn any_change_of_what_is_approved_changes_the_hash() {
        let original = content("停水通知");
        let mut changed = vec![content("停水通知 ")];
        for change in [
            |c: &mut Content| c.targets.push("W001".into()),
            |c: &mut Content| drop(c.variants.insert("wechat".into(), Variant::default())),
            |c: &mut Content| c.variants.values_mut().for_each(|v| v.title = Some(String::new())),
            |c: &mut Content| c.variants.values_mut().for_each(|v| v.link = Some("x".into())),
            |c: &mut Content| {
                let media = Media { sha256: "00".into(), mime: "image/png".into(), bytes: 1, alt: None };
                c.variants.values_mut().for_each(|v| v.media.push(media.clone()));
            },
        ] {
            let mut copy = original.clone();
            change(&mut copy);
            changed.push(copy);
        }
        for other in changed {
            assert_ne!(other.hash(), original.hash(), "{other:?}");
        }
        assert_eq!(original.hash(), content("停水通知").hash());
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        assert_eq!(content("好").problems(), []);
        assert_eq!(content(" \n").problems(), [ContentProblem::EmptyText { platform: "weibo".into() }]);
        for hidden in ["a\u{202e}b", "a\0b", "\u{feff}a"] {
            assert!(
                matches!(content(hidden).problems()[..], [ContentProblem::ForbiddenCharacter { .. }]),
                "{hidden:?}"
            );
        }
        assert_eq!(Content::default().problems(), [ContentProblem::NoVariant]);
    }
}
