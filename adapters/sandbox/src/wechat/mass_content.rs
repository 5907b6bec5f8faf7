//! What a mass send carries: articles of a draft, a text, or media of the library.

use std::sync::Arc;

use serde_json::Value;

use super::body::text;
use super::dialect::error;
use super::state::Account;
use crate::exchange::Refusal;

/// Bytes.
const LONGEST_TEXT: usize = 2_048;

/// What is sent.
pub(crate) enum Content {
    Articles(String),
    Text(String),
    /// Voice, images, film: of the library, by kind and ids.
    Media(&'static str, Vec<String>),
}

impl Content {
    pub(crate) fn read(json: &Value) -> Result<Self, Refusal> {
        let branch = |name: &str| json.get(name).filter(|branch| branch.is_object());
        let media = |name: &str| branch(name).and_then(|branch| text(branch, "media_id")).map(str::to_owned);
        match text(json, "msgtype") {
            Some("mpnews") => media("mpnews").map(Self::Articles).ok_or_else(|| error(40007)),
            Some("text") => {
                let words = branch("text").and_then(|branch| text(branch, "content"));
                let words = words.ok_or_else(|| error(44004))?;
                if words.len() > LONGEST_TEXT { Err(error(45002)) } else { Ok(Self::Text(words.to_owned())) }
            }
            Some("voice") => Ok(Self::Media("voice", vec![media("voice").ok_or_else(|| error(40007))?])),
            Some("mpvideo") => Ok(Self::Media("video", vec![media("mpvideo").ok_or_else(|| error(40007))?])),
            Some("image") => {
                let listed = branch("images").and_then(|branch| branch.get("media_ids")?.as_array());
                let listed =
                    listed.map(|ids| ids.iter().filter_map(Value::as_str).map(str::to_owned).collect());
                let ids: Vec<String> =
                    listed.or_else(|| media("image").map(|id| vec![id])).unwrap_or_default();
                if ids.is_empty() { Err(error(40007)) } else { Ok(Self::Media("image", ids)) }
            }
            Some("wxcard") => Err(error(45113)),
            _ => Err(error(40008)),
        }
    }

    /// 40007 unless the account has what is to be sent.
    pub(crate) fn check(&self, account: &Account, now: i64) -> Result<(), Refusal> {
        let is_there = match self {
            Self::Articles(media_id) => account.sendable(media_id).is_some(),
            Self::Text(_) => true,
            Self::Media(_, ids) => ids.iter().all(|id| account.library.any(id, now).is_some()),
        };
        if is_there { Ok(()) } else { Err(error(40007)) }
    }

    pub(crate) fn words(&self) -> Vec<Arc<str>> {
        match self {
            Self::Text(text) => vec![text.as_str().into()],
            Self::Articles(_) | Self::Media(..) => Vec::new(),
        }
    }
}
