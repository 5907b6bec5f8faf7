//! 备案号: one series a calendar year, without gaps, never given twice (domain reference §1.4).

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::item::Item;
use crate::state::ItemState;

/// Of the series that an approval at this moment belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What stands before the year: 东新媒备.
    pub prefix: String,
    pub year: i16,
}

impl Series {
    /// The year turns at midnight in China, wherever the daemon's clock counts from.
    pub fn at(prefix: &str, at: Timestamp) -> Self {
        let hours = Offset::constant(8);
        Self { prefix: prefix.to_owned(), year: hours.to_datetime(at).year() }
    }

    /// 东新媒备〔2026〕0001号
    pub fn number(&self, number: i64) -> String {
        format!("{}〔{}〕{number:04}号", self.prefix, self.year)
    }
}

/// Whether an item that is approved now gets its number: once, and not where the office only decides on a forward (P5),
/// which is no 审核备案.
pub fn is_due(item: &Item, to: ItemState) -> bool {
    let registers = |state| matches!(state, ItemState::PendingOffice | ItemState::PendingPrincipal);
    matches!(to, ItemState::Approved | ItemState::Scheduled)
        && item.state.is_pending()
        && item.chain.steps().iter().any(|step| registers(step.state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review;

    #[test]
    fn the_year_ends_at_midnight_in_china() {
        let year = |text: &str| Series::at("东新媒备", text.parse().unwrap()).year;
        assert_eq!(year("2026-12-31T15:59:59Z"), 2026);
        assert_eq!(year("2026-12-31T16:00:00Z"), 2027);
    }

    #[test]
    fn a_number_has_four_digits_at_least() {
        let series = Series { prefix: "东新媒备".into(), year: 2026 };
        assert_eq!(series.number(1), "东新媒备〔2026〕0001号");
        assert_eq!(series.number(12_345), "东新媒备〔2026〕12345号");
    }

    #[test]
    fn what_is_registered_and_what_is_only_decided() {
        let mut item = review::tests::item();
        assert!(is_due(&item, ItemState::Approved) && is_due(&item, ItemState::Scheduled));
        assert!(!is_due(&item, ItemState::Returned));
        let mut step = item.chain.steps()[0].clone();
        step.state = ItemState::PendingDecision;
        item.chain = step.into();
        assert!(!is_due(&item, ItemState::Approved), "P5 is decided, not registered");
    }
}
