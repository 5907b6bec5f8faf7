//! Every promise and every fault that the project claims has a test with its number in its name: `p06_…`, `f18_…`, also
//! several numbers (`p03_p04_c_f14_…`: P3, part (c) of P4, F14). Numbers are those of the reliability catalogue.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

use std::collections::{BTreeMap, BTreeSet};

use juzhen_tests::sources;

/// What is promised, from P1 on.
const PROMISES: &[&str] = &[
    "one approved delivery is never posted twice",
    "nothing unapproved is sent",
    "nothing approved is lost in silence",
    "what was answered survives a loss of power",
    "an interrupted send is in doubt at once, and closed by evidence",
    "on time, never early, in the order of the account",
    "an outage is never followed by a flood",
    "a bad configuration changes nothing and is loud",
    "a change of the configuration publishes, re-times and approves nothing",
    "a broken adapter costs only its own deliveries",
    "secrets are nowhere in clear",
    "the audit tells when it was changed",
    "approval takes another person",
    "a wrong clock sends nothing early or twice",
    "told to stop, it ends soon and forgets nothing",
    "health tells the truth",
    "on a full disk nothing begins that could not be recorded",
    "two daemons never send the same",
    "a restored backup sends nothing again",
    "a mistake cannot storm an account",
    "a repeated request has its effect once",
    "callbacks are verified, taken once, and answered fast",
    "forwards neither loop nor multiply",
    "a forward of a forward is approved, too, and so is the route",
    "an upgrade survives a crash, and an old program refuses a new database",
    "one word stops everything",
    "posts that nobody made through here are noticed",
];

/// Faults from F1 to this one: crashes, storage, several daemons, time, platforms and network, adapters.
const FAULTS: u32 = 82;

/// What has no test yet, and what it comes with.
const NOT_YET: &[(Number, &str)] = &[
    (
        Number::Promise(24),
        "routes are read from files that people with rights to them write: comes with their approval",
    ),
    (Number::Fault(47), "nothing depends on a calendar of holidays: comes with quiet days"),
];

/// Of a promise or a fault; shown as in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Promise(u32),
    Fault(u32),
}

#[test]
fn every_promise_and_every_fault_has_a_test_with_its_number() {
    let mut tests: BTreeMap<Number, Vec<String>> = BTreeMap::new();
    for name in names() {
        for number in numbers(&name) {
            tests.entry(number).or_default().push(name.clone());
        }
    }
    let promises = (1..).zip(PROMISES).map(|(number, _)| Number::Promise(number));
    let claimed: BTreeSet<Number> = promises.chain((1..=FAULTS).map(Number::Fault)).collect();
    let counts: Vec<String> =
        claimed.iter().map(|number| format!("{number} {}", tests.get(number).map_or(0, Vec::len))).collect();
    counts.chunks(14).for_each(|row| println!("{}", row.join("  ")));
    let not_yet: BTreeMap<Number, &str> = NOT_YET.iter().copied().collect();
    for (number, why) in &not_yet {
        println!("{number} none: {why}");
        assert!(claimed.contains(number), "{number} is not claimed");
        assert!(
            !tests.contains_key(number),
            "{number} has a test: {:?}; take it out of NOT_YET",
            tests[number]
        );
    }
    let missing: Vec<_> = claimed
        .iter()
        .filter(|number| !tests.contains_key(number) && !not_yet.contains_key(number))
        .collect();
    assert!(missing.is_empty(), "no test has the number of {missing:?} in its name");
}

#[test]
fn a_name_tells_its_numbers_first_with_two_digits() {
    use Number::{Fault as F, Promise as P};
    assert_eq!(numbers("p03_p04_c_f14_killed_at_random"), [P(3), P(4), F(14)]);
    assert_eq!(numbers("r03_p12_the_tables_refuse"), [P(12)]);
    assert_eq!(numbers("f104_an_approval_outlives"), [F(104)]);
    assert_eq!(numbers("what_a_person_posted_f40"), []);
    for name in names() {
        let first = name.split('_').next().unwrap();
        let one_digit =
            first.len() == 2 && first.starts_with(['p', 'f']) && first.ends_with(char::is_numeric);
        assert!(!one_digit, "{name}: write {}0{}", &first[..1], &first[1..]);
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Promise(number) => write!(f, "P{number}"),
            Self::Fault(number) => write!(f, "F{number:02}"),
        }
    }
}

/// The numbers at the beginning of a name. A letter between them is a part of a promise's test, `r03` a rule of the store.
fn numbers(name: &str) -> Vec<Number> {
    let mut found = Vec::new();
    for word in name.split('_') {
        let (kind, digits) = word.split_at(word.len().min(1));
        match (kind, digits.parse()) {
            ("p", Ok(number)) => found.push(Number::Promise(number)),
            ("f", Ok(number)) => found.push(Number::Fault(number)),
            ("r", Ok(_)) => {}
            ("a" | "b" | "c" | "d", _) if digits.is_empty() => {}
            _ => break,
        }
    }
    found
}

/// Of every test that an ordinary run runs.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    for (path, text) in sources() {
        names.extend(attributed(&text));
        if path.ends_with("store/tests/suite/mod.rs") {
            let suite = listed(&text);
            assert!(suite.len() > 50, "the list of the suite reads in another way: {suite:?}");
            names.extend(suite);
        }
    }
    names
}

/// Functions under `#[test]` and its like. Those that are started by other tests only do not count.
fn attributed(text: &str) -> Vec<String> {
    let (mut names, mut is_test, mut is_ignored) = (Vec::new(), false, false);
    for line in text.lines().map(str::trim_start) {
        if let Some(attribute) = line.strip_prefix("#[") {
            is_test |= attribute.starts_with("test]") || attribute.starts_with("tokio::test");
            is_ignored |= attribute.starts_with("ignore");
        } else if let Some((_, rest)) = line.split_once("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            names.extend((is_test && !is_ignored).then(|| name.to_owned()));
            (is_test, is_ignored) = (false, false);
        }
    }
    names
}

/// The names that the macro of the store's suite makes tests of, each on a line of its own.
fn listed(text: &str) -> Vec<String> {
    let list = text.split("$crate::exercise! { @").nth(1).and_then(|rest| rest.split("#[test]").next());
    let is_name =
        |line: &&str| !line.is_empty() && line.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    list.unwrap_or_default().lines().map(str::trim).filter(is_name).map(str::to_owned).collect()
}
