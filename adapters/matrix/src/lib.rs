//! Matrix: announcements in a room of one's own server, by the client-server API (spec.matrix.org, v1.1 and later).
//!
//! One method per operation here; `event` has what a post becomes, `errcode` the table of refusals, `wire` how a request goes
//! out, and why one that is repeated is applied once.

#![forbid(unsafe_code)]

mod account;
mod check;
mod errcode;
mod event;
mod messages;
mod publish;
mod replies;
mod sign_in;
mod timeline;
mod wire;

use juzhen_sdk::prelude::*;

use self::wire::Platform;

juzhen_sdk::export_adapter!(Matrix, "manifest.json");

/// Keeps nothing: whatever differs between accounts comes with each call.
struct Matrix;

#[async_trait]
impl Adapter for Matrix {
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

    async fn retract(&self, cx: Cx, retract: Retract) -> Result<()> {
        Platform::of(&cx)?.retract(&retract).await
    }

    async fn poll_messages(&self, cx: Cx, poll: Poll) -> Result<Messages> {
        Platform::of(&cx)?.poll(&poll).await
    }

    async fn reply(&self, cx: Cx, reply: Reply) -> Result<Replied> {
        Platform::of(&cx)?.reply(&reply).await
    }

    async fn moderate(&self, cx: Cx, moderate: Moderate) -> Result<()> {
        Platform::of(&cx)?.moderate(&moderate).await
    }
}
