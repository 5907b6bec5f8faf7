//! From the host's reply to an outcome of the domain. The adapter says what the platform said; whether something may be
//! out is read from the host's own count of effects and from nothing else.

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::outcome::{Evidence, Outcome};
use juzhen_domain::reason::{Ended, Why};
use juzhen_host::message::{
    AdapterError, ErrorKind, Found, Messages, Published, Received, RejectedBy, Tracked,
};
use juzhen_host::{Effects, Failure, Reply, pack};
use serde::de::DeserializeOwned;

/// What a publish or a repost came to.
pub(crate) fn sent(reply: &Reply) -> Outcome {
    let effects = reply.effects;
    let failure = match answer::<Published>(reply) {
        Ok(_) if effects.done == 0 => {
            // The platform accepted nothing that the host knows of. Look before believing either.
            let said = "the adapter reports success, but the platform accepted no request";
            return Outcome::Unsure { reason: Why::SuccessUnseen.because(said) };
        }
        Ok(Published::Published { id, url, at_unix_ms }) => {
            return Outcome::Published { id, url, at: at_unix_ms.and_then(time) };
        }
        Ok(Published::Accepted { ticket }) => return Outcome::Accepted { ticket },
        Err(failure) => failure,
    };
    if effects.may_have_happened() {
        return Outcome::Unsure { reason: told(&failure) };
    }
    match failure {
        Failure::Adapter(error) => turned_away(reply, &error).unwrap_or_else(|| said(error, effects)),
        // Stopped between two requests: what the answered ones did is for somebody to look at.
        Failure::Stopped { reason } if effects.began > 0 => Outcome::Unsure { reason },
        Failure::Stopped { reason } => Outcome::Stopped { reason },
        Failure::Insecure { .. } if effects.began > 0 => Outcome::Unsure { reason: told(&failure) },
        Failure::Insecure { reason } => Outcome::Insecure { reason },
        Failure::ReplayMismatch => Outcome::Unsure { reason: told(&failure) },
        Failure::TimedOut
        | Failure::Overloaded
        | Failure::NotInstalled
        | Failure::NotNow { .. }
        | Failure::Quarantined { .. } => {
            Outcome::Interrupted { began: effects.began > 0, reason: told(&failure) }
        }
        // An answered request may be the post itself, and an adapter that breaks cannot tell.
        Failure::Crashed { .. } | Failure::Panicked { .. } | Failure::BadAnswer { .. }
            if effects.began > 0 =>
        {
            Outcome::Unsure { reason: told(&failure) }
        }
        Failure::BadAnswer { .. } => Outcome::Stopped { reason: told(&failure) },
        Failure::Crashed { .. } | Failure::Panicked { .. } => {
            Outcome::Interrupted { began: false, reason: told(&failure) }
        }
    }
}

/// A failure with its word, so that the staff read it in their language. What the adapter said of the platform stays as it
/// is: that is the platform's own text.
pub(crate) fn told(failure: &Failure) -> String {
    let why = match failure {
        Failure::Adapter(error) => return words_of(error),
        // The ledger has said it in a word of its own.
        Failure::Stopped { reason } => return reason.clone(),
        Failure::Crashed { .. } => Why::AdapterCrashed,
        Failure::TimedOut => Why::TimedOut,
        Failure::Overloaded => Why::Overloaded,
        Failure::NotInstalled => Why::NotInstalled,
        Failure::Quarantined { .. } => Why::Quarantined,
        Failure::Panicked { .. } => Why::AdapterPanicked,
        Failure::BadAnswer { .. } => Why::BadAnswer,
        Failure::NotNow { .. } => Why::NotNow,
        Failure::Insecure { .. } => Why::Insecure,
        Failure::ReplayMismatch => Why::ReplayMismatch,
    };
    why.because(failure)
}

