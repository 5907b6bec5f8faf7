//! From what was approved to a public article: pictures, a draft, and the one request that makes it public.

use core::time::Duration;

use juzhen_sdk::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::account::{self, Comments, Mode};
use crate::article::{self, Article, Style};
use crate::errcode::{self, Class};
use crate::ticket::Ticket;
use crate::wire::{Leaves, Number, Platform, Refused};

/// A mass send may be asked for again under its key after a minute, and not sooner.
const SAME_KEY_AGAIN: Duration = Duration::from_secs(61);
/// A call has time for that when so much of it is left.
const ENOUGH_MS: i64 = 75_000;

/// What the settings say of articles.
pub(crate) fn style(cx: &Cx) -> Result<Style> {
    let cover: Option<String> = cx.setting_as("cover_media_id")?;
    Ok(Style {
        author: cx.setting_as("author")?,
        title_limit: cx.setting_as("title_limit")?,
        has_cover: cover.is_some(),
    })
}

impl Platform<'_> {
    /// Until the last request nothing is public, and everything may be done again; that one is the effect.
    pub(crate) async fn publish(&self, post: &Post) -> Result<Published> {
        let article = article::render(post, &style(self.cx)?)?;
        let mode = account::mode(self.cx)?;
        let draft = self.draft(post, &article).await?;
        let sent = match mode {
            Mode::Freepublish => self.submit(&draft).await,
            Mode::Mass => self.send_all(&draft).await,
        };
        if let Err(error) = &sent
            && !matches!(error.kind, ErrorKind::InDoubt)
        {
            self.discard(&draft).await;
        }
        sent.map(|ticket| Published::Accepted { ticket: ticket.to_string() })
    }

    async fn draft(&self, post: &Post, article: &Article) -> Result<String> {
        let mut pictures = Vec::new();
        for picture in &post.media {
            pictures.push(self.hosted(picture).await?);
        }
        let content = article.content(&pictures)?;
        let cover = self.cover(post).await?;
        let added = self.add_draft(article, &content, &cover.media_id).await;
        let gone = |error: &Error| matches!(&error.kind, ErrorKind::Rejected { code: Some(code), .. } if code == "40007");
        match added {
            Err(error) if cover.kept && gone(&error) => {
                self.forget_cover(post).await?;
                let cover = self.cover(post).await?;
                self.add_draft(article, &content, &cover.media_id).await
            }
            added => added,
        }
    }

    async fn add_draft(&self, article: &Article, content: &str, cover: &str) -> Result<String> {
        let comments = account::comments(self.cx)?;
        let mut one = json!({
            "article_type": "news",
            "title": article.title,
            "digest": article.digest,
            "content": content,
            "thumb_media_id": cover,
            "need_open_comment": u8::from(comments != Comments::Closed),
            "only_fans_can_comment": u8::from(comments == Comments::Followers),
        });
        if let Some(fields) = one.as_object_mut() {
            let optional = [("author", &article.author), ("content_source_url", &article.link)];
            let given = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
            fields.extend(given.map(|(name, value)| (name.to_owned(), json!(value))));
        }
        let added: Draft =
            self.ask("/cgi-bin/draft/add", &json!({ "articles": [one] }), Leaves::Nothing).await?;
        Ok(added.media_id)
    }

    /// A draft of which nothing became. One that stays behind does no harm, so that nothing is made of an error.
    pub(crate) async fn discard(&self, draft: &str) {
        let body = json!({ "media_id": draft });
        if let Err(error) = self.tell("/cgi-bin/draft/delete", &body, Leaves::Nothing).await {
            self.cx.log(Level::Info, &format!("a draft stays behind: {error}"));
        }
    }

    async fn submit(&self, draft: &str) -> Result<Ticket> {
        let body = json!({ "media_id": draft });
        let submitted: Submitted = self.ask("/cgi-bin/freepublish/submit", &body, Leaves::Effect).await?;
        let Submitted { publish_id, msg_data_id } = submitted;
        let at_unix_ms = self.cx.now_unix_ms();
        let (job, data) = (Some(publish_id.0), msg_data_id.map(|id| id.0));
        Ok(Ticket { mode: Mode::Freepublish, job, data, at_unix_ms, draft: draft.to_owned() })
    }

    /// A lost answer is asked for again under the same key where the call has the time: the platform sends it once, and says
    /// which job has it.
    async fn send_all(&self, draft: &str) -> Result<Ticket> {
        let scope = Scope::of(self.cx)?;
        let key = key(account::appid(self.cx)?, &self.cx.meta.idempotency_key, &scope);
        let body = json!({
            "filter": scope.filter(),
            "mpnews": { "media_id": draft },
            "msgtype": "mpnews",
            "send_ignore_reprint": 0,
            "clientmsgid": key,
        });
        match self.mass(&body, &key, draft).await? {
            Sent::As(ticket) => Ok(ticket),
            Sent::Perhaps(error) => {
                let left = self.cx.meta.deadline_unix_ms.saturating_sub(self.cx.now_unix_ms());
                if left < ENOUGH_MS {
                    return Err(error);
                }
                self.cx.sleep(SAME_KEY_AGAIN).await?;
                match self.mass(&body, &key, draft).await? {
                    Sent::As(ticket) => Ok(ticket),
                    Sent::Perhaps(error) => Err(error),
                }
            }
        }
    }

    async fn mass(&self, body: &Value, key: &str, draft: &str) -> Result<Sent> {
        let leaves = Leaves::Keyed(key);
        let at_unix_ms = self.cx.now_unix_ms();
        let ticket = |job: Option<Number>, data: Option<Number>| {
            let (job, data) = (job.map(|id| id.0), data.map(|id| id.0));
            Sent::As(Ticket { mode: Mode::Mass, job, data, at_unix_ms, draft: draft.to_owned() })
        };
        let answer = match self.post("/cgi-bin/message/mass/sendall", body, leaves).await {
            Ok(answer) => answer,
            // No answer, or one of whatever stands between. The daemon knows whether anything left.
            Err(error) if matches!(error.kind, ErrorKind::Retryable { .. } | ErrorKind::InDoubt) => {
                return Ok(Sent::Perhaps(Error::in_doubt(error.message)));
            }
            Err(error) => return Err(error),
        };
        let Some(no) = Refused::of(&answer) else {
            let sent: MassSent = answer.json().map_err(|error| Error::in_doubt(error.message))?;
            return Ok(ticket(Some(sent.msg_id), sent.msg_data_id));
        };
        match (errcode::class(no.errcode), no.msg_id) {
            // Whatever has this key is this delivery: the key says nothing else.
            (Some(Class::Taken), Some(job)) => Ok(ticket(Some(job), None)),
            (Some(Class::Waits), job) => Ok(ticket(job, None)),
            (Some(Class::TakenJustNow | Class::Busy), _) => Ok(Sent::Perhaps(self.refused(&no, leaves))),
            _ => Err(self.refused(&no, leaves)),
        }
    }
}

