//! A value that some wait for. As `tokio::sync::watch`, but those that wait are woken in the order in which they came, which
//! `watch` leaves to chance: a simulation that draws its own chance could not be replayed.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// The newest value, and who waits for another one.
#[derive(Debug, Default)]
pub struct Changing<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T> Changing<T> {
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    /// Looks at the value now.
    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it, then wakes everybody who waits.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let done = change(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
        done
    }

    /// Waits until `when` finds in the value what it looks for.
    pub async fn when<R>(&self, when: impl Fn(&T) -> Option<R>) -> R {
        // Mostly there is nothing to wait for.
        if let Some(found) = self.look(&when) {
            return found;
        }
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if let Some(found) = self.look(&when) {
                return found;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn who_waits_longest_is_woken_first() {
        let open = Arc::new(Changing::new(false));
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiting = (0..32).map(|number| {
            let (open, order) = (Arc::clone(&open), Arc::clone(&order));
            tokio::spawn(async move {
                open.when(|open| open.then_some(())).await;
                order.lock().unwrap().push(number);
            })
        });
        let waiting: Vec<_> = waiting.collect();
        tokio::task::yield_now().await;
        open.change(|open| *open = true);
        for one in waiting {
            one.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..32).collect::<Vec<_>>());
    }
}
