//! What readers write to an account or about it (评论、@、私信), cleaned of what no text needs, and when an account is asked for
//! more of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::backoff::Backoff;
use crate::caps::later;

/// How somebody spoke to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Under a post of the account.
    Comment,
    /// A post of somebody else that names the account.
    Mention,
    /// A comment under somebody else's post that names the account.
    MentionInComment,
    /// Only the account reads it.
    Private,
    /// Of a kind that this version does not know.
    Other,
}

impl Kind {
    pub const ALL: &'static [Self] =
        &[Self::Comment, Self::Mention, Self::MentionInComment, Self::Private, Self::Other];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::Mention => "mention",
            Self::MentionInComment => "mention_in_comment",
            Self::Private => "private",
            Self::Other => "other",
        }
    }

    pub fn chinese(self) -> &'static str {
        match self {
            Self::Comment => "评论",
            Self::Mention => "@本账号",
            Self::MentionInComment => "评论中@本账号",
            Self::Private => "私信",
            Self::Other => "其他",
        }
    }
}

/// How it came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The platform sent it by itself.
    Push,
    /// It was asked for.
    Poll,
}

impl Via {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Poll => "poll",
        }
    }
}

/// What somebody wrote, as the platform tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub kind: Kind,
    /// Of the platform; the same for the same message.
    pub platform_id: String,
    /// The post that it is on, by the platform's id.
    pub post: Option<String>,
    /// The comment that it answers.
    pub parent: Option<String>,
    pub author_id: String,
    /// Empty when the platform does not tell.
    pub author_name: String,
    pub text: String,
    pub media: Vec<Media>,
    /// Where people read it.
    pub url: Option<String>,
    /// Whether the public sees it; `None` when the platform does not say.
    pub shown: Option<bool>,
    /// Until then, and so often, the platform lets the account answer; `None`: no limit is known.
    pub reply_until: Option<Timestamp>,
    pub replies_left: Option<u32>,
    /// By the platform's clock; `None` when it does not say.
    pub written_at: Option<Timestamp>,
}

/// What a message carries besides its text. It is not fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// `image`, `voice`, `video`, `location`, `link` …
    pub kind: String,
    pub url: Option<String>,
    /// By which the platform gives it out.
    pub id: Option<String>,
}

/// An id of a platform is a number or a few words; a longer one is none.
const LONGEST_ID: usize = 200;
const LONGEST_NAME: usize = 200;
/// More than any platform lets anybody write.
const LONGEST_TEXT: usize = 20_000;
const LONGEST_URL: usize = 2_000;
const MOST_MEDIA: usize = 20;

impl Said {
    /// Without what cannot be kept or shown; `None` for one that could not be told from another.
    pub fn tidied(self) -> Option<Self> {
        if self.platform_id.is_empty() || self.platform_id.len() > LONGEST_ID {
            return None;
        }
        let id = |text: String| Some(tidied(&text, LONGEST_ID)).filter(|text| !text.is_empty());
        Some(Self {
            platform_id: tidied(&self.platform_id, LONGEST_ID),
            post: self.post.and_then(id),
            parent: self.parent.and_then(id),
            author_id: tidied(&self.author_id, LONGEST_ID),
            author_name: tidied(&self.author_name, LONGEST_NAME),
            text: tidied(&self.text, LONGEST_TEXT),
            media: self.media.into_iter().take(MOST_MEDIA).map(Media::tidied).collect(),
            url: self.url.and_then(address),
            ..self
        })
        .filter(|said| !said.platform_id.is_empty())
    }
}

impl Media {
    fn tidied(self) -> Self {
        Self {
            kind: tidied(&self.kind, LONGEST_ID),
            url: self.url.and_then(address),
            id: self.id.map(|id| tidied(&id, LONGEST_ID)),
        }
    }
}

/// No control characters but line breaks and tabs, and no more than so many characters.
fn tidied(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(most).collect()
}

/// Only what a browser opens as a page: whoever wrote the message may have written the address (A32).
fn address(url: String) -> Option<String> {
    let is_page = url.starts_with("https://") || url.starts_with("http://");
    (is_page && url.len() <= LONGEST_URL && !url.chars().any(|c| c.is_control() || c.is_whitespace()))
        .then_some(url)
}

const BACKOFF: Backoff =
    Backoff { first: SignedDuration::from_mins(1), longest: SignedDuration::from_hours(2) };
/// No platform makes a reader wait for longer, and none is left alone for longer: a pause beyond it was set by a clock that
/// ran ahead (P14).
pub const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(6);
/// There was more than fits into one answer.
const MORE: SignedDuration = SignedDuration::from_secs(2);

/// When an account is asked again after a poll that went well: as often as the settings say, but no sooner than its platform
/// allows.
pub fn after_poll(
    now: Timestamp,
    every: SignedDuration,
    asked_pause: Option<SignedDuration>,
    more: bool,
) -> Timestamp {
    let pause = if more { MORE } else { every };
    // What is left is read at once, unless it is the platform's budget that ran out.
    let least = asked_pause.filter(|_| !more).unwrap_or_default();
    later(now, pause.max(least).min(LONGEST_PAUSE))
}

