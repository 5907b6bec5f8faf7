//! A post: what the tier lets through is checked before anything leaves, then pictures, then the one request that is seen.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::{Part as Where, Tier};
use crate::text::{self, MOST_UNITS};
use crate::wire::{Leaves, Platform, Status, TOKEN};

/// Weibo takes no more than this of one picture (20006).
const MOST_BYTES: u64 = 5 * 1024 * 1024;
/// What it takes (20005).
const PICTURES: &[&str] = &["image/jpeg", "image/gif", "image/png"];
/// Of one post, where the pictures are uploaded before it.
const MOST_PICTURES: usize = 9;
/// Characters of a long post: Weibo's page says 2,000, whatever it takes besides (20049).
const MOST_LONG: usize = 2_000;

impl Platform<'_> {
    pub(crate) async fn publish(&self, post: &Post) -> Result<Published> {
        let text = self.rendered(&text::compose(post))?;
        self.check_pictures(&post.media)?;
        if self.tier == Tier::Granted && is_long(&text) && post.media.len() > 1 {
            let said = "此账号的接口不能发配多张图片的长微博，没有发送；请删减文字或只留一张图片";
            return Err(Error::rejected(said, RejectedBy::Content, "20049"));
        }
        self.send_post(&text, &post.media).await
    }

    /// The text as it leaves: on the open tier with an address of the safe domain. Nothing is ever cut: too long is a no.
    pub(crate) fn rendered(&self, text: &str) -> Result<String> {
        self.fitted(text, self.long_posts()?)
    }

    /// The same where it is known whether a long one is taken.
    pub(crate) fn fitted(&self, text: &str, long: bool) -> Result<String> {
        let text = if self.tier == Tier::Open { self.with_safe_address(text)? } else { text.to_owned() };
        let units = text::units(&text);
        if units == 0 {
            return Err(Error::rejected("内容为空，微博不接受", RejectedBy::Content, "20008"));
        }
        if units > MOST_UNITS && long {
            let characters = text.chars().count();
            if characters > MOST_LONG {
                let said = format!(
                    "长微博有 {characters} 字，超过 {MOST_LONG} 字的限制，没有发送；请删减后重新送审"
                );
                return Err(Error::rejected(said, RejectedBy::Content, "20049"));
            }
            return Ok(text);
        }
        if units > MOST_UNITS {
            let over = (units - MOST_UNITS).div_ceil(2);
            let said =
                format!("超过微博 140 字的限制 {over} 字（网址按 10 字计），没有发送；请删减后重新送审");
            return Err(Error::rejected(said, RejectedBy::Content, "20012"));
        }
        Ok(text)
    }

    /// Whether Weibo gave the account long posts. The open interface and forwards have none.
    fn long_posts(&self) -> Result<bool> {
        let wanted: Option<bool> = self.cx.setting_as("long_posts")?;
        Ok(self.tier != Tier::Open && wanted == Some(true))
    }

    /// `statuses/share` refuses a text without such an address, and takes topics out without a word.
    fn with_safe_address(&self, text: &str) -> Result<String> {
        let domain = self.cx.setting("safe_domain")?;
        if text::has_topic(text) {
            let said =
                "开放接口会删去 #话题#，发出的内容将与审定的不同，没有发送；请去掉 # 号，或改用商业接口";
            return Err(Error::rejected(said, RejectedBy::Content, "topic"));
        }
        if text::names_host(text, domain) {
            return Ok(text.to_owned());
        }
        let Some(link) = self.share_link()? else {
            let said = format!(
                "开放接口要求文字中有 {domain} 的网址，没有发送；请在稿件中加链接，或设置 share_link"
            );
            return Err(Error::rejected(said, RejectedBy::Content, "10017"));
        };
        Ok(format!("{text} {link}"))
    }

    /// The address that the settings want at the end of a post that has none: `{key}` is the delivery's.
    pub(crate) fn share_link(&self) -> Result<Option<String>> {
        let link: Option<String> = self.cx.setting_as("share_link")?;
        let link = link.map(|link| link.replace("{key}", &self.cx.meta.idempotency_key));
        let domain = self.cx.setting("safe_domain")?;
        match link {
            Some(link) if !text::names_host(&link, domain) => {
                Err(Error::misconfigured(format!("share_link 应是 {domain} 的网址"), "share_link"))
            }
            link => Ok(link),
        }
    }

    fn check_pictures(&self, media: &[Media]) -> Result<()> {
        let no = |said: String, code| Err(Error::rejected(said, RejectedBy::Content, code));
        let most = if self.tier == Tier::Open { 1 } else { MOST_PICTURES };
        if media.len() > most {
            return no(
                format!("此账号的接口一次只能发 {most} 张图片，稿件有 {} 张，没有发送", media.len()),
                "20007",
            );
        }
        for one in media {
            if !PICTURES.contains(&one.mime.as_str()) {
                return no(format!("微博不接受 {}，只接受 JPG、GIF、PNG 图片，没有发送", one.mime), "20005");
            }
            if one.bytes >= MOST_BYTES {
                return no("有图片超过微博 5 MB 的限制，没有发送".to_owned(), "20006");
            }
        }
        Ok(())
    }

    /// The one request that makes a post visible.
    pub(crate) async fn send_post(&self, text: &str, media: &[Media]) -> Result<Published> {
        let marker = marker(&self.cx.meta.idempotency_key);
        let mut fields = vec![("status", text)];
        if self.tier != Tier::Open {
            fields.push(("annotations", &marker));
        }
        if is_long(text) {
            fields.push(("is_longtext", "1"));
        }
        let rip: Option<String> = self.cx.setting_as("rip")?;
        fields.extend(rip.as_deref().map(|rip| ("rip", rip)));
        let pictures;
        let sent = match (self.tier, media) {
            (Tier::Open, []) => self.post(Where::Tiered, "statuses/share", &fields).await?,
            (_, []) => self.post(Where::Tiered, "statuses/update", &fields).await?,
            (Tier::Open, [one, ..]) => self.with_picture("statuses/share", &fields, one).await?,
            // `upload/biz` takes no long post.
            (tier, [one]) if tier == Tier::Granted || !is_long(text) => {
                self.with_picture("statuses/upload", &fields, one).await?
            }
            (_, several) => {
                pictures = self.upload(several).await?;
                fields.push(("pic_id", &pictures));
                self.post(Where::Tiered, "statuses/upload_url_text", &fields).await?
            }
        };
        self.receipt(&sent)
    }

    pub(crate) fn receipt(&self, sent: &Response) -> Result<Published> {
        let status: Status = sent.json()?;
        if status.idstr.is_empty() {
            return Err(Error::in_doubt("微博答复成功，但没有给出编号"));
        }
        let url = status.url(&self.cx.meta.uid);
        Ok(Published::Published { at_unix_ms: status.at_unix_ms(), url, id: status.idstr })
    }

    /// Text and picture in one request; the bytes never pass through here.
    async fn with_picture(&self, path: &str, fields: &[(&str, &str)], picture: &Media) -> Result<Response> {
        let text = |name: &str, value: &str| Part::Text { name: name.to_owned(), value: value.to_owned() };
        let token = secret(TOKEN);
        let mut parts: Vec<Part> = vec![text(TOKEN, &token)];
        parts.extend(fields.iter().map(|(name, value)| text(name, value)));
        parts.push(file(picture));
        let request = self.cx.http().post(&self.address(Where::Tiered, path)?).multipart(parts);
        self.ask(request, Leaves::Something).await
    }

    /// Uploads one after another: nobody sees a picture before a post names it, so a lost answer costs nothing.
    async fn upload(&self, pictures: &[Media]) -> Result<String> {
        let mut ids = Vec::new();
        for picture in pictures {
            let token = Part::Text { name: TOKEN.to_owned(), value: secret(TOKEN) };
            let request = self.cx.http().post(&self.address(Where::Tiered, "statuses/upload_pic")?);
            let request = request.multipart(vec![token, file(picture)]).effect(Effect::Safe);
            let Uploaded { pic_id } = self.ask(request, Leaves::Nothing).await?.json()?;
            ids.push(pic_id);
        }
        Ok(ids.join(","))
    }

    /// Takes a post away; one that is already gone is fine.
    pub(crate) async fn retract(&self, retract: &Retract) -> Result<()> {
        if self.tier == Tier::Open {
            return Err(Error::unsupported("deleting a post by the open interface"));
        }
        match self.post(Where::Tiered, "statuses/destroy", &[("id", &retract.id)]).await {
            Ok(_) => Ok(()),
            Err(no) if is_code(&no, "20101") => Ok(()),
            Err(other) => Err(other),
        }
    }
}

fn is_long(text: &str) -> bool {
    text::units(text) > MOST_UNITS
}

/// What comes back with the post and says whose it is: at most 512 characters of JSON.
pub(crate) fn marker(key: &str) -> String {
    json!([{ "juzhen": key }]).to_string()
}

pub(crate) fn is_code(error: &Error, wanted: &str) -> bool {
    matches!(&error.kind, ErrorKind::Rejected { code: Some(code), .. } if code == wanted)
}

fn file(picture: &Media) -> Part {
    let end = picture.mime.rsplit('/').next().unwrap_or("jpeg");
    Part::Blob {
        name: "pic".to_owned(),
        blob: picture.blob.clone(),
        filename: format!("1.{end}"),
        mime: picture.mime.clone(),
    }
}

#[derive(Deserialize)]
struct Uploaded {
    pic_id: String,
}
