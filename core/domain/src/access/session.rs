//! Sessions: begun by signing in, over when nobody uses them, after a day's work, or when somebody says so (C10).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Policy;
use crate::id::PersonId;

/// One session. Its token is known to whoever holds it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// To name it by; tells nothing of the token.
    pub id: String,
    pub person: PersonId,
    /// SHA-256 of the token, lower-case hexadecimal.
    pub token: String,
    pub stage: Stage,
    pub form: Form,
    pub began_at: Timestamp,
    /// The last time but for a minute or so.
    pub used_at: Timestamp,
    pub expires_at: Timestamp,
    /// Where it was begun.
    pub address: Option<String>,
}

/// How far somebody has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The password was right: good for giving the code, and nothing else.
    Password,
    /// Both factors were.
    Full,
}

/// How the token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// In a cookie, which a browser also sends when another page asks it to: changes need a second word (C11).
    Cookie,
    /// In a header that only a program sets.
    Bearer,
}

impl Session {
    /// Whether it still counts.
    pub fn is_good(&self, policy: &Policy, now: Timestamp) -> bool {
        let is_young = now < self.expires_at && now.duration_since(self.began_at) < policy.longest;
        is_young && now.duration_since(self.used_at) < policy.idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tests::{POLICY, after};

    #[test]
    fn c10_a_session_ends_unused_after_a_quarter_of_an_hour_and_used_after_eight_hours() {
        let (minute, hour) = (60, 3600);
        let mut session = Session {
            id: "s".into(),
            person: "off.hg".into(),
            token: "t".into(),
            stage: Stage::Full,
            form: Form::Bearer,
            began_at: after(0),
            used_at: after(0),
            expires_at: after(8 * hour),
            address: None,
        };
        assert!(session.is_good(&POLICY, after(15 * minute - 1)));
        assert!(!session.is_good(&POLICY, after(15 * minute)));
        session.used_at = after(8 * hour - 1);
        assert!(session.is_good(&POLICY, after(8 * hour - 1)));
        assert!(!session.is_good(&POLICY, after(8 * hour)));
        // A shorter policy holds for those that have begun.
        let shorter = Policy { longest: jiff::SignedDuration::from_hours(1), ..POLICY };
        assert!(!session.is_good(&shorter, after(8 * hour - 1)));
    }
}