/// A call that could not renew its token ends for that reason, whatever the adapter made of it. What the platform said of
/// the post itself stands.
fn turned_away(reply: &Reply, error: &AdapterError) -> Option<Outcome> {
    let unrenewed = reply.unrenewed.as_ref()?;
    let follows = match error.kind {
        ErrorKind::Retryable { .. } | ErrorKind::Misconfigured { .. } | ErrorKind::Bug => true,
        ErrorKind::AuthExpired { .. } => unrenewed.put_off,
        _ => false,
    };
    let nothing_out = reply.effects.done == 0 || reply.effects.declined_last;
    (follows && nothing_out).then(|| Outcome::AuthExpired { reason: unrenewed.reason.clone() })
}

/// What the adapter said, or the kind of its error when it said nothing.
pub(crate) fn words_of(error: &AdapterError) -> String {
    if error.message.is_empty() { error.kind.name().to_owned() } else { error.message.clone() }
}

/// The adapter's word, when every request that left was clearly answered.
fn said(error: AdapterError, effects: Effects) -> Outcome {
    let reason = words_of(&error);
    if effects.done > 0 && !effects.declined_last {
        // The last request was accepted, and it may have been the post: what went wrong came after it. The same call goes on
        // and reads the recorded answers; a new one would post again.
        return match error.kind {
            ErrorKind::Retryable { .. } | ErrorKind::AuthExpired { .. } | ErrorKind::Quota { .. } => {
                Outcome::Interrupted { began: true, reason }
            }
            _ => Outcome::Unsure { reason },
        };
    }
    match error.kind {
        ErrorKind::Retryable { after_ms, .. } => {
            let wait = after_ms.and_then(|ms| i64::try_from(ms).ok()).map(SignedDuration::from_millis);
            Outcome::Busy { wait, reason }
        }
        ErrorKind::AuthExpired { .. } => Outcome::AuthExpired { reason },
        // Not of this post: whatever comes next would be answered the same, and each try makes it worse (F60, F70).
        ErrorKind::Rejected { code, by: RejectedBy::Permission } => {
            Outcome::Barred { reason: with_code(code, reason) }
        }
        ErrorKind::Rejected { code, .. } => Outcome::Refused { reason: with_code(code, reason) },
        ErrorKind::Quota { until_unix_ms, .. } => {
            Outcome::Quota { until: until_unix_ms.and_then(time), reason }
        }
        // It is there already, so an earlier attempt may have landed: look (F57).
        ErrorKind::Duplicate { .. } | ErrorKind::InDoubt => Outcome::Unsure { reason },
        ErrorKind::Misconfigured { .. } if effects.began > 0 => Outcome::Unsure { reason },
        ErrorKind::Misconfigured { key } => {
            Outcome::Stopped { reason: Why::Misconfigured.because(format_args!("{key}: {reason}")) }
        }
        ErrorKind::Unsupported { what } => {
            Outcome::Refused { reason: format!("the adapter does not offer {what}") }
        }
        ErrorKind::Bug if effects.began > 0 => Outcome::Unsure { reason },
        ErrorKind::Bug => Outcome::Interrupted { began: false, reason },
    }
}

/// The posts that a look at the account took for the one that it looked for.
pub(crate) fn posts(reply: &Reply) -> Vec<String> {
    answer::<Found>(reply)
        .map_or_else(|_| Vec::new(), |found| found.matches.into_iter().map(|p| p.id).collect())
}

/// What a look at the account came to. `taken` says whether a post is the receipt of another delivery.
pub(crate) fn found(reply: &Reply, taken: impl Fn(&str) -> bool) -> Evidence {
    match answer::<Found>(reply) {
        Ok(found) => {
            let mut matches = found.matches.into_iter().filter(|post| !taken(&post.id));
            match (matches.next(), matches.count()) {
                (None, _) if found.complete => Evidence::NotSeen,
                (None, _) => Evidence::PartSeen,
                (Some(post), 0) => {
                    Evidence::Found { id: post.id, url: post.url, at: post.at_unix_ms.and_then(time) }
                }
                (Some(_), more) => Evidence::Ambiguous { matches: more + 1 },
            }
        }
        Err(Failure::Adapter(AdapterError { kind: ErrorKind::Unsupported { .. }, .. })) => {
            Evidence::CannotLook
        }
        Err(failure) => Evidence::Unreadable { reason: told(&failure) },
    }
}

