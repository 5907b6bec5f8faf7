//! What operations are given and what they answer.

use serde::{Deserialize, Serialize};

/// Body of `publish`: exactly what was approved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Post {
    pub title: Option<String>,
    pub text: String,
    pub link: Option<String>,
    /// Blob handles, in order.
    pub media: Vec<Media>,
    /// For a re-issue: whose post this was.
    pub source: Option<Source>,
}

/// A picture or a video, by handle; its bytes are read with `blob.read` or sent as [`super::Part::Blob`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Content hash, lower-case hexadecimal SHA-256.
    pub blob: String,
    pub mime: String,
    pub bytes: u64,
    #[serde(default)]
    pub alt: Option<String>,
}

/// Where a forwarded item comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Name of the account it was first on.
    pub account_name: String,
    pub uid: String,
    /// Id and address on the platform.
    pub id: String,
    pub url: Option<String>,
}

/// Body of `repost`: a native forward.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repost {
    pub origin: Source,
    pub comment: String,
}

/// Answer of `publish` and `repost`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Published {
    /// It is out.
    Published {
        id: String,
        #[serde(default)]
        url: Option<String>,
        #[serde(default)]
        at_unix_ms: Option<i64>,
    },
    /// The platform took it and decides later; ask with `track`.
    Accepted {
        /// What `track` needs to ask again.
        ticket: String,
    },
}

/// Body of `track`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    pub ticket: String,
}

/// Answer of `track`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Tracked {
    Published {
        id: String,
        #[serde(default)]
        url: Option<String>,
        #[serde(default)]
        at_unix_ms: Option<i64>,
    },
    Pending {
        #[serde(default)]
        after_ms: Option<u64>,
    },
    Refused {
        reason: String,
    },
}

/// Body of `find_published`: is this post on the account? With neither `post` nor `repost`: which posts are there at all,
/// whoever made them (P27)? A platform without such a list answers `unsupported` to that, and is not watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Find {
    pub post: Option<Post>,
    pub repost: Option<Repost>,
    /// Nothing older than this can be ours.
    pub since_unix_ms: i64,
    pub until_unix_ms: i64,
}

impl Find {
    /// It asks for every post of the window.
    #[must_use]
    pub fn asks_for_all(&self) -> bool {
        self.post.is_none() && self.repost.is_none()
    }
}

/// Answer of `find_published`. Presence is proof, absence never is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Every post that matches, oldest first.
    pub matches: Vec<FoundPost>,
    /// The whole window was read, to its last page. Left out, the list counts as a part (F66): what is not on it may be
    /// there all the same.
    pub complete: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FoundPost {
    /// The id that `publish` answers for the same post.
    pub id: String,
    pub url: Option<String>,
    pub at_unix_ms: Option<i64>,
    /// What the public reads, where every post was asked for: people see it in the alarm.
    pub text: Option<String>,
}

/// Body of `retract`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retract {
    pub id: String,
}

/// Answer of `check`: whom the credentials belong to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountInfo {
    pub uid: String,
    pub name: String,
    /// Good to know, each a sentence for people; nothing is missing.
    pub notes: Vec<String>,
    /// What the account lacks, although it is signed in.
    pub lacks: Vec<Lack>,
    /// When the account has to sign in again; `None` when that is not known. That it ends soon, the daemon says.
    pub signed_in_until_unix_ms: Option<i64>,
}

impl AccountInfo {
    /// The platform answers nothing of the account to this machine, or not with these secrets.
    #[must_use]
    pub fn shuts_out(&self) -> bool {
        self.lacks.iter().any(|lack| matches!(lack.what, LackKind::Address | LackKind::Secret))
    }
}

/// Something that an account cannot do, or not now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lack {
    pub what: LackKind,
    /// One sentence for people: what is missing, and what to do.
    pub text: String,
    /// The platform's own code.
    pub code: Option<String>,
}

/// What kind of thing is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LackKind {
    /// The platform has not granted an interface that publishing needs.
    Permission,
    /// Used up for now.
    Quota,
    /// This machine's address is not on the platform's list.
    Address,
    /// A secret that people give is missing or wrong.
    Secret,
    /// A setting is missing or wrong.
    Setting,
    /// Something else, or a kind that is not known here.
    #[default]
    #[serde(other)]
    Other,
}
