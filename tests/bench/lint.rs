//! The whole content check of one item with 50,000 words, beside a bare scan of the same words over the same text in the
//! same run: what normalising, the other rules and the findings cost.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use daachorse::{CharwiseDoubleArrayAhoCorasick, CharwiseDoubleArrayAhoCorasickBuilder, MatchKind};
use jiff::civil::date;
use juzhen_domain::check::{Category, Checker, Draft, Rules, Sense, Severity, Term};
use juzhen_domain::count::{Counter, Text};

/// How much longer the whole check may take than the bare scan.
const GOAL: f64 = 10.0;
/// Characters of the item: the longest that the district takes on WeChat.
const CHARACTERS: usize = 680;

/// Prints nanoseconds of the whole content check of a 680-character item and of a bare scan, and their ratio
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// Words of the lists
    #[arg(long, default_value_t = 50_000)]
    terms: usize,
    /// Items checked in one round
    #[arg(long, default_value_t = 2_000)]
    items: usize,
    /// Interleaved rounds; the medians are compared
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

impl Lint {
    pub(crate) fn run(&self) -> Result<()> {
        let terms = terms(self.terms);
        let began = Instant::now();
        let checker = Checker::build(Rules { terms: &terms, leaders: &[], sites: &["*.gov.cn".to_owned()] })?;
        println!("{} words, built in {:.0} ms", terms.len(), began.elapsed().as_secs_f64() * 1e3);
        let words = terms.iter().map(|term| term.text.as_str()).zip(0u32..);
        let bare: CharwiseDoubleArrayAhoCorasick<u32> = CharwiseDoubleArrayAhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostLongest)
            .build_with_values(words)
            .map_err(|why| anyhow::anyhow!("could not build the bare automaton: {why}"))?;
        let text = item();
        ensure!(text.chars().count() == CHARACTERS, "the item has {} characters", text.chars().count());
        let draft = Draft {
            platform: Some(Counter::Wechat),
            text: Text { title: "", body: &text, ..Text::default() },
            pictures: None,
            consults: false,
        };
        let day = date(2026, 6, 1);
        let (mut scans, mut checks) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            scans.push(self.each(|| bare.leftmost_find_iter(black_box(&text)).count()));
            checks.push(self.each(|| checker.check(black_box(&draft), day).len()));
        }
        let (scan, check) = (median(scans).context("no rounds")?, median(checks).context("no rounds")?);
        println!(
            "bare scan {scan:.0} ns, whole check {check:.0} ns, {:.1} x (goal: at most {GOAL:.0} x)",
            check / scan
        );
        Ok(())
    }

    /// Nanoseconds of one.
    fn each(&self, one: impl Fn() -> usize) -> f64 {
        let began = Instant::now();
        for _ in 0..self.items {
            black_box(one());
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(self.items).unwrap_or(u32::MAX))
    }
}

fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// Words of two to five characters from those of everyday texts, so that the automaton has work in every sentence.
fn terms(count: usize) -> Vec<Term> {
    let mut random = fastrand::Rng::with_seed(7);
    let letters: Vec<char> = item().chars().filter(|c| c.is_alphabetic()).chain('一'..='丿').collect();
    let mut words = std::collections::BTreeSet::new();
    while words.len() < count {
        let length = random.usize(3..=6);
        let word: String = (0..length).filter_map(|_| random.choice(&letters)).collect();
        words.insert(word);
    }
    let severity = Severity::Warn;
    let sense = Sense::Prohibited { category: Category::C7, severity };
    words.into_iter().map(|text| Term { text, sense: sense.clone() }).collect()
}

/// An item with one of everything that the rules look at.
fn item() -> String {
    let sentence = "因管网检修，6月8日（星期一）8时至18时，湖畔社区、文苑路沿线停水，请居民提前储水，恢复供水时间以实际为准。\
                    “一网通办”服务（试行）详见https://www.example.gov.cn/a/b?id=1，咨询电话12345。";
    sentence.chars().cycle().take(CHARACTERS).collect()
}
