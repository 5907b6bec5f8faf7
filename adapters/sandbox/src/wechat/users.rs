//! Those who follow an account: what they allow it to write to them.

/// After a message of the user: so many of ours within so long (48 h, in milliseconds).
const AFTER_MESSAGE: (i64, u32) = (48 * 3_600_000, 5);
/// We may be seen typing so long after a message of the user, and are for so long (milliseconds).
const TYPING_AFTER_MS: i64 = 30_000;
const TYPING_MS: i64 = 15_000;
/// After following, a click in the menu, a scan.
const AFTER_ACTION: (i64, u32) = (60_000, 3);

#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) follows: bool,
    /// In Unix milliseconds: the last message, and until when the user sees that we are typing.
    wrote_at: Option<i64>,
    typing_until: i64,
    after_message: Option<Window>,
    after_action: Option<Window>,
}

/// What is left of an allowance.
#[derive(Clone, Copy, Debug)]
struct Window {
    until: i64,
    left: u32,
}

/// Why the account may not write now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// 45015
    TooLate,
    /// 45047
    TooMany,
}

/// Why the user does not see that we are typing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTyping {
    /// 45080
    NobodyWrote,
    /// 45081
    Already,
}

impl User {
    pub(crate) fn wrote(&mut self, now: i64) {
        self.wrote_at = Some(now);
        self.after_message = Some(Window::opened(AFTER_MESSAGE, now));
    }

    pub(crate) fn acted(&mut self, now: i64) {
        self.after_action = Some(Window::opened(AFTER_ACTION, now));
    }

    /// The user sees that we are typing, or no longer.
    pub(crate) fn type_to(&mut self, starts: bool, now: i64) -> Result<(), NotTyping> {
        if self.wrote_at.is_none_or(|at| now.saturating_sub(at) > TYPING_AFTER_MS) {
            return Err(NotTyping::NobodyWrote);
        }
        if starts && now < self.typing_until {
            return Err(NotTyping::Already);
        }
        self.typing_until = if starts { now.saturating_add(TYPING_MS) } else { now };
        Ok(())
    }

    /// Uses one message of an allowance, the one that ends first.
    pub(crate) fn take(&mut self, now: i64) -> Result<(), Closed> {
        let mut any = false;
        for window in [&mut self.after_action, &mut self.after_message].into_iter().flatten() {
            if window.until <= now {
                continue;
            }
            any = true;
            if let Some(left) = window.left.checked_sub(1) {
                window.left = left;
                return Ok(());
            }
        }
        Err(if any { Closed::TooMany } else { Closed::TooLate })
    }
}

impl Window {
    fn opened((ms, left): (i64, u32), now: i64) -> Self {
        Self { until: now.saturating_add(ms), left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_messages_in_two_days_after_one_of_the_user_and_three_in_a_minute_after_an_action() {
        let mut user = User::default();
        assert_eq!(user.take(0), Err(Closed::TooLate));
        user.acted(0);
        assert!((0..3).all(|_| user.take(59_999).is_ok()));
        assert_eq!(user.take(59_999), Err(Closed::TooMany));
        assert_eq!(user.take(60_000), Err(Closed::TooLate));
        user.wrote(60_000);
        let end = 60_000 + 48 * 3_600_000;
        assert!((0..5).all(|_| user.take(end - 1).is_ok()));
        assert_eq!(user.take(end - 1), Err(Closed::TooMany));
        user.wrote(end);
        assert_eq!(user.take(end), Ok(()));
    }
}
