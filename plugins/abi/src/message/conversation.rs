//! What readers write and what the account answers: messages, replies, moderation.

use serde::{Deserialize, Serialize};

/// Body of `poll_messages`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Poll {
    /// What the last poll answered, as it stood; `None` at the first.
    pub cursor: Option<String>,
    /// Nothing older is wanted.
    pub since_unix_ms: i64,
    /// No more than this many at once; 0: as many as a page has.
    pub most: u32,
    /// Posts of the account whose comments are of interest, newest first, by the ids that `publish` answered: for platforms
    /// that list comments by post only.
    pub posts: Vec<String>,
}

/// Answer of `poll_messages`. The same message may come more than once; kind and id say that it is the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// For the next poll, once these messages are stored; `None`: as before.
    pub cursor: Option<String>,
    /// There is more now.
    pub more: bool,
    /// Asking again sooner is of no use, or costs more than the platform allows.
    pub after_ms: Option<u64>,
    /// What could not be read, in words for people: messages may be missing.
    pub gaps: Vec<String>,
}

/// What somebody wrote to the account or about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    pub kind: MessageKind,
    /// Unique within the kind and the account.
    pub id: String,
    /// The post that was commented on, or the one that mentions the account.
    pub post: Option<String>,
    /// The comment that this one answers.
    pub parent: Option<String>,
    pub author: Author,
    pub text: String,
    /// Pictures and the like, as far as the platform says where they are.
    pub media: Vec<Attachment>,
    pub at_unix_ms: i64,
    /// Where people read it.
    pub url: Option<String>,
    /// Whether the public sees it; `None` when the platform does not say.
    pub shown: Option<bool>,
    /// Until then the platform lets the account answer; `None`: no limit is known.
    pub reply_until_unix_ms: Option<i64>,
    /// How many more answers the platform lets through; `None`: no limit is known.
    pub replies_left: Option<u32>,
}

/// An unknown kind reads as [`MessageKind::Other`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Under a post of the account.
    Comment,
    /// A post of somebody else that names the account.
    Mention,
    /// A comment under somebody else's post that names the account.
    MentionInComment,
    /// Only the account reads it.
    Private,
    #[default]
    #[serde(other)]
    Other,
}

/// Who wrote it. Never the account itself: what it answered is not listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Author {
    pub uid: String,
    /// Empty when the platform does not tell.
    pub name: String,
}

/// What a message carries besides its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// `image`, `voice`, `video`, `location`, `link`, or the platform's own word.
    pub kind: String,
    pub url: Option<String>,
    /// By which the platform gives it out.
    pub id: Option<String>,
}

/// Body of `reply`: exactly what was decided, to one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reply {
    /// The message as `poll_messages` or `receive` gave it.
    pub to: Message,
    pub text: String,
    /// Sends nothing: only looks whether this answer is there already, after a try whose end nobody knows.
    pub look_only: bool,
}

/// Answer of `reply`. Presence is proof, absence never is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Replied {
    /// It is there.
    Sent {
        /// `None` when the platform gives none.
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        at_unix_ms: Option<i64>,
    },
    /// Only for `look_only`: it was not found. `complete` when the whole list was read.
    NotSeen {
        #[serde(default)]
        complete: bool,
    },
}

/// Body of `moderate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moderate {
    pub action: Moderation,
    /// The post whose comments it is about.
    #[serde(default)]
    pub post: Option<String>,
    /// The comment; not for `open_comments` and `close_comments`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What a platform does not know answers `unsupported`. What is so already is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moderation {
    /// Removes a comment for good.
    Delete,
    /// The public does not see the comment any more.
    Hide,
    Show,
    /// Puts the comment first, or shows it where only chosen ones are shown.
    Elect,
    Unelect,
    /// Removes the account's own answer to the comment.
    DeleteReply,
    OpenComments,
    CloseComments,
}
