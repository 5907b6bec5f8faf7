//! The rows of the reference's vectors, each by the rules of its family (reference §4.4 to §4.6, §4.10).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use jiff::civil::date;
use juzhen_domain::check::{Checker, Draft, Finding};
use juzhen_domain::count::Text;

const ROWS: &str = include_str!("checking.txt");

#[test]
fn every_row_finds_what_the_reference_finds() {
    let checker = Checker::default();
    let mut rows = 0;
    for line in ROWS.lines().filter(|line| !line.starts_with('#')) {
        let [family, id, text, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let draft = Draft { text: Text { body: text, ..Text::default() }, ..Draft::default() };
        let found = checker.check(&draft, date(2026, 6, 1));
        let name = |finding: &Finding| match expected.contains(':') {
            true => format!("{}:{}", finding.severity.as_str(), finding.rule.as_str()),
            false => finding.rule.as_str().to_owned(),
        };
        let of_family = found.iter().filter(|finding| finding.rule.family().as_str() == family);
        let names: Vec<String> = of_family.map(name).collect();
        assert_eq!(
            names,
            expected.split(' ').filter(|name| !name.is_empty()).collect::<Vec<_>>(),
            "{id}: {text}"
        );
        rows += 1;
    }
    assert_eq!(rows, 40);
}
