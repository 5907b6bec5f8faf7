//! What is kept of a job that the platform took: enough to ask for it, and since when.

use core::fmt;

use crate::account::Mode;

/// `MODE:JOB:DATA:TIME:DRAFT`, with nothing where the platform said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) mode: Mode,
    /// `publish_id` or `msg_id`; none when a mass send waits for the administrator and the platform gave no number.
    pub(crate) job: Option<u64>,
    /// `msg_data_id`, which comments are listed by.
    pub(crate) data: Option<u64>,
    pub(crate) at_unix_ms: i64,
    /// Deleted when nothing becomes of it.
    pub(crate) draft: String,
}

impl Ticket {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mode = match parts.next()? {
            "free" => Mode::Freepublish,
            "mass" => Mode::Mass,
            _ => return None,
        };
        let mut number = || match parts.next()? {
            "" => Some(None),
            text => text.parse::<u64>().ok().map(Some),
        };
        let (job, data) = (number()?, number()?);
        let at_unix_ms = parts.next()?.parse().ok()?;
        let draft = parts.next()?.to_owned();
        parts.next().is_none().then_some(Self { mode, job, data, at_unix_ms, draft })
    }

    /// How the ticket of a job begins; also where what is known of the job is kept.
    pub(crate) fn of_job(mode: Mode, job: u64) -> String {
        format!("{}:{job}:", word(mode))
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let (mode, at) = (word(self.mode), self.at_unix_ms);
        write!(f, "{mode}:{}:{}:{at}:{}", number(self.job), number(self.data), self.draft)
    }
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Freepublish => "free",
        Mode::Mass => "mass",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_was_written_and_nothing_else_is_one() {
        for (job, data) in [(Some(3_147_494_522), Some(2_247_483_101)), (Some(1), None), (None, None)] {
            let (mode, draft) = (Mode::Mass, "R7_-x".to_owned());
            let ticket = Ticket { mode, job, data, at_unix_ms: 1_767_225_600_000, draft };
            assert_eq!(Ticket::read(&ticket.to_string()), Some(ticket));
        }
        assert!(
            Ticket::read("free:1::5:m")
                .unwrap()
                .to_string()
                .starts_with(&Ticket::of_job(Mode::Freepublish, 1))
        );
        for text in ["", "free", "free:1:2:3", "free:x::5:m", "mass:1:2:3:m:5", "other:1:2:3:m"] {
            assert_eq!(Ticket::read(text), None, "{text}");
        }
    }
}
