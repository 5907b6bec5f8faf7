//! What is too long about a text: by the district's rule, and by what the platform allows one account.

use super::{Counter, Field, FieldLength, Length, Text, Unit};

/// In what one account differs from its platform's usual limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The most that a title may have.
    pub title: Option<usize>,
    /// The most that the text may have, in the unit of its platform.
    pub text: Option<usize>,
    /// What the account adds to every text, in the same unit.
    pub added: usize,
}

/// One length that is over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// The platform's measure of a field; None: the district's, of title and text together.
    pub field: Option<(Field, Unit)>,
    pub length: Length,
}

impl Excess {
    /// By how much it is too long.
    pub fn over(&self) -> usize {
        self.length.count.saturating_sub(self.length.limit)
    }
}

impl Counter {
    /// The district's rule, if this text breaks it.
    pub fn over_district(self, text: &Text<'_>) -> Option<Excess> {
        let length = self.district(text);
        (!length.is_ok()).then_some(Excess { field: None, length })
    }

    /// What the platform would refuse of this text on such an account.
    pub fn over_platform(self, text: &Text<'_>, allowance: &Allowance) -> Vec<Excess> {
        let excess = |FieldLength { field, unit, length }| {
            let (limit, added) = match field {
                Field::Title => (allowance.title, 0),
                Field::Text => (allowance.text, allowance.added),
                Field::Author | Field::Digest => (None, 0),
            };
            let length = Length { count: length.count + added, limit: limit.unwrap_or(length.limit) };
            (!length.is_ok()).then_some(Excess { field: Some((field, unit)), length })
        };
        self.fields(text).into_iter().filter_map(excess).collect()
    }
}