/// Why a look at an account showed no list of posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unlisted {
    /// The platform has none: it will be the same next time.
    NotOffered,
    Failed(String),
}

/// The posts that a look at an account came to.
pub(crate) fn listed(reply: &Reply) -> Result<Found, Unlisted> {
    answer::<Found>(reply).map_err(|failure| match failure {
        Failure::Adapter(AdapterError { kind: ErrorKind::Unsupported { .. }, .. }) => Unlisted::NotOffered,
        other => Unlisted::Failed(told(&other)),
    })
}

/// What an asynchronous platform says now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Progress {
    Published { id: String, url: Option<String>, at: Option<Timestamp> },
    Pending { wait: Option<SignedDuration> },
    Refused { reason: String },
    Unreadable { reason: String },
}

/// What a `track` came to. Only a clear word ends the waiting.
pub(crate) fn tracked(reply: &Reply) -> Progress {
    match answer::<Tracked>(reply) {
        Ok(Tracked::Published { id, url, at_unix_ms }) => {
            Progress::Published { id, url, at: at_unix_ms.and_then(time) }
        }
        Ok(Tracked::Pending { after_ms }) => Progress::Pending {
            wait: after_ms.and_then(|ms| i64::try_from(ms).ok()).map(SignedDuration::from_millis),
        },
        Ok(Tracked::Refused { reason }) => Progress::Refused { reason },
        Err(failure) => Progress::Unreadable { reason: told(&failure) },
    }
}

/// Why a poll brought no messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    /// With a machine word before the colon, where there is one.
    pub(crate) reason: String,
    /// How long the platform wants to be left in peace.
    pub(crate) wait: Option<Wait>,
    pub(crate) signed_out: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    For(SignedDuration),
    Until(Timestamp),
}

impl Wait {
    pub(crate) fn of(self, now: Timestamp) -> SignedDuration {
        match self {
            Self::For(wait) => wait,
            Self::Until(until) => until.duration_since(now),
        }
    }
}

/// The messages that a poll came to.
pub(crate) fn read(reply: &Reply) -> Result<Messages, Unread> {
    answer::<Messages>(reply).map_err(|failure| match failure {
        Failure::Adapter(error) => unread(reply, error),
        other => Unread { reason: told(&other), wait: None, signed_out: false },
    })
}

fn unread(reply: &Reply, error: AdapterError) -> Unread {
    let unrenewed = match turned_away(reply, &error) {
        Some(Outcome::AuthExpired { reason }) => Some(reason),
        _ => None,
    };
    let words = words_of(&error);
    let (reason, wait) = match (unrenewed, error.kind) {
        (Some(reason), _) => {
            return Unread { reason: Why::AuthExpired.because(reason), wait: None, signed_out: true };
        }
        (None, ErrorKind::AuthExpired { .. }) => {
            return Unread { reason: Why::AuthExpired.because(words), wait: None, signed_out: true };
        }
        (None, ErrorKind::Retryable { after_ms, .. }) => {
            let wait = after_ms.and_then(|ms| i64::try_from(ms).ok()).map(SignedDuration::from_millis);
            (Why::Busy.because(words), wait.map(Wait::For))
        }
        (None, ErrorKind::Quota { until_unix_ms, .. }) => {
            (Why::Quota.because(words), until_unix_ms.and_then(time).map(Wait::Until))
        }
        (None, ErrorKind::Misconfigured { key }) => {
            (Why::Misconfigured.because(format_args!("{key}: {words}")), None)
        }
        (None, ErrorKind::Unsupported { .. }) => (Why::NotOffered.because(words), None),
        (None, ErrorKind::Rejected { code, .. }) => (with_code(code, words), None),
        (None, _) => (words, None),
    };
    Unread { reason, wait, signed_out: false }
}

/// What an adapter made of a request of the platform.
pub(crate) fn received(reply: &Reply) -> Result<Received, Failure> {
    answer(reply)
}

