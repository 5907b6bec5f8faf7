//! What clients send to the mock platform, and what it insists on.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header;
use serde::Deserialize;

use crate::effect::Source;
use crate::exchange::{Arrival, Refusal};
use crate::strict;

/// In Unicode scalar values.
const LONGEST_TEXT: usize = 2_000;
const LONGEST_TITLE: usize = 200;
const LONGEST_LINK: usize = 2_000;
const LONGEST_UID: usize = 64;
const LONGEST_KEY: usize = 200;
const MOST_MEDIA: usize = 18;
const LONGEST_JSON: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PostForm {
    text: String,
    title: Option<String>,
    link: Option<String>,
    #[serde(default)]
    media: Vec<String>,
    source: Option<Source>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RepostForm {
    origin_id: String,
    origin_uid: String,
    comment: String,
}

/// Both ends included; an absent end is open.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    #[serde(default = "beginning")]
    pub(crate) since_unix_ms: i64,
    #[serde(default = "end")]
    pub(crate) until_unix_ms: i64,
    /// The page behind this post.
    pub(crate) after: Option<String>,
}

/// A post that is well formed.
#[derive(Debug)]
pub(crate) struct NewPost {
    pub(crate) text: Arc<str>,
    pub(crate) title: Option<Arc<str>>,
    pub(crate) link: Option<String>,
    pub(crate) media: Vec<String>,
    pub(crate) source: Option<Source>,
}

/// A repost that is well formed.
#[derive(Debug)]
pub(crate) struct NewRepost {
    pub(crate) origin_id: String,
    pub(crate) origin_uid: String,
    pub(crate) comment: Arc<str>,
}

pub(crate) fn new_post(arrival: &Arrival) -> Result<NewPost, Refusal> {
    check_uid(arrival)?;
    check_key(arrival)?;
    let form: PostForm = form(arrival)?;
    check_text("text", &form.text)?;
    if form.text.trim().is_empty() {
        return Err(bad_text("`text` is empty"));
    }
    if let Some(title) = &form.title {
        check_title(title)?;
    }
    if let Some(link) = &form.link {
        check_link("link", link)?;
    }
    if let Some(url) = form.source.as_ref().and_then(|source| source.url.as_deref()) {
        check_link("source.url", url)?;
    }
    if form.media.len() > MOST_MEDIA {
        return Err(bad_request(format!("at most {MOST_MEDIA} media, found {}", form.media.len())));
    }
    let PostForm { text, title, link, media, source } = form;
    Ok(NewPost { text: text.into(), title: title.map(Into::into), link, media, source })
}

pub(crate) fn new_repost(arrival: &Arrival) -> Result<NewRepost, Refusal> {
    check_uid(arrival)?;
    check_key(arrival)?;
    let RepostForm { origin_id, origin_uid, comment } = form(arrival)?;
    check_text("comment", &comment)?;
    Ok(NewRepost { origin_id, origin_uid, comment: comment.into() })
}

/// Bytes of media. A content type may be left out, but JSON or a form is a mistake.
pub(crate) fn new_media(arrival: &Arrival) -> Result<Bytes, Refusal> {
    let content_type =
        strict::essence(arrival.header(header::CONTENT_TYPE).unwrap_or("application/octet-stream"));
    let fits = ["image/", "video/", "audio/"].iter().any(|kind| content_type.starts_with(kind))
        || content_type == "application/octet-stream";
    if !fits {
        return Err(bad_request(format!("media are sent as their raw bytes, not as {content_type}")));
    }
    if arrival.body.is_empty() {
        return Err(bad_request("the media are empty"));
    }
    Ok(arrival.body.clone())
}

/// Ids go into links and pages, so they are plain.
pub(crate) fn check_uid(arrival: &Arrival) -> Result<(), Refusal> {
    let uid = arrival.account.as_deref().unwrap_or_default();
    check_account_id(uid).map_err(bad_request)
}

pub(crate) fn check_account_id(uid: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if uid.is_empty() || uid.len() > LONGEST_UID || !uid.bytes().all(is_plain) {
        return Err(format!("an account id is 1 to {LONGEST_UID} of A-Z a-z 0-9 - _ . and not {uid:?}"));
    }
    Ok(())
}

pub(crate) fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "bad_request", message)
}

fn bad_text(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "bad_text", message)
}

fn form<T: serde::de::DeserializeOwned>(arrival: &Arrival) -> Result<T, Refusal> {
    if arrival.body.len() > LONGEST_JSON {
        return Err(Refusal::new(413, "too_large", format!("a JSON body has at most {LONGEST_JSON} bytes")));
    }
    strict::json(&arrival.headers, &arrival.body).map_err(bad_request)
}

fn check_key(arrival: &Arrival) -> Result<(), Refusal> {
    let Some(value) = arrival.headers.get("idempotency-key") else { return Ok(()) };
    match value.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(()),
        _ => Err(bad_request(format!("`Idempotency-Key` has 1 to {LONGEST_KEY} ASCII characters"))),
    }
}

fn check_text(field: &str, text: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length > LONGEST_TEXT {
        return Err(bad_text(format!(
            "`{field}` has {length} characters, at most {LONGEST_TEXT} are allowed"
        )));
    }
    match text.chars().find(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t')) {
        Some(control) => Err(bad_text(format!("`{field}` contains the control character {control:?}"))),
        None => Ok(()),
    }
}

fn check_title(title: &str) -> Result<(), Refusal> {
    let length = title.chars().count();
    if length > LONGEST_TITLE {
        return Err(bad_text(format!(
            "`title` has {length} characters, at most {LONGEST_TITLE} are allowed"
        )));
    }
    if title.chars().any(char::is_control) {
        return Err(bad_text("`title` must be one line without control characters"));
    }
    Ok(())
}

fn check_link(field: &str, link: &str) -> Result<(), Refusal> {
    let is_web = link.starts_with("https://") || link.starts_with("http://");
    if !is_web || link.len() > LONGEST_LINK || link.chars().any(|one| one.is_control() || one == ' ') {
        return Err(bad_request(format!("`{field}` must be an http or https address, found {link:?}")));
    }
    Ok(())
}

fn beginning() -> i64 {
    i64::MIN
}

fn end() -> i64 {
    i64::MAX
}
