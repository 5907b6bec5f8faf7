//! Signing in: what somebody shows, what is known of them, and what follows. Whether the name exists makes no difference to
//! what they are told (C09).

use jiff::{SignedDuration, Timestamp};

use super::throttle::{Throttle, waits};
use super::{Credentials, Policy, password, totp};

/// What is known under the name.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Whether the running settings have this person, and have them at work.
    pub is_active: bool,
    pub credentials: Option<&'a Credentials>,
    /// The clear bytes of their second factor.
    pub seed: Option<&'a [u8]>,
    pub of_person: Option<&'a Throttle>,
    pub of_address: Option<&'a Throttle>,
}

/// What somebody shows.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The hash that their password fits; `None`: it fits none. It may not be the present one any more.
    pub fits: Option<&'a str>,
    pub code: Option<&'a str>,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// Nothing was looked at.
    Waits(SignedDuration),
    /// Of whatever is wrong nobody is told what.
    Wrong,
    /// The password is right.
    NeedsCode,
    /// Both are, and the password has to be changed first.
    TooOld { step: i64 },
    /// With the step of the code, which is used now.
    In { step: i64 },
}

/// Compares what was shown with what is known.
pub fn enter(known: &Known<'_>, proof: &Proof<'_>, policy: &Policy, now: Timestamp) -> Entered {
    if let Some(left) = waits(known.of_person, now).max(waits(known.of_address, now)) {
        return Entered::Waits(left);
    }
    let Some(credentials) = known.credentials.filter(|c| c.password.is_some()) else {
        return Entered::Wrong;
    };
    let is_right = credentials.password.as_deref() == proof.fits;
    if !is_right || !known.is_active || credentials.out(policy, now).is_some() {
        return Entered::Wrong;
    }
    let Some(code) = proof.code else { return Entered::NeedsCode };
    let step = known.seed.and_then(|seed| totp::matching_step(seed, code, now, credentials.last_step));
    match step {
        None => Entered::Wrong,
        Some(step) if password::is_too_old(policy.profile, credentials.password_set_at, now) => {
            Entered::TooOld { step }
        }
        Some(step) => Entered::In { step },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tests::{POLICY, after};
    use crate::access::{Disabled, Sealed};

    const SEED: &[u8] = b"12345678901234567890";

    fn credentials() -> Credentials {
        Credentials {
            password: Some("hash".into()),
            seed: Some(Sealed { bytes: vec![1], key: "k".into() }),
            ..Credentials::none("off.hg".into(), after(0))
        }
    }

    fn known(credentials: &Credentials) -> Known<'_> {
        Known {
            is_active: true,
            credentials: Some(credentials),
            seed: Some(SEED),
            of_person: None,
            of_address: None,
        }
    }

    #[test]
    fn c06_both_factors_let_in_and_a_name_that_nobody_has_looks_like_a_wrong_password() {
        let person = credentials();
        let (now, code) = (after(60), totp::code_at(SEED, after(60)));
        let try_it = |known: &Known<'_>, fits, code| enter(known, &Proof { fits, code }, &POLICY, now);
        let (right, code) = (Some("hash"), Some(code.as_str()));
        assert!(matches!(try_it(&known(&person), right, code), Entered::In { .. }));
        assert_eq!(try_it(&known(&person), right, None), Entered::NeedsCode);
        let stranger = Known { credentials: None, seed: None, ..known(&person) };
        let left = Known { is_active: false, ..known(&person) };
        let out = Disabled { at: now, by: "off.aq".into(), reason: "调离".into() };
        let disabled = Credentials { disabled: Some(out), ..credentials() };
        let invited = Credentials { password: None, seed: None, ..credentials() };
        for (who, fits, code) in [
            (known(&person), None, code),
            (known(&person), Some("the hash before it"), code),
            (known(&person), right, Some("000000")),
            (stranger, None, code),
            (stranger, right, None),
            (left, right, code),
            (known(&disabled), right, None),
            (known(&invited), None, None),
        ] {
            assert_eq!(try_it(&who, fits, code), Entered::Wrong, "{who:?}");
        }
    }

    #[test]
    fn c09_whoever_waits_is_not_looked_at_whichever_of_the_two_waits_longer() {
        let person = credentials();
        let until = |seconds| Throttle { failures: 5, last_at: after(0), until: after(seconds) };
        let (near, far) = (until(10), until(900));
        let known = Known { of_person: Some(&near), of_address: Some(&far), ..known(&person) };
        let proof = Proof { fits: Some("hash"), code: None };
        assert_eq!(enter(&known, &proof, &POLICY, after(0)), Entered::Waits(SignedDuration::from_secs(900)));
        assert_eq!(enter(&known, &proof, &POLICY, after(900)), Entered::NeedsCode);
    }

    #[test]
    fn c15_an_old_password_lets_nobody_in() {
        let mut person = credentials();
        let now = after(91 * 24 * 3600);
        person.used_at = now;
        let code = totp::code_at(SEED, now);
        let proof = Proof { fits: Some("hash"), code: Some(&code) };
        assert!(matches!(enter(&known(&person), &proof, &POLICY, now), Entered::TooOld { .. }));
    }
}
