//! What became of a post: by the platform's event where one came, else by asking, seldom.

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::Mode;
use crate::job;
use crate::ticket::Ticket;
use crate::wire::{Leaves, Platform};

/// Where an event that belongs to no known job is kept: the administrator's no to a mass send without a number.
pub(crate) const OF_THE_ADMINISTRATOR: &str = "administrator";

impl Platform<'_> {
    pub(crate) async fn track(&self, track: &Track) -> Result<Tracked> {
        let Some(ticket) = Ticket::read(&track.ticket) else {
            return Err(Error::bug(format!("`{}` is no ticket of this adapter", track.ticket)));
        };
        let outcome = match self.told(&ticket).await? {
            Some(outcome) => outcome,
            None => self.look(&ticket).await?,
        };
        match &outcome {
            Tracked::Published { id, url, .. } => self.keep_for_comments(&ticket, id, url.as_deref()).await?,
            Tracked::Refused { .. } => self.discard(&ticket.draft).await,
            Tracked::Pending { .. } => {}
        }
        Ok(outcome)
    }

    /// What an event said. Read once: who asks later, for a post that is out, asks the platform.
    async fn told(&self, ticket: &Ticket) -> Result<Option<Tracked>> {
        let kv = self.cx.kv();
        let Some(job) = ticket.job else {
            let said = kv.get(OF_THE_ADMINISTRATOR).await?;
            let said = said.and_then(|bytes| serde_json::from_slice::<Refusal>(&bytes).ok());
            let said = said.filter(|said| said.at_unix_ms >= ticket.at_unix_ms);
            return Ok(said.map(|said| Tracked::Refused { reason: said.reason }));
        };
        let key = event_key(ticket.mode, job);
        let Some(bytes) = kv.get(&key).await? else { return Ok(None) };
        kv.delete(&key).await?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Asks when a look is due. What cannot be asked now is asked later: only a clear word ends the waiting.
    async fn look(&self, ticket: &Ticket) -> Result<Tracked> {
        const PENDING: Tracked = Tracked::Pending { after_ms: None };
        let Some(job) = ticket.job else { return Ok(PENDING) };
        let kv = self.cx.kv();
        let key = format!("looks:{}", Ticket::of_job(ticket.mode, job));
        let looks: u32 =
            kv.get(&key).await?.and_then(|n| String::from_utf8(n).ok()?.parse().ok()).unwrap_or(0);
        let waited = self.cx.now_unix_ms().saturating_sub(ticket.at_unix_ms);
        if looks >= job::looks_due(ticket.mode, waited) {
            return Ok(PENDING);
        }
        kv.set(&key, (looks + 1).to_string().as_bytes()).await?;
        let asked = match ticket.mode {
            Mode::Freepublish => self.publication(job).await,
            Mode::Mass => self.mass_send(job).await,
        };
        match asked {
            Ok(PENDING) => Ok(PENDING),
            Ok(outcome) => {
                kv.delete(&key).await?;
                Ok(outcome)
            }
            Err(Error { kind: ErrorKind::Quota { .. } | ErrorKind::Retryable { .. }, message }) => {
                self.cx.log(Level::Info, &format!("the platform could not be asked: {message}"));
                Ok(PENDING)
            }
            Err(other) => Err(other),
        }
    }

    async fn publication(&self, job: u64) -> Result<Tracked> {
        let body = json!({ "publish_id": job.to_string() });
        let got: Publication = self.ask("/cgi-bin/freepublish/get", &body, Leaves::Nothing).await?;
        let url = got.article_detail.item.first().map(|item| item.article_url.as_str());
        let status = got.publish_status;
        job::published(status, got.article_id.as_deref(), url)
            .ok_or_else(|| Error::in_doubt(format!("平台返回了未知的发布状态 {status}")))
    }

    async fn mass_send(&self, job: u64) -> Result<Tracked> {
        let body = json!({ "msg_id": job.to_string() });
        let got: MassSend = self.ask("/cgi-bin/message/mass/get", &body, Leaves::Nothing).await?;
        let status = &got.msg_status;
        job::sent(status, job).ok_or_else(|| Error::in_doubt(format!("平台返回了未知的群发状态 {status}")))
    }

    /// Comments are listed by another number than the post's.
    async fn keep_for_comments(&self, ticket: &Ticket, id: &str, url: Option<&str>) -> Result<()> {
        let data = ticket.data.or_else(|| url.and_then(number_in_address));
        match data {
            Some(data) => self.cx.kv().set(&comments_key(id), data.to_string().as_bytes()).await,
            None => Ok(()),
        }
    }
}

/// Where the event of a job is kept until somebody asks.
pub(crate) fn event_key(mode: Mode, job: u64) -> String {
    format!("event:{}", Ticket::of_job(mode, job))
}

/// Where the number that comments of a post are listed by is kept.
pub(crate) fn comments_key(post: &str) -> String {
    format!("comments:{post}")
}

/// A no of the administrator, and when.
#[derive(Deserialize, serde::Serialize)]
pub(crate) struct Refusal {
    pub(crate) at_unix_ms: i64,
    pub(crate) reason: String,
}

/// `mid` of a long address has the same value as the number that comments are listed by.
fn number_in_address(url: &str) -> Option<u64> {
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next()?;
    query.split('&').find_map(|pair| pair.strip_prefix("mid=")?.parse().ok())
}

#[derive(Deserialize)]
struct Publication {
    publish_status: i64,
    article_id: Option<String>,
    #[serde(default)]
    article_detail: Articles,
}

#[derive(Default, Deserialize)]
struct Articles {
    #[serde(default)]
    item: Vec<ArticleUrl>,
}

#[derive(Deserialize)]
struct ArticleUrl {
    article_url: String,
}

#[derive(Deserialize)]
struct MassSend {
    msg_status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_for_comments_is_in_a_long_address_only() {
        let long = "http://mp.weixin.qq.com/s?__biz=Mz&mid=2247483655&idx=1&sn=x#rd";
        assert_eq!(number_in_address(long), Some(2_247_483_655));
        assert_eq!(number_in_address("http://mp.weixin.qq.com/s/abc"), None);
    }
}
