//! Access tokens: two families that do not touch each other, each with the token that is good and the one before.

/// Seconds; both families.
pub(crate) const LIFETIME_S: i64 = 7_200;
/// `stable_token` gives a new one when less is left, and `token` leaves the one before good for so long.
const OVERLAP_MS: i64 = 300_000;
/// `force_refresh` does nothing when it comes earlier or more often in a day.
const FORCE_GAP_MS: i64 = 30_000;
const MOST_FORCES: u64 = 20;

/// The tokens of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenBook {
    plain: Family,
    stable: Family,
    forced_at: Option<i64>,
    /// The day, and how often on it.
    forces: (i64, u64),
}

#[derive(Clone, Debug, Default)]
struct Family {
    current: Option<Token>,
    before: Option<Token>,
}

#[derive(Clone, Debug)]
struct Token {
    value: String,
    /// In Unix milliseconds: the end of its life, and when another one ended it earlier.
    expires: i64,
    ended: i64,
}

/// What an account gets for its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) token: String,
    pub(crate) expires_in: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// Its life is over: 42001.
    Expired,
    /// A newer one has ended it: 40001.
    NotLatest,
}

impl TokenBook {
    /// `GET /cgi-bin/token`: always a new one.
    pub(crate) fn plain(&mut self, fresh: String, now: i64) -> Given {
        self.plain.renew(fresh, now, now.saturating_add(OVERLAP_MS))
    }

    /// `POST /cgi-bin/stable_token`: the same one again until it is nearly over, or a new one by force.
    pub(crate) fn stable(&mut self, fresh: String, force: bool, today: i64, now: i64) -> Given {
        if force && self.may_force(today, now) {
            self.stable.before = None;
            return self.stable.renew(fresh, now, now);
        }
        match &self.stable.current {
            Some(token) if token.expires.saturating_sub(now) >= OVERLAP_MS => token.given(now),
            _ => self.stable.renew(fresh, now, i64::MAX),
        }
    }

    /// A token of `stable_token` that the account had before the sandbox started; not given twice.
    pub(crate) fn give(&mut self, value: String, now: i64, life_s: i64) {
        if self.standing(&value, now).is_none() {
            let expires = now.saturating_add(life_s.saturating_mul(1_000));
            self.stable.current = Some(Token { value, expires, ended: i64::MAX });
        }
    }

    /// What is known of a token of this account; `None`: it never was one, or long ago.
    pub(crate) fn standing(&self, value: &str, now: i64) -> Option<Standing> {
        let all = [&self.plain.current, &self.plain.before, &self.stable.current, &self.stable.before];
        let token = all.into_iter().flatten().find(|token| token.value == value)?;
        Some(match token {
            Token { expires, .. } if *expires <= now => Standing::Expired,
            Token { ended, .. } if *ended <= now => Standing::NotLatest,
            _ => Standing::Good,
        })
    }

    /// Ends every token, as a leaked secret makes an office do.
    pub(crate) fn revoke(&mut self) {
        *self = Self::default();
    }

    fn may_force(&mut self, today: i64, now: i64) -> bool {
        let (day, done) = self.forces;
        let done = if day == today { done } else { 0 };
        let too_early = self.forced_at.is_some_and(|at| now.saturating_sub(at) < FORCE_GAP_MS);
        if too_early || done >= MOST_FORCES {
            return false;
        }
        self.forced_at = Some(now);
        self.forces = (today, done + 1);
        true
    }
}

impl Family {
    fn renew(&mut self, fresh: String, now: i64, ends_before: i64) -> Given {
        let token = Token { value: fresh, expires: now.saturating_add(LIFETIME_S * 1_000), ended: i64::MAX };
        let given = token.given(now);
        self.before = self.current.replace(token);
        if let Some(before) = &mut self.before {
            before.ended = ends_before;
        }
        given
    }
}

impl Token {
    fn given(&self, now: i64) -> Given {
        Given { token: self.value.clone(), expires_in: self.expires.saturating_sub(now) / 1_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn a_plain_token_outlives_the_next_one_by_five_minutes() {
        let mut book = TokenBook::default();
        assert_eq!(book.plain("a".into(), 0), Given { token: "a".into(), expires_in: 7_200 });
        book.plain("b".into(), MINUTE);
        assert_eq!(book.standing("a", 6 * MINUTE - 1), Some(Standing::Good));
        assert_eq!(book.standing("a", 6 * MINUTE), Some(Standing::NotLatest));
        assert_eq!(book.standing("b", 121 * MINUTE), Some(Standing::Expired));
        assert_eq!(book.standing("c", 0), None);
    }

    #[test]
    fn a_stable_token_stays_until_five_minutes_are_left_and_then_both_are_good() {
        let mut book = TokenBook::default();
        book.stable("a".into(), false, 0, 0);
        let again = book.stable("b".into(), false, 0, 115 * MINUTE);
        assert_eq!(again, Given { token: "a".into(), expires_in: 300 });
        assert_eq!(book.stable("c".into(), false, 0, 115 * MINUTE + 1).token, "c");
        assert_eq!(book.standing("a", 120 * MINUTE - 1), Some(Standing::Good));
        assert_eq!(book.standing("a", 120 * MINUTE), Some(Standing::Expired));
        assert_eq!(book.standing("c", 120 * MINUTE), Some(Standing::Good));
    }

    #[test]
    fn force_ends_the_one_before_at_once_but_not_twice_in_half_a_minute_nor_more_than_twenty_times_a_day() {
        let mut book = TokenBook::default();
        book.stable("a".into(), false, 0, 0);
        assert_eq!(book.stable("b".into(), true, 0, 1).token, "b");
        assert_eq!(book.standing("a", 1), Some(Standing::NotLatest));
        assert_eq!(book.stable("c".into(), true, 0, 30_000).token, "b", "29,999 ms later");
        for count in 1..20 {
            let name = format!("d{count}");
            assert_eq!(book.stable(name.clone(), true, 0, count * MINUTE).token, name);
        }
        assert_eq!(book.stable("e".into(), true, 0, 30 * MINUTE).token, "d19", "the 21st of the day");
        assert_eq!(book.stable("f".into(), true, 1, 31 * MINUTE).token, "f", "another day");
    }

    #[test]
    fn the_families_do_not_touch_each_other() {
        let mut book = TokenBook::default();
        book.plain("a".into(), 0);
        book.stable("b".into(), true, 0, 0);
        book.plain("c".into(), 1);
        assert_eq!(book.standing("b", 60 * MINUTE), Some(Standing::Good));
    }
}
