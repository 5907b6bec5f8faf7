//! WeChat official accounts: articles by 发布 or 群发, comments, private messages, and what the platform pushes.
//!
//! One method per operation here; `errcode` has the table of refusals, `publish` the way of a post, `callback` what comes in.

#![forbid(unsafe_code)]

mod account;
mod article;
mod callback;
mod check;
mod comments;
mod customer;
mod errcode;
mod find;
mod html;
mod job;
mod media;
mod publish;
mod retract;
mod ticket;
mod time;
mod token;
mod track;
mod wire;

use juzhen_sdk::prelude::*;

use self::token::Forced;
use self::wire::Platform;

juzhen_sdk::export_adapter!(Wechat, "manifest.json");

#[derive(Default)]
struct Wechat {
    forced: Forced,
}

impl Wechat {
    fn platform<'c>(&'c self, cx: &'c Cx) -> Platform<'c> {
        Platform { cx, forced: &self.forced }
    }
}

#[async_trait]
impl Adapter for Wechat {
    fn new(_host: Host, _config: Config) -> Result<Self> {
        Ok(Self::default())
    }

    async fn check(&self, cx: Cx) -> Result<AccountInfo> {
        self.platform(&cx).check().await
    }

    async fn publish(&self, cx: Cx, post: Post) -> Result<Published> {
        self.platform(&cx).publish(&post).await
    }

    async fn find_published(&self, cx: Cx, find: Find) -> Result<Found> {
        self.platform(&cx).find(&find).await
    }

    async fn track(&self, cx: Cx, track: Track) -> Result<Tracked> {
        self.platform(&cx).track(&track).await
    }

    async fn retract(&self, cx: Cx, retract: Retract) -> Result<()> {
        self.platform(&cx).retract(&retract).await
    }

    async fn poll_messages(&self, cx: Cx, poll: Poll) -> Result<Messages> {
        self.platform(&cx).poll(&poll).await
    }

    async fn receive(&self, cx: Cx, request: Receive) -> Result<Received> {
        callback::receive(&cx, &request).await
    }

    async fn reply(&self, cx: Cx, reply: Reply) -> Result<Replied> {
        match reply.to.kind {
            MessageKind::Comment => self.platform(&cx).reply_to_comment(&reply).await,
            MessageKind::Private => self.platform(&cx).reply_privately(&reply).await,
            _ => Err(Error::unsupported("answering a mention")),
        }
    }

    async fn moderate(&self, cx: Cx, moderate: Moderate) -> Result<()> {
        self.platform(&cx).moderate(&moderate).await
    }
}
