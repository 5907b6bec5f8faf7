//! Content rules (R-14 to R-26, reference §4): what is wrong with a text, where, how bad, and who may let it pass.
//!
//! [`Rules`] is what the office decides (lists, leaders, sites), [`Checker`] the same ready to be used; it is built once for
//! each set of settings. Everything is looked at on a normalised copy with the way back to what was written, so that no
//! spelling hides a word and every place is one of the text itself.

mod dates;
mod finding;
mod leaders;
mod length;
mod lexicon;
mod links;
mod personal;
mod pictures;
mod secrecy;
pub mod similar;
mod style;
mod text;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::count::{Counter, Text};

pub use finding::{Family, Finding, Leave, Part, Rule, Severity};
pub use leaders::Leader;
pub use lexicon::{Category, NotBuilt, Sense, Term};
pub use links::Whitelist;
pub use pictures::Picture;

use lexicon::Lexicon;
use text::Source;

/// What the office decides about texts.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub terms: &'a [Term],
    pub leaders: &'a [Leader],
    pub sites: &'a [String],
}

/// One platform's text, with what the rules have to know beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Draft<'a> {
    /// `None`: for none in particular, and no length is asked.
    pub platform: Option<Counter>,
    pub text: Text<'a>,
    /// `None`: nothing is known of pictures.
    pub pictures: Option<&'a [Picture<'a>]>,
    /// Asks for opinions: the item says so, or its column does.
    pub consults: bool,
}

/// Checks drafts by one set of rules.
#[derive(Debug, Default)]
pub struct Checker {
    lexicon: Lexicon,
    leaders: Vec<Leader>,
    sites: Whitelist,
}

impl Checker {
    /// Takes tenths of a second with 50,000 words: not on a thread that others wait for.
    ///
    /// # Errors
    /// The lists are too long to be searched.
    pub fn build(rules: Rules<'_>) -> Result<Self, NotBuilt> {
        let Rules { terms, leaders, sites } = rules;
        Ok(Self { lexicon: Lexicon::build(terms)?, leaders: leaders.to_vec(), sites: Whitelist::new(sites) })
    }

    /// Everything that is wrong with a draft, the title first, by place. `today` is the day it is to appear.
    pub fn check(&self, draft: &Draft<'_>, today: Date) -> Vec<Finding> {
        let title = Source::of(draft.text.title);
        let body = Source::of(draft.text.body);
        let mut exempt: BTreeSet<Category> = draft.consults.then_some(Category::C6).into_iter().collect();
        for source in [&title, &body] {
            self.lexicon.exemptions(source, &mut exempt);
        }
        let mut found = Vec::new();
        for (part, source) in [(Part::Title, &title), (Part::Text, &body)] {
            self.check_part(part, source, today, &exempt, &mut found);
        }
        links::check_field(draft.text.link, &self.sites, &mut found);
        if let Some(pictures) = draft.pictures {
            pictures::check(pictures, draft.platform, &mut found);
        }
        if let Some(counter) = draft.platform {
            length::check(counter, &draft.text, &mut found);
        }
        found.sort_by_key(|finding| (finding.part, finding.start, finding.end, finding.severity));
        found
    }

    fn check_part(
        &self,
        part: Part,
        source: &Source,
        today: Date,
        exempt: &BTreeSet<Category>,
        found: &mut Vec<Finding>,
    ) {
        if source.written.is_empty() {
            return;
        }
        let addresses = links::spans(source);
        let written: Vec<_> = addresses.iter().map(|span| source.written_span(span)).collect();
        self.lexicon.check(source, part, exempt, found);
        secrecy::check(source, part, found);
        personal::check(source, part, today, &addresses, found);
        let so_far = found.len();
        style::check(source, part, &written, found);
        without_styled_numbers(found, so_far);
        dates::check(source, part, today, found);
        links::check(source, part, &addresses, &self.sites, found);
        leaders::check(source, part, &self.leaders, today, found);
    }
}

/// A number that has to go need not be written in narrow digits first.
fn without_styled_numbers(found: &mut Vec<Finding>, so_far: usize) {
    let (before, style) = found.split_at(so_far.min(found.len()));
    let personal = |finding: &&Finding| finding.rule.family() == Family::Personal;
    let numbers: Vec<_> =
        before.iter().filter(personal).map(|number| (number.part, number.start..number.end)).collect();
    let lies_in_one = |finding: &Finding| {
        finding.rule == Rule::FullwidthAlnum
            && numbers.iter().any(|(part, span)| {
                *part == finding.part && span.start <= finding.start && finding.end <= span.end
            })
    };
    let kept: Vec<Finding> = style.iter().filter(|finding| !lies_in_one(finding)).cloned().collect();
    found.truncate(so_far);
    found.extend(kept);
}

/// The day of a time in China, which has one zone and no summer time (reference §3.3).
pub fn day_in_china(time: Timestamp) -> Date {
    Offset::constant(8).to_datetime(time).date()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn checker() -> Checker {
        let severity = Severity::Warn;
        let sense = Sense::Prohibited { category: Category::C6, severity };
        let terms = [Term { text: "拟于近期".into(), sense }];
        let sites = ["*.gov.cn".to_owned()];
        Checker::build(Rules { terms: &terms, leaders: &[], sites: &sites }).unwrap()
    }

    fn found(draft: &Draft<'_>) -> Vec<String> {
        let found = checker().check(draft, date(2026, 6, 1));
        found.iter().map(|f| format!("{}:{} {}", f.part.as_str(), f.rule.as_str(), f.text)).collect()
    }

    #[test]
    fn every_part_is_looked_at_by_every_family() {
        let text = Text {
            title: "停水通知。",
            body: "扶持资金拟于近期分配，不得外传,见http://1.2.3.4",
            link: "ftp://x",
            ..Text::default()
        };
        let draft = Draft { platform: Some(Counter::Weibo), text, pictures: Some(&[]), consults: false };
        let expected = [
            "title:title_full_stop 。",
            "text:c6 拟于近期",
            "text:internal_mark 不得外传",
            "text:halfwidth_punct ,",
            "text:link_ip_host http://1.2.3.4",
            "link:link_scheme ftp://x",
            "media:no_image ",
        ];
        assert_eq!(found(&draft), expected);
        let long = "汉".repeat(141);
        let draft = Draft {
            platform: Some(Counter::Weibo),
            text: Text { body: &long, ..Text::default() },
            ..Draft::default()
        };
        assert_eq!(found(&draft), ["text:weibo_over_limit 141/140"]);
    }

    #[test]
    fn an_item_that_asks_for_opinions_may_say_what_is_not_decided() {
        let text = Text { body: "方案拟于近期公布", ..Text::default() };
        assert_eq!(found(&Draft { text, ..Draft::default() }), ["text:c6 拟于近期"]);
        assert_eq!(found(&Draft { text, consults: true, ..Draft::default() }), Vec::<String>::new());
    }

    proptest! {
        /// Whatever somebody hands in: no panic, and every place is in the text.
        #[test]
        fn c36_every_place_is_one_of_the_text(body in "([0-9xX-]{0,20}|[豫A-F年月日星期周五（“《，。.:/@*★ ]|http://|机密|\\PC){0,30}") {
            let length = body.chars().count();
            let draft = Draft { text: Text { body: &body, ..Text::default() }, ..Draft::default() };
            for finding in checker().check(&draft, date(2026, 6, 1)) {
                prop_assert!(finding.start <= finding.end && finding.end <= length, "{:?}", finding);
            }
        }
    }
}