/// What came of asking for a mass send.
enum Sent {
    As(Ticket),
    Perhaps(Error),
}

/// Whom a mass send goes to.
enum Scope {
    Everybody,
    Tag(u64),
}

impl Scope {
    fn of(cx: &Cx) -> Result<Self> {
        Ok(cx.setting_as("mass_tag_id")?.map_or(Self::Everybody, Self::Tag))
    }

    fn filter(&self) -> Value {
        match self {
            Self::Everybody => json!({ "is_to_all": true }),
            Self::Tag(tag) => json!({ "is_to_all": false, "tag_id": tag }),
        }
    }
}

/// `clientmsgid`: the same for every try of one delivery to the same people, and of no other. The platform takes 32 bytes.
fn key(appid: &str, delivery: &str, scope: &Scope) -> String {
    let scope = match scope {
        Scope::Everybody => "all".to_owned(),
        Scope::Tag(tag) => format!("tag {tag}"),
    };
    let mut hash = Sha256::new();
    for part in [appid, delivery, &scope] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Deserialize)]
struct Draft {
    media_id: String,
}

#[derive(Deserialize)]
struct Submitted {
    publish_id: Number,
    msg_data_id: Option<Number>,
}

#[derive(Deserialize)]
struct MassSent {
    msg_id: Number,
    msg_data_id: Option<Number>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_mass_send_is_of_its_delivery_and_its_readers() {
        let first = key("wx1", "d-1", &Scope::Everybody);
        assert_eq!((first.len(), &first), (32, &key("wx1", "d-1", &Scope::Everybody)));
        for other in [
            key("wx2", "d-1", &Scope::Everybody),
            key("wx1", "d-2", &Scope::Everybody),
            key("wx1", "d-1", &Scope::Tag(2)),
        ] {
            assert_ne!(other, first);
        }
        assert_ne!(key("a", "bc", &Scope::Everybody), key("ab", "c", &Scope::Everybody));
    }
}
