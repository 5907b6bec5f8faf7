//! Pictures by what is known of them without looking inside (R-16, §4.9). Nothing here blocks.

use super::finding::{Finding, Part, Rule, Severity};
use crate::count::Counter;

/// One picture of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    /// By its own bytes, not by a file name.
    pub mime: &'a str,
    pub bytes: u64,
    /// Has words for those who do not see it.
    pub described: bool,
}

/// What a platform takes.
struct Taken {
    mimes: &'static [&'static str],
    most_bytes: u64,
    most: usize,
}

const MIB: u64 = 1024 * 1024;

fn taken(platform: Counter) -> Taken {
    match platform {
        Counter::Weibo => {
            Taken { mimes: &["image/jpeg", "image/gif", "image/png"], most_bytes: 5 * MIB, most: 9 }
        }
        Counter::Wechat => Taken { mimes: &["image/jpeg", "image/png"], most_bytes: MIB, most: usize::MAX },
    }
}

pub(super) fn check(pictures: &[Picture<'_>], platform: Option<Counter>, found: &mut Vec<Finding>) {
    let mut tell = |rule: Rule, severity: Severity, number: usize, message: String| {
        let (start, end) = (number, number + usize::from(!pictures.is_empty()));
        let (part, text, suggestion) = (Part::Media, String::new(), None);
        found.push(Finding { rule, severity, part, start, end, text, message, suggestion });
    };
    if pictures.is_empty() {
        tell(Rule::NoImage, Severity::Warn, 0, "没有配图，请力求图文并茂".to_owned());
    }
    for (number, picture) in pictures.iter().enumerate() {
        if !picture.described {
            let message = format!("第 {} 张图片没有文字说明（无障碍）", number + 1);
            tell(Rule::ImageAlt, Severity::Info, number, message);
        }
        let Some(taken) = platform.map(taken) else { continue };
        if !taken.mimes.contains(&picture.mime) {
            let message = format!("第 {} 张图片的格式（{}）平台不接受", number + 1, picture.mime);
            tell(Rule::ImageKind, Severity::Warn, number, message);
        }
        if picture.bytes >= taken.most_bytes {
            let (size, most) = (picture.bytes / 1024, taken.most_bytes / MIB);
            let message = format!("第 {} 张图片 {size} KiB，平台要求小于 {most} MiB", number + 1);
            tell(Rule::ImageSize, Severity::Warn, number, message);
        }
    }
    if let Some(taken) = platform.map(taken)
        && pictures.len() > taken.most
    {
        let message = format!("共 {} 张图片，平台最多 {} 张", pictures.len(), taken.most);
        tell(Rule::ImageCount, Severity::Warn, taken.most, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pictures: &[Picture<'_>], platform: Option<Counter>) -> Vec<&'static str> {
        let mut found = Vec::new();
        check(pictures, platform, &mut found);
        assert!(found.iter().all(|finding| !finding.blocks()), "R-16: never block");
        found.iter().map(|finding| finding.rule.as_str()).collect()
    }

    #[test]
    fn what_is_missing_or_not_taken_is_said() {
        let good = Picture { mime: "image/png", bytes: 1000, described: true };
        assert_eq!(found(&[], None), ["no_image"]);
        assert_eq!(found(&[good], Some(Counter::Wechat)), Vec::<&str>::new());
        let moving = Picture { mime: "image/gif", ..good };
        assert_eq!(found(&[moving], Some(Counter::Wechat)), ["image_kind"]);
        assert_eq!(found(&[moving], Some(Counter::Weibo)), Vec::<&str>::new());
        let large = Picture { bytes: MIB, described: false, ..good };
        assert_eq!(found(&[large], Some(Counter::Wechat)), ["image_alt", "image_size"]);
        assert_eq!(found(&[good; 10], Some(Counter::Weibo)), ["image_count"]);
    }
}
