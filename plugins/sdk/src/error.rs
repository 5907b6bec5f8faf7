//! What went wrong, in the nine kinds the daemon acts on, and how HTTP answers become one of them.

use juzhen_abi::message::{AdapterError, Effect, ErrorKind, HostError, HostErrorKind, RejectedBy, Scope};

/// The result of everything an adapter does.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// What the platform said, for the daemon ([`ErrorKind`]) and for people (one sentence).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Try again later, after at least `after_ms` when the platform said so. Only for an answer that is a clear
    /// refusal before anything happened.
    pub fn retryable(message: impl Into<String>, after_ms: Option<u64>) -> Self {
        Self::new(ErrorKind::Retryable { after_ms, scope: Scope::Call }, message)
    }

    /// The credentials are no longer accepted; `secret` names them.
    pub fn auth_expired(message: impl Into<String>, secret: &str) -> Self {
        Self::new(ErrorKind::AuthExpired { secret: Some(secret.to_owned()) }, message)
    }

    /// A final no, with the platform's code for it.
    pub fn rejected(message: impl Into<String>, by: RejectedBy, code: &str) -> Self {
        Self::new(ErrorKind::Rejected { code: Some(code.to_owned()), by }, message)
    }

    /// Used up until the given time.
    pub fn quota(message: impl Into<String>, until_unix_ms: Option<i64>) -> Self {
        Self::new(ErrorKind::Quota { until_unix_ms, scope: Scope::Account }, message)
    }

    /// The platform already has it, as `remote_id` when it says so.
    pub fn duplicate(message: impl Into<String>, remote_id: Option<String>) -> Self {
        Self::new(ErrorKind::Duplicate { remote_id }, message)
    }

    /// It may or may not have happened.
    pub fn in_doubt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InDoubt, message)
    }

    /// The setting `key` is missing or wrong.
    pub fn misconfigured(message: impl Into<String>, key: &str) -> Self {
        Self::new(ErrorKind::Misconfigured { key: key.to_owned() }, message)
    }

    /// Not offered by this adapter or platform.
    pub fn unsupported(what: &str) -> Self {
        Self::new(ErrorKind::Unsupported { what: what.to_owned() }, format!("{what} is not offered"))
    }

    /// A mistake in the adapter, or an answer that the platform does not document.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }
}

impl From<Error> for AdapterError {
    fn from(error: Error) -> Self {
        Self { kind: error.kind, message: error.message }
    }
}

/// Whether a request may leave something behind that a second one would leave twice.
pub(crate) fn can_repeat(effect: &Effect, method: &str) -> bool {
    match effect {
        Effect::ByMethod => method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD"),
        Effect::Safe | Effect::Idempotent(_) => true,
        Effect::Mutating => false,
    }
}

/// The error of a request that the daemon could not complete. `repeatable`: see [`can_repeat`].
pub(crate) fn of_http(error: &HostError, repeatable: bool) -> Error {
    let message = format!("request failed: {}", error.message);
    match error.kind {
        HostErrorKind::Unreachable | HostErrorKind::Cancelled => Error::retryable(message, None),
        HostErrorKind::NoAnswer | HostErrorKind::Failed if repeatable => Error::retryable(message, None),
        HostErrorKind::TooLarge if repeatable => Error::bug(message),
        HostErrorKind::NoAnswer
        | HostErrorKind::Failed
        | HostErrorKind::TooLarge
        | HostErrorKind::ReplayMismatch => Error::in_doubt(message),
        HostErrorKind::Denied => Error::misconfigured(message, "egress"),
        HostErrorKind::BadRequest => Error::bug(message),
    }
}

/// The error of any other capability; none of them has an effect outside.
pub(crate) fn of_capability(name: &str, error: &HostError) -> Error {
    let message = format!("{name} failed: {}", error.message);
    match error.kind {
        HostErrorKind::ReplayMismatch => Error::in_doubt(message),
        HostErrorKind::Denied | HostErrorKind::BadRequest | HostErrorKind::TooLarge => Error::bug(message),
        _ => Error::retryable(message, None),
    }
}

/// The error that a status means on most platforms; [`Http::refusals`](crate::Http::refusals) overrides it.
///
/// 401 auth expired, 403 rejected (permission), 409 duplicate, 429 quota, any other 4xx but 408 rejected (content). All else is
/// in doubt, retryable when the request is safe to repeat.
pub(crate) fn of_status(status: u16, repeatable: bool, until_unix_ms: Option<i64>) -> Error {
    let message = format!("platform answered {status}");
    let code = status.to_string();
    match status {
        401 => Error::new(ErrorKind::AuthExpired { secret: None }, message),
        403 => Error::rejected(message, RejectedBy::Permission, &code),
        409 => Error::duplicate(message, None),
        429 => Error::quota(message, until_unix_ms),
        400..=407 | 410..=499 => Error::rejected(message, RejectedBy::Content, &code),
        _ if repeatable => Error::retryable(message, None),
        // A gateway that gives up, or a redirect, which is not followed, says nothing about what stands behind it.
        _ => Error::in_doubt(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, repeatable: bool) -> &'static str {
        match of_status(status, repeatable, Some(7)).kind {
            ErrorKind::AuthExpired { .. } => "auth",
            ErrorKind::Rejected { by: RejectedBy::Permission, .. } => "permission",
            ErrorKind::Rejected { .. } => "content",
            ErrorKind::Duplicate { .. } => "duplicate",
            ErrorKind::Quota { until_unix_ms: Some(7), .. } => "quota",
            ErrorKind::Retryable { .. } => "retry",
            ErrorKind::InDoubt => "doubt",
            _ => "other",
        }
    }

    #[test]
    fn a_status_has_a_default_meaning() {
        let seen = [400, 401, 403, 404, 408, 409, 429, 451, 500, 503].map(|status| kind(status, false));
        assert_eq!(
            seen,
            [
                "content",
                "auth",
                "permission",
                "content",
                "doubt",
                "duplicate",
                "quota",
                "content",
                "doubt",
                "doubt"
            ]
        );
        assert_eq!(
            [302, 304, 204, 100].map(|status| kind(status, false)),
            ["doubt"; 4],
            "only a 4xx is a no"
        );
        assert_eq!(
            [302, 408, 500, 503, 429].map(|status| kind(status, true)),
            ["retry", "retry", "retry", "retry", "quota"]
        );
    }

    #[test]
    fn only_what_is_safe_to_repeat_is_retried_without_an_answer() {
        let no_answer = HostError { kind: HostErrorKind::NoAnswer, message: String::new() };
        assert_eq!(of_http(&no_answer, false).kind, ErrorKind::InDoubt);
        assert_eq!(
            of_http(&no_answer, true).kind,
            ErrorKind::Retryable { after_ms: None, scope: Scope::Call }
        );
        let unreachable = HostError { kind: HostErrorKind::Unreachable, message: String::new() };
        assert!(matches!(of_http(&unreachable, false).kind, ErrorKind::Retryable { .. }));
    }

    #[test]
    fn the_method_decides_unless_the_effect_is_named() {
        let cases = [("GET", true), ("head", true), ("POST", false), ("DELETE", false)];
        for (method, expected) in cases {
            assert_eq!(can_repeat(&Effect::ByMethod, method), expected, "{method}");
        }
        assert!(can_repeat(&Effect::Idempotent("k".into()), "POST"));
        assert!(!can_repeat(&Effect::Mutating, "GET"));
    }
}