/// The machine word of an outcome, for attempts and metrics.
pub(crate) fn word(outcome: &Outcome) -> &'static str {
    let ended = match outcome {
        Outcome::Published { .. } => Ended::Published,
        Outcome::Accepted { .. } => Ended::Accepted,
        Outcome::Refused { .. } => Ended::Refused,
        Outcome::Barred { .. } => Ended::Barred,
        Outcome::Insecure { .. } => Ended::Insecure,
        Outcome::Busy { .. } => Ended::Busy,
        Outcome::Interrupted { .. } => Ended::Interrupted,
        Outcome::AuthExpired { .. } => Ended::AuthExpired,
        Outcome::Quota { .. } => Ended::Quota,
        Outcome::Stopped { .. } => Ended::Stopped,
        Outcome::Unsure { .. } => Ended::Unsure,
    };
    ended.as_str()
}

fn answer<T: DeserializeOwned>(reply: &Reply) -> Result<T, Failure> {
    let bytes = reply.result.as_ref().map_err(Clone::clone)?;
    let (head, _) = pack::unpack(bytes).map_err(|e| Failure::BadAnswer { reason: e.to_string() })?;
    Ok(head)
}

fn with_code(code: Option<String>, reason: String) -> String {
    match code {
        Some(code) => format!("{code}: {reason}"),
        None => reason,
    }
}

fn time(unix_ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(unix_ms).ok()
}

#[cfg(test)]
mod tests {
    use juzhen_host::Noticed;
    use serde_json::json;

    use super::*;

    fn reply(result: Result<serde_json::Value, Failure>, began: u32, unclear: u32) -> Reply {
        let result = result.map(|head| pack::pack(&head, b"").unwrap());
        let effects = Effects { began, waiting: 0, unclear, done: 0, declined_last: began > unclear };
        Reply { result, effects, adapter: None, unrenewed: None, noticed: Noticed::default() }
    }

    fn adapter(kind: ErrorKind) -> Failure {
        Failure::Adapter(AdapterError { kind, message: "说明".into() })
    }

    fn every_failure() -> Vec<Failure> {
        let reason = || "x".to_owned();
        vec![
            adapter(ErrorKind::Retryable { after_ms: None, scope: Default::default() }),
            adapter(ErrorKind::AuthExpired { secret: None }),
            adapter(ErrorKind::Rejected { code: None, by: Default::default() }),
            adapter(ErrorKind::Quota { until_unix_ms: None, scope: Default::default() }),
            adapter(ErrorKind::Duplicate { remote_id: None }),
            adapter(ErrorKind::InDoubt),
            adapter(ErrorKind::Misconfigured { key: reason() }),
            adapter(ErrorKind::Unsupported { what: reason() }),
            adapter(ErrorKind::Bug),
            Failure::Crashed { reason: reason(), times: 2 },
            Failure::TimedOut,
            Failure::Overloaded,
            Failure::NotInstalled,
            Failure::Quarantined { until: 0 },
            Failure::Panicked { message: reason(), location: reason() },
            Failure::BadAnswer { reason: reason() },
            Failure::Stopped { reason: reason() },
            Failure::NotNow { reason: reason() },
            Failure::Insecure { reason: reason() },
            Failure::ReplayMismatch,
        ]
    }

    #[test]
    fn p01_whatever_the_adapter_says_an_unclear_effect_is_in_doubt() {
        for failure in every_failure() {
            let outcome = sent(&reply(Err(failure.clone()), 2, 1));
            assert!(matches!(outcome, Outcome::Unsure { .. }), "{failure:?} became {outcome:?}");
        }
    }

    #[test]
    fn an_adapter_that_breaks_after_an_answered_effect_is_in_doubt() {
        for failure in [
            adapter(ErrorKind::Bug),
            adapter(ErrorKind::Misconfigured { key: "x".into() }),
            Failure::Stopped { reason: "x".into() },
            Failure::Insecure { reason: "x".into() },
            Failure::Crashed { reason: "x".into(), times: 2 },
            Failure::Panicked { message: "x".into(), location: "y".into() },
            Failure::BadAnswer { reason: "x".into() },
        ] {
            assert!(matches!(sent(&reply(Err(failure), 1, 0)), Outcome::Unsure { .. }));
        }
    }

