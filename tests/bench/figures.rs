//! Figures of several rounds: the median, and how far the rounds lie apart.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Every figure of every round, by name.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.entry(name.into()).or_default().push(value);
    }

    /// `median (least-most)`, or a dash.
    pub(crate) fn shown(&self, name: &str, digits: usize) -> String {
        let Some(rounds) = self.0.get(name).filter(|rounds| !rounds.is_empty()) else {
            return "-".to_owned();
        };
        let (least, most) =
            rounds.iter().fold((f64::MAX, f64::MIN), |(least, most), one| (least.min(*one), most.max(*one)));
        format!("{:.digits$} ({least:.digits$}-{most:.digits$})", median(rounds).unwrap_or_default())
    }

    /// One figure over another, each round for itself, so that a slow minute of the machine is in both.
    pub(crate) fn ratio(&self, name: &str, over: &str) -> Option<f64> {
        let rounds: Vec<f64> = self.0.get(name)?.iter().zip(self.0.get(over)?).map(|(a, b)| a / b).collect();
        median(&rounds)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        let of = |(name, rounds): (&String, &Vec<f64>)| {
            (name.clone(), json!({ "median": median(rounds), "rounds": rounds }))
        };
        Value::Object(self.0.iter().map(of).collect())
    }
}

/// The value that this share (0 to 1) of the sorted values does not exceed.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place"
)]
pub(crate) fn percentile(sorted: &[i64], share: f64) -> f64 {
    let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).map_or(f64::NAN, |value| *value as f64)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
