//! What can go wrong with one request, and which kinds of error are an honest word for it.

use juzhen_abi::message::HostErrorKind;
use serde_json::json;

use super::talk::Leaves;
use crate::script::Answer;

/// What a fault proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proves {
    /// A clear no: nothing happened.
    Refused,
    /// No byte has left.
    NothingLeft,
    /// Nothing: it may have happened.
    Nothing,
    /// It happened, and what the platform said of it is lost.
    Happened,
}

pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) proves: Proves,
    answer: fn() -> Answer,
    /// Kinds that fit after a request that leaves nothing behind.
    safe: &'static [&'static str],
    /// After one that may: `in_doubt` wherever it may have happened, because the daemon looks before it tries again.
    serious: &'static [&'static str],
}

impl Fault {
    pub(crate) fn answer(&self) -> Answer {
        (self.answer)()
    }

    /// Whether the daemon does the right thing after this kind of error.
    pub(crate) fn allows(&self, kind: &str, leaves: &Leaves) -> bool {
        match leaves {
            Leaves::Nothing => self.safe.contains(&kind),
            Leaves::Effect => self.serious.contains(&kind),
            // Under a key the platform itself prevents the second one, so trying again is honest, too.
            Leaves::Keyed(_) => self.serious.contains(&kind) || ["retryable", "bug"].contains(&kind),
        }
    }

    pub(crate) fn wanted(&self, leaves: &Leaves) -> String {
        let kinds = if *leaves == Leaves::Nothing { self.safe } else { self.serious };
        kinds.join(", ")
    }
}

/// Passing trouble: nobody may make a final no of it.
const LATER: &[&str] = &["retryable", "in_doubt", "quota"];
const DOUBT: &[&str] = &["in_doubt"];
const DENIED: &[&str] = &["misconfigured", "auth_expired", "retryable", "in_doubt", "quota"];
/// An answer that cannot be read is a mistake of the platform or of the adapter.
const UNREADABLE: &[&str] = &["retryable", "in_doubt", "bug"];

/// One after the other happens to each request of each call.
pub(crate) const FAULTS: &[Fault] = &[
    refused(
        "400",
        400,
        &["rejected", "misconfigured", "unsupported", "retryable", "in_doubt", "duplicate", "bug"],
    ),
    refused("401", 401, &["auth_expired", "rejected", "misconfigured", "retryable", "in_doubt"]),
    refused("403", 403, &["rejected", "auth_expired", "misconfigured", "quota", "retryable", "in_doubt"]),
    refused("404", 404, &["rejected", "misconfigured", "unsupported", "retryable", "in_doubt"]),
    refused("409", 409, &["duplicate", "rejected", "retryable", "in_doubt"]),
    refused("429", 429, &["quota", "retryable", "in_doubt"]),
    // Not followed: nobody knows what stands behind it.
    unclear("302", || said(302).header("location", "https://elsewhere.test/")),
    unclear("408", || said(408)),
    unclear("500", || said(500)),
    unclear("502 with a page", || page(502)),
    unclear("503", || said(503)),
    unclear("504", || said(504)),
    Fault {
        name: "no connection",
        proves: Proves::NothingLeft,
        answer: || Answer::Fails(HostErrorKind::Unreachable),
        safe: LATER,
        serious: LATER,
    },
    Fault {
        name: "no leave of the daemon, such as for a secret that the account does not have",
        proves: Proves::NothingLeft,
        answer: || Answer::Fails(HostErrorKind::Denied),
        safe: DENIED,
        serious: DENIED,
    },
    // A connection that is reset, an answer that comes drop by drop or is cut: the host tells them in the same words.
    unclear("no answer", || Answer::Fails(HostErrorKind::NoAnswer)),
    lost("200 with more than the host reads", || Answer::Fails(HostErrorKind::TooLarge)),
    lost("200 with a page", || page(200)),
    // Cut within a value, so that no reader finds a whole one before the end.
    lost("200 with half of its JSON", || Answer::bytes(200, b"{\"id\": \"74")),
    lost("200 without a body", || Answer::bytes(200, b"")),
];

const fn refused(name: &'static str, status: u16, kinds: &'static [&'static str]) -> Fault {
    let answer: fn() -> Answer = match status {
        400 => || said(400),
        401 => || said(401),
        403 => || said(403),
        404 => || said(404),
        409 => || said(409),
        _ => || said(429).header("retry-after", "30"),
    };
    Fault { name, proves: Proves::Refused, answer, safe: kinds, serious: kinds }
}

const fn unclear(name: &'static str, answer: fn() -> Answer) -> Fault {
    Fault { name, proves: Proves::Nothing, answer, safe: LATER, serious: DOUBT }
}

const fn lost(name: &'static str, answer: fn() -> Answer) -> Fault {
    Fault { name, proves: Proves::Happened, answer, safe: UNREADABLE, serious: DOUBT }
}

/// A refusal in no platform's own words.
fn said(status: u16) -> Answer {
    Answer::json(status, &json!({ "message": "no, says the conformance kit" }))
}

fn page(status: u16) -> Answer {
    Answer::bytes(status, b"<html><body><h1>Bad Gateway</h1></body></html>")
        .header("content-type", "text/html")
}