    #[test]
    fn a_success_without_any_effect_is_not_believed() {
        let head = json!({"state": "published", "id": "7"});
        assert!(matches!(sent(&reply(Ok(head.clone()), 0, 0)), Outcome::Unsure { .. }));
        assert!(matches!(sent(&reply(Ok(head.clone()), 1, 0)), Outcome::Unsure { .. }), "it was declined");
        let mut accepted = reply(Ok(head), 1, 0);
        accepted.effects.done = 1;
        assert!(matches!(sent(&accepted), Outcome::Published { id, .. } if id == "7"));
        assert!(matches!(sent(&reply(Ok(json!({"state": "gone"})), 0, 0)), Outcome::Stopped { .. }));
    }

    #[test]
    fn p01_no_new_call_after_a_request_that_was_accepted() {
        let of = |kind| {
            let mut reply = reply(Err(adapter(kind)), 2, 0);
            (reply.effects.done, reply.effects.declined_last) = (1, false);
            sent(&reply)
        };
        for kind in [
            ErrorKind::Retryable { after_ms: None, scope: Default::default() },
            ErrorKind::AuthExpired { secret: None },
            ErrorKind::Quota { until_unix_ms: None, scope: Default::default() },
        ] {
            assert!(matches!(of(kind), Outcome::Interrupted { began: true, .. }));
        }
        // It says that the platform refused, and the platform accepted the last thing it was asked (S21).
        let claims = ErrorKind::Rejected { code: None, by: Default::default() };
        assert!(matches!(of(claims), Outcome::Unsure { .. }));
    }

    #[test]
    fn f61_a_call_that_could_not_renew_its_token_ends_for_that_whatever_the_adapter_makes_of_it() {
        let of = |kind, done, put_off| {
            let unrenewed = Some(juzhen_host::Unrenewed { reason: "app_secret_wrong".into(), put_off });
            let effects = Effects { began: 1, waiting: 0, unclear: 0, done, declined_last: done == 0 };
            sent(&Reply { unrenewed, effects, ..reply(Err(adapter(kind)), 0, 0) })
        };
        let turned_away = Outcome::AuthExpired { reason: "app_secret_wrong".into() };
        let retryable = || ErrorKind::Retryable { after_ms: None, scope: Default::default() };
        let misconfigured = || ErrorKind::Misconfigured { key: "egress".into() };
        assert_eq!(of(retryable(), 0, false), turned_away);
        assert_eq!(of(misconfigured(), 0, true), turned_away);
        assert_eq!(of(ErrorKind::AuthExpired { secret: None }, 0, true), turned_away);
        // The platform's own word on the sign-in says more than ours, and a clear no to the post is a clear no.
        let words = Outcome::AuthExpired { reason: "说明".into() };
        assert_eq!(of(ErrorKind::AuthExpired { secret: None }, 0, false), words);
        let rejected = ErrorKind::Rejected { code: None, by: Default::default() };
        assert!(matches!(of(rejected, 0, false), Outcome::Refused { .. }));
        // A request was accepted before: it may be the post.
        assert!(matches!(of(retryable(), 1, false), Outcome::Interrupted { began: true, .. }));
    }

    #[test]
    fn a_clear_word_is_honoured() {
        let of = |kind| sent(&reply(Err(adapter(kind)), 1, 0));
        let busy = of(ErrorKind::Retryable { after_ms: Some(7), scope: Default::default() });
        let wait = Some(SignedDuration::from_millis(7));
        assert_eq!(busy, Outcome::Busy { wait, reason: "说明".into() });
        let refused = of(ErrorKind::Rejected { code: Some("bad_text".into()), by: Default::default() });
        assert_eq!(refused, Outcome::Refused { reason: "bad_text: 说明".into() });
        let captcha = of(ErrorKind::Rejected { code: Some("20031".into()), by: RejectedBy::Permission });
        assert_eq!(captcha, Outcome::Barred { reason: "20031: 说明".into() });
        let lost = sent(&reply(Err(Failure::Crashed { reason: "x".into(), times: 2 }), 0, 0));
        assert!(matches!(lost, Outcome::Interrupted { began: false, .. }));
    }

