//! Pictures: what is taken, and what they are called.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::PLATFORM;
use super::dialect::JSON;
use super::errors::error;
use super::session::Asked;
use super::shapes::picture;
use crate::answer::Reply;
use crate::effect::{EffectKind, NewEffect, bytes_hash};
use crate::exchange::{Intent, Refusal};
use crate::world::now_unix_ms;

/// 5 MB.
const MOST_BYTES: usize = 5 * 1024 * 1024;

/// A picture that is well formed.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) id: String,
    pub(crate) bytes: usize,
    pub(crate) hash: [u8; 32],
}

impl Picture {
    fn of(bytes: &[u8]) -> Self {
        let hash = bytes_hash(bytes);
        let digits: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        Self { id: format!("{digits}gy1"), bytes: bytes.len(), hash }
    }

    /// One that Weibo fetches. It is named after its address, because nothing is fetched here.
    pub(crate) fn at(url: &str) -> Self {
        Self { bytes: 0, ..Self::of(&Sha256::digest(url.as_bytes())) }
    }
}

/// The file `pic` of an upload, if there is one.
pub(crate) fn sent(asked: &Asked) -> Result<Option<Picture>, Refusal> {
    let Some(file) = asked.fields.file("pic") else { return Ok(None) };
    if file.bytes.is_empty() {
        return Err(error(20007));
    }
    if file.bytes.len() >= MOST_BYTES {
        return Err(error(20006));
    }
    let starts: [&[u8]; 4] = [b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"\x89PNG"];
    if !starts.iter().any(|start| file.bytes.starts_with(start)) {
        return Err(error(20005));
    }
    Ok(Some(Picture::of(&file.bytes)))
}

/// `statuses/upload_pic`, `statuses/upload_pic/biz`: one picture, to be posted later by its id.
pub(crate) fn upload_pic(asked: &Asked) -> Result<Intent, Refusal> {
    let sent = sent(asked)?.ok_or_else(|| error(20007))?;
    Ok(Intent::plain(move |world, call| {
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Media, call.request.clone());
        effect.account = call.account;
        effect.hash = sent.hash;
        effect.bytes = Some(sent.bytes);
        world.ledger.record(effect, now_unix_ms())?;
        let answer = json!({
            "pic_id": sent.id,
            "thumbnail_pic": picture(&sent.id, "thumbnail"),
            "bmiddle_pic": picture(&sent.id, "bmiddle"),
            "original_pic": picture(&sent.id, "large"),
        });
        world.weibo.pictures.insert(sent.id, sent.bytes);
        Ok(Reply::json(200, &answer).typed(JSON))
    }))
}
