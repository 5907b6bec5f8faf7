//! Many seeds on all cores, and what is said of them: rates, how often each fault fired, and every seed that failed.

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use juzhen_engine::failpoint::POINTS;

use crate::fired::Counts;
use crate::plan::Plan;
use crate::{kept, seed};

pub use crate::kept::FILE as KEPT;

/// Points that a simulated daemon does not come past: they belong to the surface and to the end of a process.
const NOT_HERE: [&str; 6] = [
    "approve.before_commit",
    "approve.after_commit",
    "key.rotate.after_file_before_commit",
    "key.rotate.after_commit_before_file",
    "shutdown.after_stop_claim",
    "migrate.step_n",
];

/// The sum of many seeds.
#[derive(Debug, Default)]
pub struct Report {
    pub seeds: u64,
    pub took: Duration,
    pub simulated: Duration,
    pub sends: u64,
    pub acts: u64,
    pub fired: Counts,
    /// (seed, what was wrong).
    pub failed: Vec<(u64, Vec<String>)>,
}

/// Runs the kept seeds, then `count` from `from`, on all cores.
pub fn many(from: u64, count: u64, plan: &Plan) -> Report {
    let started = Instant::now();
    let seeds: Vec<u64> = kept::seeds().into_iter().chain(from..from.saturating_add(count)).collect();
    let (next, report) = (AtomicU64::new(0), Mutex::new(Report::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(seed) =
                    seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX))
                {
                    let outcome = seed::run(*seed, plan);
                    report.lock().unwrap_or_else(PoisonError::into_inner).add(*seed, outcome);
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.took = started.elapsed();
    report.failed.sort();
    report
}

impl Report {
    fn add(&mut self, seed: u64, outcome: Result<seed::Outcome, seed::SeedError>) {
        self.seeds += 1;
        match outcome {
            Err(error) => self.failed.push((seed, vec![error.to_string()])),
            Ok(outcome) => {
                self.simulated += outcome.simulated;
                self.sends += outcome.sends;
                self.acts += outcome.acts;
                for (what, times) in outcome.fired {
                    *self.fired.entry(what).or_default() += times;
                }
                if !outcome.violations.is_empty() {
                    self.failed.push((seed, outcome.violations));
                }
            }
        }
    }

    /// Adds the seeds that failed to a file; each once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, file: &Path) -> io::Result<()> {
        kept::keep(file, &self.failed)
    }

    /// What should have happened in a run of some size and did not.
    pub fn never_fired(&self) -> Vec<String> {
        let points = POINTS.iter().map(|(name, _)| *name).filter(|name| !NOT_HERE.contains(name));
        let expected =
            points.map(|name| format!("point.{name}")).chain(EXPECTED.iter().map(|e| (*e).to_owned()));
        expected.filter(|what| !self.fired.contains_key(what)).collect()
    }

    /// For people.
    pub fn text(&self) -> String {
        let seconds = self.took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.seeds as f64 / seconds;
        let mut text = format!(
            "{} seeds in {seconds:.1} s ({rate:.1}/s), {} simulated days, {} crashes, {} requests to publish, {} acts of people, {} seeds failed\n",
            self.seeds,
            self.simulated.as_secs() / 86_400,
            self.fired.get("crash").copied().unwrap_or_default(),
            self.sends,
            self.acts,
            self.failed.len()
        );
        for (what, times) in &self.fired {
            text.push_str(&format!("  {times:9} {what}\n"));
        }
        for (seed, violations) in self.failed.iter().take(20) {
            text.push_str(&format!("seed {seed}: {}\n", violations.join("; ")));
        }
        text
    }
}

const EXPECTED: &[&str] = &[
    "crash",
    "crash.anywhere",
    "crash.at_a_time",
    "stopped",
    "stopped.past_the_lease",
    "leases.short",
    "stopped_at.claim.after_commit",
    "stopped_at.plugin.before_call",
    "stopped_at.send.before_connect",
    "clock.forward_an_hour",
    "clock.back_an_hour",
    "clock.forward_400_days",
    "clock.to_1970",
    "clock.to_2100",
    "database.put_back",
    "people.post_by_hand",
    "people.post_by_hand_noticed",
    "people.trust_the_clock",
    "people.resume_an_account",
    "commit.Fails",
    "commit.AnswerLost",
    "commit.EndsBefore",
    "commit.EndsAfter",
    "adapter.crashes_before",
    "adapter.crashes_during",
    "adapter.crashes_after",
    "adapter.panics_before",
    "adapter.panics_after",
    "adapter.answers_nonsense_before",
    "adapter.answers_nonsense_after",
    "settings.variant_1",
    "settings.variant_2",
    "settings.variant_3",
    "settings.variant_4",
    "people.stop_all",
    "people.withdrawn",
    "platform.unreachable",
    "platform.slow",
    "platform.applied_late",
    "platform.visible_late",
    "platform.removed_by_platform",
    "platform.busy",
    "platform.quota",
    "platform.refused",
    "platform.5xx_before_effect",
    "platform.5xx_after_effect",
    "platform.5xx_on_read",
    "platform.timeout_before_effect",
    "platform.timeout_after_effect",
    "platform.reset_after_effect",
    "platform.truncated",
    "platform.html",
    "platform.unknown_code",
    "platform.20019",
    "platform.20032",
    "platform.45065",
    "platform.45066",
    "platform.token_expired",
    "platform.token_renewed",
    "platform.async_refused",
    "platform.admin_confirms",
    "platform.reordered_list",
    "platform.a_post_missing_in_a_list",
];
