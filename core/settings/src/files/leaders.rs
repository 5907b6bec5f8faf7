//! `leaders.yaml`: 领导名录, the office's table of names, titles and order (domain reference §4.3). May be missing.

use jiff::civil::Date;

use crate::form::{Count, Day, List, Maybe, Text};
use crate::read::section;

section! {
    pub(crate) struct LeadersFile, "leaders.yaml：领导名录" {
        leaders: Vec<LeaderSection> as List<LeaderSection>, "领导列表。";
    }
}

section! {
    pub(crate) struct LeaderSection, "领导" {
        name: String as Text<16>, "姓名。";
        titles: Vec<String> as List<Text<32>>, "现任职务，例如 [区委书记, 书记]。";
        rank: u32 as Count<1, 10_000>, "排序，数字小的在前。";
        from: Option<Date> as Maybe<Day> = None, "任职自哪一天起，例如 2026-01-15；不写为一直在任。";
        to: Option<Date> as Maybe<Day> = None, "任职到哪一天止；不写为仍在任。";
    }
}

impl LeaderSection {
    pub(crate) fn plain(&self) -> juzhen_domain::check::Leader {
        let Self { name, titles, rank, from, to } = self.clone();
        juzhen_domain::check::Leader { name, titles, rank, from, to }
    }
}
