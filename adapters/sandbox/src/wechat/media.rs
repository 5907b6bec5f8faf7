//! Pictures, voices and films: their kinds, what is demanded of each, and the library of an account.

use axum::body::Bytes;

use super::dialect::error;
use crate::exchange::Refusal;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Temporary media end after three days, in milliseconds.
pub(crate) const TEMPORARY_MS: i64 = 3 * 86_400_000;
/// Permanent ones: images, and each other kind.
const MOST_IMAGES: usize = 100_000;
const MOST_OTHERS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Voice,
    Video,
    Thumb,
}

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) media_id: String,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    /// Of images.
    pub(crate) url: Option<String>,
    /// Of films.
    pub(crate) introduction: String,
    /// Unix seconds.
    pub(crate) at: i64,
    /// Of temporary ones, in Unix milliseconds.
    pub(crate) until: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    all: Vec<Stored>,
}

impl Kind {
    pub(crate) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "image" => Self::Image,
            "voice" => Self::Voice,
            "video" => Self::Video,
            "thumb" => Self::Thumb,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
        }
    }

    /// 44001 for nothing, 40005 for a file of another kind, 40009 or 45001 for one that is too large.
    pub(crate) fn check(self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.is_empty() {
            return Err(error(44001));
        }
        let format = format_of(bytes);
        let (fits, most, too_large) = match self {
            Self::Image => (matches!(format, Some("jpg" | "png" | "gif" | "bmp")), 10 * MIB, 40009),
            Self::Thumb => (format == Some("jpg"), 64 * KIB, 40009),
            Self::Voice => (matches!(format, Some("mp3" | "wma" | "wav" | "amr")), 2 * MIB, 45001),
            Self::Video => (format == Some("mp4"), 10 * MIB, 45001),
        };
        judge(fits, bytes.len() <= most, too_large)
    }
}

/// A picture for the text of an article: JPEG or PNG below 1 MB.
pub(crate) fn check_article_image(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.is_empty() {
        return Err(error(44001));
    }
    judge(matches!(format_of(bytes), Some("jpg" | "png")), bytes.len() < MIB, 40009)
}

fn judge(fits: bool, is_small: bool, too_large: i64) -> Result<(), Refusal> {
    match (fits, is_small) {
        (false, _) => Err(error(40005)),
        (true, false) => Err(error(too_large)),
        (true, true) => Ok(()),
    }
}

/// By the first bytes, whatever the name says.
pub(crate) fn format_of(bytes: &[u8]) -> Option<&'static str> {
    const STARTS: [(&[u8], &str); 9] = [
        (b"\xff\xd8\xff", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF8", "gif"),
        (b"BM", "bmp"),
        (b"ID3", "mp3"),
        (b"\xff\xfb", "mp3"),
        (b"\x30\x26\xb2\x75", "wma"),
        (b"RIFF", "wav"),
        (b"#!AMR", "amr"),
    ];
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some("mp4");
    }
    STARTS.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, format)| *format)
}

/// The content type that a download has.
pub(crate) fn content_type_of(bytes: &[u8]) -> &'static str {
    match format_of(bytes) {
        Some("jpg") => "image/jpeg",
        Some("png") => "image/png",
        Some("gif") => "image/gif",
        Some("bmp") => "image/bmp",
        Some("mp4") => "video/mp4",
        _ => "application/octet-stream",
    }
}

impl Library {
    pub(crate) fn add(&mut self, stored: Stored) -> Result<(), Refusal> {
        let most = if stored.kind == Kind::Image { MOST_IMAGES } else { MOST_OTHERS };
        if stored.until.is_none() && self.permanent(stored.kind).count() >= most {
            return Err(error(45034));
        }
        self.all.push(stored);
        Ok(())
    }

    /// A permanent one; the others do not count for drafts.
    pub(crate) fn kept(&self, media_id: &str) -> Option<&Stored> {
        self.all.iter().find(|one| one.media_id == media_id && one.until.is_none())
    }

    /// Any, unless its time is over.
    pub(crate) fn any(&self, media_id: &str, now: i64) -> Option<&Stored> {
        self.all.iter().find(|one| one.media_id == media_id && one.until.is_none_or(|until| now < until))
    }

    pub(crate) fn permanent(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Stored> {
        // Thumbs are kept among the images.
        let is_of = move |one: &&Stored| {
            one.until.is_none() && (one.kind == kind || (kind == Kind::Image && one.kind == Kind::Thumb))
        };
        self.all.iter().filter(is_of)
    }

    /// Whether there was one.
    pub(crate) fn forget(&mut self, media_id: &str) -> bool {
        let before = self.all.len();
        self.all.retain(|one| one.media_id != media_id || one.until.is_some());
        self.all.len() < before
    }
}