/// The same after `failures` polls in a row that came to nothing; the platform's own word counts where it is longer.
pub fn after_failure(now: Timestamp, failures: u32, asked_pause: Option<SignedDuration>) -> Timestamp {
    later(now, BACKOFF.pause(failures).max(asked_pause.unwrap_or_default()).min(LONGEST_PAUSE))
}

/// A request that is the same to the letter as one that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// As the platform tries again what was answered late: it is answered as before.
    Retry,
    /// Somebody sends what they saw.
    Replay,
}

/// Platforms wait five seconds for an answer and try three times in all. Whether such a try is signed anew is not documented;
/// one that is refused is shown to the reader as a fault of the account.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(4);
const RETRY_UNTIL: SignedDuration = SignedDuration::from_secs(20);
const MOST_RETRIES: u32 = 2;

/// What the same request is when it comes again, `retries` after the first that were taken for the platform's.
pub fn repetition(first_at: Timestamp, retries: u32, now: Timestamp) -> Repetition {
    let after = now.duration_since(first_at);
    let in_time = after >= RETRY_AFTER && after <= RETRY_UNTIL;
    if in_time && retries < MOST_RETRIES { Repetition::Retry } else { Repetition::Replay }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        Said {
            kind: Kind::Comment,
            platform_id: "1".into(),
            post: None,
            parent: None,
            author_id: "u".into(),
            author_name: "某人".into(),
            text: text.into(),
            media: Vec::new(),
            url: None,
            shown: None,
            reply_until: None,
            replies_left: None,
            written_at: None,
        }
    }

    #[test]
    fn what_cannot_be_kept_is_taken_out_and_the_rest_stays_as_it_was_written() {
        let text = "几点来水？😀\n<a href=javascript:x>=cmd|' /C calc'!A0</a>\u{202e}";
        assert_eq!(said(&format!("{text}\0\u{1b}[31m")).tidied().unwrap().text, format!("{text}[31m"));
        assert_eq!(said(&"字".repeat(30_000)).tidied().unwrap().text.chars().count(), 20_000);
    }

    #[test]
    fn what_has_no_id_of_its_own_is_no_message() {
        for (id, kept) in [("", false), ("\0", false), (&"9".repeat(201), false), ("7-1", true)] {
            let one = Said { platform_id: id.to_owned(), ..said("x") };
            assert_eq!(one.tidied().is_some(), kept, "{id:?}");
        }
        let author = Said { author_id: "o".repeat(10_240), ..said("x") };
        assert_eq!(author.tidied().unwrap().author_id.len(), 200);
    }

    #[test]
    fn a32_an_address_is_a_page_or_none() {
        for (url, kept) in [
            ("https://weibo.com/1/2", true),
            ("http://mp.weixin.qq.com/s/1", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("https://a\n/", false),
            ("//a", false),
        ] {
            let one = Said { url: Some(url.to_owned()), ..said("x") };
            assert_eq!(one.tidied().unwrap().url.is_some(), kept, "{url}");
        }
    }

    #[test]
    fn p22_the_same_request_is_the_platforms_only_when_the_platform_would_try_again() {
        let first = Timestamp::UNIX_EPOCH;
        let is_retry = |seconds, retries| {
            repetition(first, retries, later(first, SignedDuration::from_secs(seconds))) == Repetition::Retry
        };
        assert!(is_retry(5, 0) && is_retry(10, 1) && is_retry(20, 0));
        assert!(!is_retry(0, 0) && !is_retry(3, 0), "nobody was waited for yet");
        assert!(!is_retry(15, 2) && !is_retry(21, 0) && !is_retry(86_400, 0));
        assert!(!is_retry(-5, 0), "a clock that was set back");
    }

    #[test]
    fn polls_come_as_often_as_the_settings_say_and_the_platform_allows() {
        let now = Timestamp::UNIX_EPOCH;
        let (minutes, hours) = (SignedDuration::from_mins, SignedDuration::from_hours);
        let next = |asked, more| after_poll(now, minutes(5), asked, more).duration_since(now);
        assert_eq!(next(None, false), minutes(5));
        assert_eq!(next(Some(minutes(30)), false), minutes(30));
        assert_eq!(next(Some(minutes(1)), false), minutes(5));
        assert_eq!(next(Some(hours(99)), false), hours(6));
        assert_eq!(next(Some(minutes(30)), true), SignedDuration::from_secs(2));
        let failed = |tries, asked| after_failure(now, tries, asked).duration_since(now);
        assert_eq!([1, 2, 99].map(|tries| failed(tries, None)), [minutes(1), minutes(2), hours(2)]);
        assert_eq!(failed(1, Some(hours(3))), hours(3));
    }
}
