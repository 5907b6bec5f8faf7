//! The trait an adapter implements, and how an operation's name finds its method.

use async_trait::async_trait;
use juzhen_abi::message::{
    AccountInfo, Authorize, Authorized, Find, Found, Measure, Measured, Messages, Moderate, Poll, Post,
    Published, Receive, Received, Replied, Reply, Repost, Request, Retract, Track, Tracked, operation,
};
use juzhen_abi::pack;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Cx, Error, Host, Result};

/// One platform, spoken to for any number of accounts at once. Everything about the account of a call is in its
/// [`Cx`]. What is not implemented answers that it is not offered, which is a normal answer.
///
/// A method's future may be dropped at any await: that is how the daemon cancels.
#[async_trait]
pub trait Adapter: Sized + Send + Sync + 'static {
    /// Called once, before any operation. Makes no requests; 5 seconds at most.
    fn new(host: Host, config: Config) -> Result<Self>;

    /// Whose credentials are these, and do they still work?
    async fn check(&self, cx: Cx) -> Result<AccountInfo> {
        not_offered(&cx, operation::CHECK)
    }

    /// Puts out exactly this post, once.
    async fn publish(&self, cx: Cx, post: Post) -> Result<Published> {
        _ = post;
        not_offered(&cx, operation::PUBLISH)
    }

    /// Looks for a post on the account, after an attempt whose end nobody knows; and, when
    /// [asked for all](Find::asks_for_all), lists every post of the window, so that the daemon notices what it did not
    /// make (P27). Without such a list: [`Error::unsupported`]. Changes nothing.
    async fn find_published(&self, cx: Cx, find: Find) -> Result<Found> {
        _ = find;
        not_offered(&cx, operation::FIND_PUBLISHED)
    }

    /// What became of a post that the platform took for later?
    async fn track(&self, cx: Cx, track: Track) -> Result<Tracked> {
        _ = track;
        not_offered(&cx, operation::TRACK)
    }

    /// Forwards a post of this platform with the platform's own means.
    async fn repost(&self, cx: Cx, repost: Repost) -> Result<Published> {
        _ = repost;
        not_offered(&cx, operation::REPOST)
    }

    /// Takes a post away. One that is already gone is fine.
    async fn retract(&self, cx: Cx, retract: Retract) -> Result<()> {
        _ = retract;
        not_offered(&cx, operation::RETRACT)
    }

    /// New comments, mentions and private messages. Changes nothing.
    async fn poll_messages(&self, cx: Cx, poll: Poll) -> Result<Messages> {
        _ = poll;
        not_offered(&cx, operation::POLL_MESSAGES)
    }

    /// A callback request of the platform: whether it is believed, what it is answered and what it told. Sends nothing, and
    /// takes little time: platforms wait a few seconds.
    async fn receive(&self, cx: Cx, request: Receive) -> Result<Received> {
        _ = request;
        not_offered(&cx, operation::RECEIVE)
    }

    /// Answers a message, once; or looks whether the answer is there already ([`Reply::look_only`]).
    async fn reply(&self, cx: Cx, reply: Reply) -> Result<Replied> {
        _ = reply;
        not_offered(&cx, operation::REPLY)
    }

    /// Hides, shows or removes a comment, or opens and closes those of a post. What is so already is fine.
    async fn moderate(&self, cx: Cx, moderate: Moderate) -> Result<()> {
        _ = moderate;
        not_offered(&cx, operation::MODERATE)
    }

    /// A step of signing in. The token goes into [`capture`](crate::RequestBuilder::capture), never into the answer.
    async fn authorize(&self, cx: Cx, step: Authorize) -> Result<Authorized> {
        _ = step;
        not_offered(&cx, operation::AUTHORIZE)
    }

    /// Readers, likes, forwards of posts and of the account. Changes nothing.
    async fn measure(&self, cx: Cx, measure: Measure) -> Result<Measured> {
        _ = measure;
        not_offered(&cx, operation::MEASURE)
    }
}

/// The settings of the adapter itself; those of an account are in [`Cx::setting`].
#[derive(Debug, Clone, Default)]
pub struct Config {
    settings: Map<String, Value>,
}

impl Config {
    pub(crate) fn new(settings: Map<String, Value>) -> Self {
        Self { settings }
    }

    /// The setting `key`, or `None` when it is not set.
    ///
    /// # Errors
    /// [`Misconfigured`](juzhen_abi::message::ErrorKind::Misconfigured) when it is not of the type asked for.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.settings.get(key).map(|value| typed(key, value)).transpose()
    }
}

/// The answer of `publish` when the platform gives only an id.
pub fn published(id: impl Into<String>) -> Published {
    Published::Published { id: id.into(), url: None, at_unix_ms: None }
}

pub(crate) fn typed<T: DeserializeOwned>(key: &str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|e| Error::misconfigured(format!("setting {key}: {e}"), key))
}

/// Runs one operation by its name and packs what it answers.
pub(crate) async fn dispatch<A: Adapter>(
    adapter: &A,
    cx: Cx,
    name: &str,
    request: Request,
) -> Result<Vec<u8>> {
    let body = request.body;
    match name {
        operation::CHECK => answer(&adapter.check(cx).await?),
        operation::PUBLISH => answer(&adapter.publish(cx, read(body)?).await?),
        operation::FIND_PUBLISHED => answer(&adapter.find_published(cx, read(body)?).await?),
        operation::TRACK => answer(&adapter.track(cx, read(body)?).await?),
        operation::REPOST => answer(&adapter.repost(cx, read(body)?).await?),
        operation::RETRACT => {
            adapter.retract(cx, read(body)?).await?;
            answer(&json!({}))
        }
        operation::POLL_MESSAGES => answer(&adapter.poll_messages(cx, read(body)?).await?),
        operation::RECEIVE => answer(&adapter.receive(cx, read(body)?).await?),
        operation::REPLY => answer(&adapter.reply(cx, read(body)?).await?),
        operation::MODERATE => {
            adapter.moderate(cx, read(body)?).await?;
            answer(&json!({}))
        }
        operation::AUTHORIZE => answer(&adapter.authorize(cx, read(body)?).await?),
        operation::MEASURE => answer(&adapter.measure(cx, read(body)?).await?),
        unknown => Err(Error::unsupported(unknown)),
    }
}

fn not_offered<T>(_cx: &Cx, name: &str) -> Result<T> {
    Err(Error::unsupported(name))
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T> {
    serde_json::from_value(body).map_err(|e| Error::bug(format!("body of the request: {e}")))
}

fn answer<T: Serialize>(head: &T) -> Result<Vec<u8>> {
    pack::pack(head, &[]).map_err(|e| Error::bug(e.to_string()))
}
