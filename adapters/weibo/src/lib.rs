//! Weibo: posts by whichever of its three interfaces an account has, reposts, comments, mentions, private messages, signing
//! in.
//!
//! One method per operation here; `errcode` has the table of refusals, `account` what each tier can do, `text` what a post
//! becomes.

#![forbid(unsafe_code)]

mod account;
mod check;
mod errcode;
mod figures;
mod find;
mod messages;
mod publish;
mod push;
mod replies;
mod repost;
mod sign_in;
mod text;
mod wire;

use juzhen_sdk::prelude::*;

use self::wire::Platform;

juzhen_sdk::export_adapter!(Weibo, "manifest.json");

/// Keeps nothing: whatever differs between accounts comes with each call.
struct Weibo;

#[async_trait]
impl Adapter for Weibo {
    fn new(_host: Host, _config: Config) -> Result<Self> {
        Ok(Self)
    }

    async fn check(&self, cx: Cx) -> Result<AccountInfo> {
        Platform::of(&cx)?.check().await
    }

    async fn publish(&self, cx: Cx, post: Post) -> Result<Published> {
        Platform::of(&cx)?.publish(&post).await
    }

    async fn find_published(&self, cx: Cx, find: Find) -> Result<Found> {
        Platform::of(&cx)?.find(&find).await
    }

    async fn repost(&self, cx: Cx, repost: Repost) -> Result<Published> {
        Platform::of(&cx)?.repost(&repost).await
    }

    async fn retract(&self, cx: Cx, retract: Retract) -> Result<()> {
        Platform::of(&cx)?.retract(&retract).await
    }

    async fn poll_messages(&self, cx: Cx, poll: Poll) -> Result<Messages> {
        Platform::of(&cx)?.poll(&poll).await
    }

    async fn receive(&self, cx: Cx, request: Receive) -> Result<Received> {
        push::receive(&cx, &request).await
    }

    async fn reply(&self, cx: Cx, reply: Reply) -> Result<Replied> {
        Platform::of(&cx)?.reply(&reply).await
    }

    async fn moderate(&self, cx: Cx, moderate: Moderate) -> Result<()> {
        Platform::of(&cx)?.moderate(&moderate).await
    }

    async fn authorize(&self, cx: Cx, step: Authorize) -> Result<Authorized> {
        Platform::of(&cx)?.authorize(&step).await
    }

    async fn measure(&self, cx: Cx, measure: Measure) -> Result<Measured> {
        Platform::of(&cx)?.measure(&measure).await
    }
}
