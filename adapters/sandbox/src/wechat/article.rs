//! One article of a draft: what the platform demands of it, and how it shows it.

use serde_json::{Value, json};

use super::body::{flag, number, text};
use super::dialect::error;
use super::markup;
use super::settings::AccountSeed;
use crate::exchange::Refusal;

/// Bytes of content. The manual says 20,000 characters and 1 MB; owners met the wall here.
const LONGEST_CONTENT: usize = 690_000;
const LONGEST_SOURCE_URL: usize = 1_024;
/// Characters.
const LONGEST_DIGEST: usize = 120;
const DRAWN_DIGEST: usize = 54;
/// Half-width characters; a Chinese one is two.
const LONGEST_AUTHOR: usize = 16;
const MOST_ARTICLES: usize = 8;
const MOST_IMAGES: usize = 20;

#[derive(Clone, Debug)]
pub(crate) struct Article {
    pub(crate) form: Form,
    pub(crate) title: String,
    author: String,
    digest: String,
    /// As the platform keeps it.
    content: String,
    /// What a reader sees of it.
    pub(crate) words: String,
    pub(crate) source_url: String,
    thumb_media_id: String,
    shows_cover: bool,
    pub(crate) takes_comments: bool,
    followers_comment: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    News,
    /// An image message (图片消息), with its permanent images.
    Images(Vec<String>),
}

/// Reads `articles` of a new draft.
pub(crate) fn read_all(json: &Value, settings: &AccountSeed) -> Result<Vec<Article>, Refusal> {
    let articles = json.get("articles").and_then(Value::as_array).filter(|all| !all.is_empty());
    let articles = articles.ok_or_else(|| error(44003))?;
    if articles.len() > MOST_ARTICLES {
        return Err(error(45008));
    }
    articles.iter().map(|one| Article::read(one, settings, articles.len() == 1)).collect()
}

impl Article {
    /// Reads one article; `alone`: its draft has no other, so it needs a digest.
    pub(crate) fn read(json: &Value, settings: &AccountSeed, alone: bool) -> Result<Self, Refusal> {
        if !json.is_object() {
            return Err(error(44003));
        }
        let owned = |name: &str| text(json, name).unwrap_or_default().to_owned();
        let (title, author, content) = (owned("title"), owned("author"), owned("content"));
        let form = form(json)?;
        check_title(&title, settings.title_limit)?;
        if content.is_empty() {
            return Err(error(44004));
        }
        if content.len() > LONGEST_CONTENT {
            return Err(error(45002));
        }
        if author.chars().map(width).sum::<usize>() > LONGEST_AUTHOR {
            return Err(error(45110));
        }
        let (source_url, takes_comments) = (owned("content_source_url"), flag(json, "need_open_comment"));
        check_source(&source_url)?;
        if takes_comments && !(settings.comments && settings.verified) {
            return Err(error(88000));
        }
        let content = if form == Form::News { markup::cleaned(&content) } else { content };
        let words = markup::words(&content);
        let mut digest = owned("digest");
        if digest.chars().count() > LONGEST_DIGEST {
            return Err(error(45004));
        }
        if alone && digest.is_empty() {
            digest = words.chars().filter(|one| *one != '\n').take(DRAWN_DIGEST).collect();
        }
        let thumb_media_id = owned("thumb_media_id");
        let (followers_comment, shows_cover) =
            (flag(json, "only_fans_can_comment"), flag(json, "show_cover_pic"));
        Ok(Self {
            form,
            title,
            author,
            digest,
            content,
            words,
            source_url,
            thumb_media_id,
            shows_cover,
            takes_comments,
            followers_comment,
        })
    }

    /// The permanent media that it needs.
    pub(crate) fn media(&self) -> Vec<&str> {
        match &self.form {
            Form::News => vec![&self.thumb_media_id],
            Form::Images(ids) => ids.iter().map(String::as_str).collect(),
        }
    }

    /// An element of `news_item`.
    pub(crate) fn shown(&self, url: &str, with_content: bool) -> Value {
        let mut shown = json!({
            "article_type": if self.form == Form::News { "news" } else { "newspic" },
            "title": self.title,
            "author": self.author,
            "digest": self.digest,
            "content": self.content,
            "content_source_url": self.source_url,
            "thumb_media_id": self.thumb_media_id,
            "show_cover_pic": i32::from(self.shows_cover),
            "need_open_comment": i32::from(self.takes_comments),
            "only_fans_can_comment": i32::from(self.followers_comment),
            "url": url,
        });
        if let Some(fields) = shown.as_object_mut() {
            if !with_content {
                fields.remove("content");
            }
            if let Form::Images(ids) = &self.form {
                let list: Vec<Value> = ids.iter().map(|id| json!({ "image_media_id": id })).collect();
                fields.insert("image_info".into(), json!({ "image_list": list }));
            }
        }
        shown
    }
}

fn form(json: &Value) -> Result<Form, Refusal> {
    match text(json, "article_type").unwrap_or("news") {
        "news" => Ok(Form::News),
        "newspic" => {
            let list = json.pointer("/image_info/image_list").and_then(Value::as_array);
            let list = list.filter(|list| !list.is_empty()).ok_or_else(|| error(40007))?;
            if list.len() > MOST_IMAGES {
                return Err(error(40215));
            }
            let id = |one: &Value| text(one, "image_media_id").map(str::to_owned).ok_or_else(|| error(40007));
            Ok(Form::Images(list.iter().map(id).collect::<Result<_, _>>()?))
        }
        _ => Err(error(40035)),
    }
}

fn check_title(title: &str, limit: usize) -> Result<(), Refusal> {
    match title.chars().count() {
        0 => Err(error(40035)),
        length if length > limit => Err(error(45003)),
        _ => Ok(()),
    }
}

fn check_source(url: &str) -> Result<(), Refusal> {
    if url.len() > LONGEST_SOURCE_URL {
        return Err(error(45005));
    }
    // The manual's own examples have none of `http://`, so a host is enough.
    let is_web = match url.split_once("://") {
        Some((scheme, rest)) => matches!(scheme, "http" | "https") && !rest.is_empty(),
        None => url.contains('.'),
    };
    if url.is_empty() || (is_web && !url.contains(char::is_whitespace)) { Ok(()) } else { Err(error(41039)) }
}

fn width(one: char) -> usize {
    if one.is_ascii() { 1 } else { 2 }
}

/// `index` of `draft/update`, from 0: 40114 unless the draft has it.
pub(crate) fn index_within(json: &Value, length: usize) -> Result<usize, Refusal> {
    let index = json.get("index").map_or(Some(0), number).and_then(|index| usize::try_from(index).ok());
    index.filter(|index| *index < length).ok_or_else(|| error(40114))
}
