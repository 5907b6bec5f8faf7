//! Pictures: the cover as permanent material, those of the text at the platform's own addresses, as it drops all others.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::url;
use crate::wire::{Leaves, Platform, Refused};

/// The cover: what it is called there, and whether it is one that an earlier post had uploaded.
pub(crate) struct Cover {
    pub(crate) media_id: String,
    pub(crate) kept: bool,
}

impl Platform<'_> {
    /// The cover of an article: its first picture, else the one of the account's settings.
    pub(crate) async fn cover(&self, post: &Post) -> Result<Cover> {
        let Some(picture) = post.media.first() else {
            return Ok(Cover { media_id: self.cx.setting("cover_media_id")?.to_owned(), kept: false });
        };
        let key = cover_key(picture);
        if let Some(media_id) = self.kept(&key).await? {
            return Ok(Cover { media_id, kept: true });
        }
        let sent: Material =
            self.upload("/cgi-bin/material/add_material", &[("type", "image")], picture).await?;
        self.cx.kv().set(&key, sent.media_id.as_bytes()).await?;
        Ok(Cover { media_id: sent.media_id, kept: false })
    }

    /// Somebody has deleted it there.
    pub(crate) async fn forget_cover(&self, post: &Post) -> Result<()> {
        match post.media.first() {
            Some(picture) => self.cx.kv().delete(&cover_key(picture)).await,
            None => Ok(()),
        }
    }

    /// Where a picture of the text is, and what it shows.
    pub(crate) async fn hosted(&self, picture: &Media) -> Result<(String, String)> {
        let alt = picture.alt.clone().unwrap_or_default();
        let key = format!("picture:{}", picture.blob);
        if let Some(url) = self.kept(&key).await? {
            return Ok((url, alt));
        }
        let hosted: Hosted = self.upload("/cgi-bin/media/uploadimg", &[], picture).await?;
        self.cx.kv().set(&key, hosted.url.as_bytes()).await?;
        Ok((hosted.url, alt))
    }

    async fn kept(&self, key: &str) -> Result<Option<String>> {
        let kept = self.cx.kv().get(key).await?;
        Ok(kept.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// A picture that nobody sees yet: one that is there twice does no harm, so that a lost answer is no doubt.
    async fn upload<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        picture: &Media,
    ) -> Result<T> {
        let url = url(self.cx, path)?;
        let request = || {
            let ending = if picture.mime == "image/png" { "png" } else { "jpg" };
            let part = Part::Blob {
                name: "media".to_owned(),
                blob: picture.blob.clone(),
                filename: format!("{}.{ending}", picture.blob.get(..16).unwrap_or("picture")),
                mime: picture.mime.clone(),
            };
            let request = self.cx.http().post(&url).multipart(vec![part]);
            Ok(query.iter().fold(request, |request, (name, value)| request.query(name, value)))
        };
        let answer = self.send(request, Leaves::Nothing).await?;
        match Refused::of(&answer) {
            Some(no) => Err(self.refused(&no, Leaves::Nothing)),
            None => answer.json(),
        }
    }
}

fn cover_key(picture: &Media) -> String {
    format!("cover:{}", picture.blob)
}

#[derive(Deserialize)]
struct Material {
    media_id: String,
}

#[derive(Deserialize)]
struct Hosted {
    url: String,
}
