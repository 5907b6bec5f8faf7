//! Where a delivery may come to: its states, what its reason says, what is out, and what a look at the account shows.

/// How an item becomes public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Weibo,
    /// WeChat's 发布.
    Article,
    /// WeChat's 群发, which no list shows.
    Mass,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Weibo, Self::Article, Self::Mass];

    /// Letter before the number of the item in the id of the account.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Weibo => 'W',
            Self::Article => 'X',
            Self::Mass => 'Y',
        }
    }

    pub(crate) fn of(account: &str) -> Self {
        Self::ALL.into_iter().find(|way| account.starts_with(way.letter())).unwrap()
    }
}

/// An end that a fault explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Published,
    /// It is with the platform, which decides later and will say yes.
    Accepted,
    /// The same, and it will say no.
    Declined,
    /// Out, and taken down by the platform before or after the daemon heard that it was out.
    Removed,
    Refused(&'static str),
    Held(&'static str),
    Waiting(&'static str),
    /// Due again later, and the reason says why; out once that time has come.
    Again(&'static str),
    Doubt(Doubt),
}

/// It may be out; nothing is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) says: &'static str,
    /// Posts of it that the platform has.
    pub(crate) out: usize,
    /// What a look at the account may show in the end; nothing else closes the question.
    pub(crate) seen: &'static [&'static str],
}

/// It is out, and a look proves it.
pub(crate) const FOUND: End = End::Doubt(Doubt { says: "", out: 1, seen: &["found"] });
/// It is out, and the list does not show it.
pub(crate) const HIDDEN: End = End::Doubt(Doubt { says: "", out: 1, seen: UNSEEN });
/// It is not out, which the list cannot prove.
pub(crate) const ABSENT: End = End::Doubt(Doubt { says: "", out: 0, seen: UNSEEN });
/// There is no list.
pub(crate) const UNLISTED: End = End::Doubt(Doubt { says: "", out: 1, seen: &["cannot_look"] });
pub(crate) const UNLISTED_ABSENT: End = End::Doubt(Doubt { says: "", out: 0, seen: &["cannot_look"] });

/// What Weibo says of a post that people look at first.
pub(crate) const IN_REVIEW: &str = "人工审核";

const UNSEEN: &[&str] = &["not_seen", "part_seen"];

impl End {
    /// The same doubt, with words of the platform in its reason.
    pub(crate) fn saying(self, says: &'static str) -> Self {
        match self {
            Self::Doubt(doubt) => Self::Doubt(Doubt { says, ..doubt }),
            other => other,
        }
    }

    /// Nothing is out, and the platform would take it now.
    pub(crate) fn is_missing(self) -> bool {
        // What people at Weibo have turned down counts as said.
        matches!(self, Self::Doubt(Doubt { says, out: 0, seen }) if !seen.contains(&"found") && says != IN_REVIEW)
    }

    pub(crate) fn states(self) -> &'static [&'static str] {
        match self {
            Self::Published => &["published"],
            Self::Accepted => &["accepted", "published"],
            Self::Declined => &["accepted", "refused"],
            Self::Removed => &["published", "refused", "accepted"],
            Self::Refused(_) => &["refused"],
            Self::Held(_) => &["held"],
            Self::Waiting(_) => &["waiting"],
            Self::Again(_) => &["due", "accepted", "published"],
            Self::Doubt(doubt) if doubt.seen == ["found"] => &["in_doubt", "published"],
            Self::Doubt(doubt) if doubt.seen.contains(&"found") => &["in_doubt", "published", "needs_person"],
            Self::Doubt(_) => &["in_doubt", "needs_person"],
        }
    }

    /// In the reason, while the delivery is not simply out.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Published | Self::Accepted | Self::Declined | Self::Removed => "",
            Self::Refused(says) | Self::Held(says) | Self::Waiting(says) | Self::Again(says) => says,
            Self::Doubt(doubt) => doubt.says,
        }
    }

    /// Posts of it that the public has seen, or will see, of a delivery in this state.
    pub(crate) fn out(self, state: &str) -> usize {
        match self {
            Self::Again(_) => usize::from(state != "due"),
            Self::Published | Self::Accepted | Self::Removed => 1,
            Self::Doubt(doubt) => doubt.out,
            _ => 0,
        }
    }
}
