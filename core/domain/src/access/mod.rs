//! How people prove who they are, as plain values: passwords, second factors, sessions, keys of scripts, and how often one
//! may try. Hashes are made and compared elsewhere; what follows from them is decided here.

pub mod enter;
pub mod key;
pub mod password;
pub mod session;
pub mod throttle;
pub mod totp;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::PersonId;

/// What a district asks of its people (C15). From `policy` in `district.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub profile: Profile,
    /// A session that is not used for so long is over (C10).
    pub idle: SignedDuration,
    /// No session is longer, however much it is used.
    pub longest: SignedDuration,
    /// Who has not signed in for so long is disabled (C16).
    pub unused: SignedDuration,
}

/// Two opinions on passwords that exclude each other (C15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// 等级保护三级: several kinds of characters, and a new one every quarter.
    Mlps3,
    /// OWASP ASVS: long, not a common one, and kept as long as nobody else knows it.
    Asvs,
}

/// What is kept of a person beside the settings, which know their name, unit and roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub person: PersonId,
    /// As its hash, with the parameters in it; `None` before an invitation was accepted.
    pub password: Option<String>,
    pub password_set_at: Timestamp,
    /// Hashes of those before it, the newest first.
    pub earlier: Vec<String>,
    /// Of the second factor, sealed; `None` with the password.
    pub seed: Option<Sealed>,
    /// The last step of it that was used: none is used twice (C07).
    pub last_step: i64,
    /// Signed in, or let in again by somebody.
    pub used_at: Timestamp,
    pub disabled: Option<Disabled>,
}

/// Bytes that only the holder of the master key reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub bytes: Vec<u8>,
    /// Public name of that key.
    pub key: String,
}

/// Who is out, although the settings still name them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disabled {
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

/// A one-time link by which somebody sets a password and a second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub person: PersonId,
    /// SHA-256 of its token, lower-case hexadecimal.
    pub token: String,
    pub by: String,
    pub at: Timestamp,
    pub expires_at: Timestamp,
    /// What was set and waits for the first code of the second factor.
    pub accepted: Option<Accepted>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub password: String,
    pub seed: Sealed,
}

impl Credentials {
    /// Of somebody who has set nothing yet.
    pub fn none(person: PersonId, at: Timestamp) -> Self {
        Self {
            person,
            password: None,
            password_set_at: at,
            earlier: Vec::new(),
            seed: None,
            last_step: 0,
            used_at: at,
            disabled: None,
        }
    }

    /// Why this person is out now: somebody said so, or they were away too long.
    pub fn out(&self, policy: &Policy, now: Timestamp) -> Option<Disabled> {
        if self.disabled.is_some() {
            return self.disabled.clone();
        }
        let is_unused = self.password.is_some() && now.duration_since(self.used_at) > policy.unused;
        is_unused.then(|| Disabled { at: now, by: "daemon".into(), reason: "unused".into() })
    }

    /// With a new password; the one before it is remembered as long as the profile asks.
    #[must_use]
    pub fn with_password(mut self, hash: String, profile: Profile, now: Timestamp) -> Self {
        self.earlier.splice(0..0, self.password.take());
        self.earlier.truncate(profile.rules().history);
        Self { password: Some(hash), password_set_at: now, ..self }
    }
}

impl Invitation {
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const POLICY: Policy = Policy {
        profile: Profile::Mlps3,
        idle: SignedDuration::from_mins(15),
        longest: SignedDuration::from_hours(8),
        unused: SignedDuration::from_hours(90 * 24),
    };

    pub(crate) fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn c16_who_is_away_for_ninety_days_is_out_and_a_script_without_a_password_is_not() {
        let mut person = Credentials::none("d07.xx".into(), after(0));
        let day = 24 * 3600;
        assert_eq!(person.out(&POLICY, after(91 * day)), None);
        person.password = Some("hash".into());
        assert_eq!(person.out(&POLICY, after(90 * day)), None);
        assert_eq!(person.out(&POLICY, after(90 * day + 1)).unwrap().reason, "unused");
        person.disabled = Some(Disabled { at: after(1), by: "off.aq".into(), reason: "调离".into() });
        assert_eq!(person.out(&POLICY, after(2)).unwrap().by, "off.aq");
    }

    #[test]
    fn c15_earlier_passwords_are_kept_newest_first_and_no_more_than_the_profile_asks() {
        let mut person = Credentials::none("d07.xx".into(), after(0));
        for number in 0..8 {
            person = person.with_password(format!("h{number}"), Profile::Mlps3, after(number));
        }
        assert_eq!(person.password.as_deref(), Some("h7"));
        assert_eq!(person.earlier, ["h6", "h5", "h4", "h3"]);
    }
}
