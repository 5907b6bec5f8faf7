//! Panics of the daemon's own tasks (F15): each costs one round or one send; three within a minute cost the process, which
//! the service manager starts anew.

use std::any::Any;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::error;

/// This many within [`WINDOW`] are more than an accident.
const MOST: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// When tasks panicked, and whether it is enough.
#[derive(Debug)]
pub(crate) struct Panics {
    at: Mutex<Vec<Duration>>,
    too_many: watch::Sender<Option<String>>,
}

impl Default for Panics {
    fn default() -> Self {
        Self { at: Mutex::default(), too_many: watch::Sender::new(None) }
    }
}

impl Panics {
    /// `task` panicked at `now` on the monotonic clock.
    pub(crate) fn note(&self, task: &'static str, panic: &(dyn Any + Send), now: Duration) {
        let said = said(panic);
        error!(task, said, "A task of the daemon panicked; it goes on");
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.retain(|earlier| now.saturating_sub(*earlier) < WINDOW);
        at.push(now);
        if at.len() >= MOST {
            let why = format!("{MOST} panics within a minute, the last one in {task}: {said}");
            self.too_many.send_replace(Some(why));
        }
    }

    /// Ends once there were too many.
    pub(crate) async fn too_many(&self) -> String {
        let mut told = self.too_many.subscribe();
        // The sender lives as long as `self`, so there is no other end than this one.
        told.wait_for(Option::is_some).await.ok().and_then(|why| why.clone()).unwrap_or_default()
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn f15_three_panics_within_a_minute_are_too_many() {
        let panics = Panics::default();
        let note = |second| panics.note("claim", &"broken", Duration::from_secs(second));
        [0, 59, 61, 119].into_iter().for_each(note);
        assert_eq!(panics.too_many().now_or_never(), None);
        note(120);
        assert!(panics.too_many().now_or_never().unwrap().ends_with("in claim: broken"));
    }
}
