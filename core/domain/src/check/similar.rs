//! Near-duplicates (§4.7): how alike two texts are by their rows of three characters, and what that means. Template notices
//! that differ in a road or a date are alike, too, so nothing here blocks.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use super::finding::{Rule, Severity};

/// Characters in a row.
const ROW: usize = 3;
/// The same text (of one unit: it is asked whether it is meant).
const SAME: f64 = 0.95;
/// So alike that it is called a duplicate where it is of the same unit.
const NEARLY: f64 = 0.90;
const ALIKE: f64 = 0.60;
/// Nearly all of the shorter one is in the longer one.
const CONTAINED: f64 = 0.90;
/// By so much longer that it is no mere rewording.
const LONGER: f64 = 1.2;

/// The rows of a text: letters and digits alone, NFKC, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    rows: BTreeSet<[char; ROW]>,
    length: usize,
}

/// How alike two texts are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// Of all rows of both, the share that both have.
    pub jaccard: f64,
    /// Of the rows of the one that has fewer, the share that the other has.
    pub containment: f64,
    /// The longer by the shorter.
    pub ratio: f64,
}

impl Rows {
    pub fn of(text: &str) -> Self {
        let normal = text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric());
        let chars: Vec<char> = normal.collect();
        let rows = chars.windows(ROW).filter_map(|row| <[char; ROW]>::try_from(row).ok()).collect();
        Self { rows, length: chars.len() }
    }

    /// Too short to be like anything.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `None` when one of them is too short to be compared.
    pub fn likeness(&self, other: &Self) -> Option<Likeness> {
        if self.is_empty() || other.is_empty() {
            return None;
        }
        let both = self.rows.intersection(&other.rows).count();
        let either = self.rows.len() + other.rows.len() - both;
        let fewer = self.rows.len().min(other.rows.len());
        let (short, long) = (self.length.min(other.length), self.length.max(other.length));
        let share = |part: usize, whole: usize| real(part) / real(whole);
        Some(Likeness {
            jaccard: share(both, either),
            containment: share(both, fewer),
            ratio: share(long, short),
        })
    }
}

impl Likeness {
    /// What it means; `None`: they are two texts.
    pub fn meaning(&self, same_unit: bool) -> Option<(Rule, Severity)> {
        if same_unit && self.jaccard >= SAME {
            Some((Rule::Duplicate, Severity::Confirm))
        } else if same_unit && self.jaccard >= NEARLY {
            Some((Rule::Duplicate, Severity::Warn))
        } else if self.containment >= CONTAINED && self.ratio > LONGER {
            Some((Rule::ExpandedCopy, Severity::Warn))
        } else if self.jaccard >= ALIKE {
            Some((Rule::Similar, Severity::Warn))
        } else {
            None
        }
    }
}

/// Counts of characters are exact in a float.
fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTICE: &str = "【停水通知】因管网检修，6月8日8时至18时，文苑路沿线停水，请居民提前储水，恢复供水时间以实际为准。咨询电话12345。";

    fn likeness(a: &str, b: &str) -> (f64, f64) {
        let found = Rows::of(a).likeness(&Rows::of(b)).unwrap();
        let short = |value: f64| (value * 10_000.0).round() / 10_000.0;
        (short(found.jaccard), short(found.containment))
    }

    #[test]
    fn likeness_is_that_of_the_reference() {
        assert_eq!(likeness(NOTICE, NOTICE), (1.0, 1.0));
        assert_eq!(likeness(NOTICE, &NOTICE.replace("文苑路", "学府路")), (0.8545, 0.9216));
        let other =
            "【防汛提示】主汛期将至，请居民远离河道、低洼地带，遇强降雨减少外出，遇险情请拨打119求助。";
        assert_eq!(likeness(NOTICE, other), (0.0115, 0.027));
        let longer = "区政务服务中心端午节放假安排公告";
        assert_eq!(likeness("区政务服务中心端午节放假安排", longer), (0.8571, 1.0));
        assert_eq!(likeness(NOTICE, &NOTICE.replace('，', " ")), (1.0, 1.0), "marks do not count");
    }

    #[test]
    fn a_text_of_another_unit_is_similar_and_never_more() {
        let meaning = |jaccard, containment, ratio, same| {
            let found = Likeness { jaccard, containment, ratio }.meaning(same);
            found.map(|(rule, severity)| (rule.as_str(), severity.as_str()))
        };
        assert_eq!(meaning(0.96, 1.0, 1.0, true), Some(("duplicate", "confirm")));
        assert_eq!(meaning(0.912, 1.0, 1.0, true), Some(("duplicate", "warn")));
        assert_eq!(meaning(1.0, 1.0, 1.0, false), Some(("similar", "warn")));
        assert_eq!(meaning(0.8, 0.9, 1.0, true), Some(("similar", "warn")));
        assert_eq!(meaning(0.4, 0.95, 2.0, true), Some(("expanded_copy", "warn")));
        assert_eq!(meaning(0.59, 0.89, 2.0, true), None);
        assert_eq!(Rows::of("，。").likeness(&Rows::of("")), None, "nothing is like nothing");
    }
}
