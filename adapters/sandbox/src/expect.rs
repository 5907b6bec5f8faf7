//! What a test says beforehand may be published; the ledger compares it with what was.

use serde::{Deserialize, Serialize};

use crate::effect::text_sha256;

/// "This account may say exactly this, in this time." While none is registered, everything counts as approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    pub account: String,
    /// See [`text_sha256`].
    pub text_sha256: String,
    /// Of a repost: only when it forwards this post. Absent: any post or repost with these bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_id: Option<String>,
    /// Before this it is `early`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_unix_ms: Option<i64>,
    /// After this it is `late`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_unix_ms: Option<i64>,
    /// So often it may be said; more often is `duplicate`. Several expectations of the same bytes add up.
    pub times: u64,
}

impl Expectation {
    /// Once, at any time. Of a repost `text` is the comment and `title` is empty.
    #[must_use]
    pub fn of(account: &str, title: &str, text: &str) -> Self {
        Self::of_hash(account, &text_sha256(title, text))
    }

    #[must_use]
    pub fn of_hash(account: &str, text_sha256: &str) -> Self {
        Self {
            account: account.to_owned(),
            text_sha256: text_sha256.to_owned(),
            origin_id: None,
            not_before_unix_ms: None,
            latest_unix_ms: None,
            times: 1,
        }
    }

    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    #[must_use]
    pub fn not_before(mut self, unix_ms: i64) -> Self {
        self.not_before_unix_ms = Some(unix_ms);
        self
    }

    #[must_use]
    pub fn latest(mut self, unix_ms: i64) -> Self {
        self.latest_unix_ms = Some(unix_ms);
        self
    }

    #[must_use]
    pub fn origin(mut self, origin_id: &str) -> Self {
        self.origin_id = Some(origin_id.to_owned());
        self
    }
}

/// An expectation as `POST /control/expect` reads it: the bytes by their hash, or as text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectationForm {
    account: String,
    text_sha256: Option<String>,
    title: Option<String>,
    text: Option<String>,
    origin_id: Option<String>,
    not_before_unix_ms: Option<i64>,
    latest_unix_ms: Option<i64>,
    #[serde(default = "once")]
    times: u64,
}

impl TryFrom<ExpectationForm> for Expectation {
    type Error = String;

    fn try_from(form: ExpectationForm) -> Result<Self, String> {
        let text_sha256 = match (form.text_sha256, form.text, form.title) {
            (Some(hash), None, None) => hash.to_ascii_lowercase(),
            (None, Some(text), title) => text_sha256(title.as_deref().unwrap_or_default(), &text),
            _ => return Err("give either `text_sha256`, or `text` with an optional `title`".into()),
        };
        if text_sha256.len() != 64 || !text_sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("`text_sha256` must be 64 hexadecimal digits, found {text_sha256:?}"));
        }
        if form.times == 0 {
            return Err("`times` must be at least 1; leave the expectation out instead".into());
        }
        Ok(Self {
            account: form.account,
            text_sha256,
            origin_id: form.origin_id,
            not_before_unix_ms: form.not_before_unix_ms,
            latest_unix_ms: form.latest_unix_ms,
            times: form.times,
        })
    }
}

fn once() -> u64 {
    1
}