    #[test]
    fn f66_a_part_of_a_list_is_evidence_of_what_is_on_it_and_of_nothing_else() {
        let look = |found_posts| found(&reply(Ok(found_posts), 0, 0), |_| false);
        assert_eq!(look(json!({"matches": [], "complete": false})), Evidence::PartSeen);
        assert_eq!(look(json!({"matches": []})), Evidence::PartSeen, "left out, it counts as a part");
        assert_eq!(look(json!({"matches": [], "complete": true})), Evidence::NotSeen);
        let there = look(json!({"matches": [{"id": "a"}], "complete": false}));
        assert!(matches!(there, Evidence::Found { .. }), "{there:?}");
    }

    #[test]
    fn p27_an_account_without_a_list_is_another_thing_than_one_that_could_not_be_read() {
        let look = |failure| listed(&reply(Err(failure), 0, 0)).unwrap_err();
        assert_eq!(look(adapter(ErrorKind::Unsupported { what: "x".into() })), Unlisted::NotOffered);
        let slow = look(Failure::TimedOut);
        assert!(matches!(&slow, Unlisted::Failed(why) if why.starts_with("timed_out: ")), "{slow:?}");
        let silent =
            AdapterError { kind: ErrorKind::Misconfigured { key: "x".into() }, message: String::new() };
        assert_eq!(look(Failure::Adapter(silent)), Unlisted::Failed("misconfigured".into()));
    }

    #[test]
    fn a_poll_that_comes_to_nothing_says_why_and_when_to_ask_again() {
        let of = |kind| read(&reply(Err(adapter(kind)), 0, 0)).unwrap_err();
        let quota = of(ErrorKind::Quota { until_unix_ms: Some(60_000), scope: Default::default() });
        assert_eq!(quota.reason, "quota: 说明");
        assert_eq!(quota.wait.unwrap().of(Timestamp::UNIX_EPOCH), SignedDuration::from_mins(1));
        let busy = of(ErrorKind::Retryable { after_ms: Some(7), scope: Default::default() });
        assert_eq!((busy.wait, busy.signed_out), (Some(Wait::For(SignedDuration::from_millis(7))), false));
        assert!(of(ErrorKind::AuthExpired { secret: None }).signed_out);
        let mut unrenewed = reply(Err(adapter(ErrorKind::Bug)), 0, 0);
        unrenewed.unrenewed = Some(juzhen_host::Unrenewed { reason: "40125".into(), put_off: false });
        let unrenewed = read(&unrenewed).unwrap_err();
        assert_eq!((unrenewed.reason.as_str(), unrenewed.signed_out), ("auth_expired: 40125", true));
        let slow = read(&reply(Err(Failure::TimedOut), 0, 0)).unwrap_err();
        assert!(slow.reason.starts_with("timed_out: "), "{slow:?}");
        let read = read(&reply(Ok(json!({"messages": [{"id": "1", "kind": "from_the_future"}]})), 0, 0));
        assert_eq!(read.unwrap().messages.len(), 1);
    }

    #[test]
    fn f67_a_post_that_is_anothers_receipt_is_no_evidence() {
        let two = json!({"matches": [{"id": "a"}, {"id": "b"}], "complete": true});
        let look = |taken: fn(&str) -> bool| found(&reply(Ok(two.clone()), 0, 0), taken);
        assert_eq!(look(|_| false), Evidence::Ambiguous { matches: 2 });
        assert!(matches!(look(|id| id == "a"), Evidence::Found { id, .. } if id == "b"));
        assert_eq!(look(|_| true), Evidence::NotSeen);
        assert!(matches!(
            found(&reply(Err(Failure::TimedOut), 0, 0), |_| false),
            Evidence::Unreadable { .. }
        ));
    }
}
