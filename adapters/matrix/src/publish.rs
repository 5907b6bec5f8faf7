//! A post: at most one picture goes up first, where nobody sees it, then the one event that is seen.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::errcode::is_code;
use crate::event::{self, Uploaded};
use crate::wire::{Leaves, Platform};

/// More would be an event each, and a post could be there in part.
const MOST_PICTURES: usize = 1;

impl Platform<'_> {
    pub(crate) async fn publish(&self, post: &Post) -> Result<Published> {
        if post.media.len() > MOST_PICTURES {
            let said = format!("一条 Matrix 消息只能带 1 张图片，稿件有 {} 张，没有发送", post.media.len());
            return Err(Error::rejected(said, RejectedBy::Content, "media"));
        }
        let key = self.cx.meta.idempotency_key.as_str();
        // Before anything leaves: what is too long is.
        let content = match post.media.first() {
            None => event::of_post(post, None, key)?,
            Some(media) => {
                event::of_post(post, None, key)?;
                let mxc = self.upload(media).await?;
                event::of_post(post, Some(&Uploaded { mxc, media }), key)?
            }
        };
        let url = self.room(&format!("send/m.room.message/{}", segment(key)));
        let id = self.put(&url, &content, key).await?;
        Ok(Published::Published { url: Some(self.permalink(&id)), id, at_unix_ms: None })
    }

    /// By its handle: the bytes never pass through here. A lost answer costs nothing, as no event names the picture yet.
    async fn upload(&self, media: &Media) -> Result<String> {
        #[derive(Deserialize)]
        struct Stored {
            content_uri: String,
        }
        let url = format!("{}/_matrix/media/v3/upload", self.account.base_url);
        let name = event::filename(media);
        let request = || {
            let request = self.cx.http().post(&url).query("filename", &name);
            request.body_blob(&media.blob, &media.mime).effect(Effect::Safe)
        };
        Ok(self.signed(request, Leaves::Nothing).await?.json::<Stored>()?.content_uri)
    }

    /// What is redacted stays as an empty place; once more does no harm.
    pub(crate) async fn retract(&self, retract: &Retract) -> Result<()> {
        self.redact(&retract.id, &format!("{}-redact", self.cx.meta.idempotency_key)).await
    }

    pub(crate) async fn redact(&self, event: &str, key: &str) -> Result<()> {
        let url = self.room(&format!("redact/{}/{}", segment(event), segment(key)));
        match self.put(&url, &json!({}), key).await {
            Ok(_) => Ok(()),
            Err(no) if is_code(&no, "M_NOT_FOUND") => Ok(()),
            Err(other) => Err(other),
        }
    }
}
