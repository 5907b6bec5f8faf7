//! The script's side of WeChat: what accounts are like, their clock and tokens, what followers do.
//!
//! | request | what |
//! | --- | --- |
//! | `POST /control/wechat/accounts` | an account as in the seed file: made, or changed without losing what it did |
//! | `POST /control/wechat/clock` `{"advance_s"}` | the platform's clock goes on: tokens, quotas and windows end |
//! | `POST /control/wechat/revoke` `{"appid"}` | all tokens of the account end |
//! | `POST /control/wechat/messages` | a user writes, follows or clicks ([`WechatMessage`]); it is pushed to the callback |
//! | `POST /control/wechat/comments` | a reader comments ([`WechatComment`]); the answer is `{"user_comment_id"}` |
//! | `POST /control/wechat/verify` `{"appid"}` | the callback is asked for `echostr`: `{"verified"}` |
//! | `GET /control/wechat/pushes?appid=` | what became of each push |

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::push::{self, Inbound, xml};
use super::settings::AccountSeed;
use super::state::{Comment, Push};
use crate::sandbox::SandboxHandle;
use crate::strict;
use crate::world::{Shared, World};

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/control/wechat/accounts", post(set_account))
        .route("/control/wechat/clock", post(advance))
        .route("/control/wechat/revoke", post(revoke))
        .route("/control/wechat/messages", post(write))
        .route("/control/wechat/comments", post(comment))
        .route("/control/wechat/verify", post(verify))
        .route("/control/wechat/pushes", get(pushes))
}

/// What a user does: writes (`content`), sends something else (`kind` as `image`, `voice`, `location` … with its `fields`), or
/// causes an event (`subscribe`, `unsubscribe`, `CLICK`, `SCAN` …).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WechatMessage {
    pub appid: String,
    pub openid: String,
    pub content: Option<String>,
    /// `MsgType`, where it is not `text`.
    pub kind: Option<String>,
    /// Further elements by their names, such as `PicUrl`; of events, too.
    pub fields: BTreeMap<String, String>,
    pub event: Option<String>,
    pub event_key: Option<String>,
}

/// What a reader writes under an article.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WechatComment {
    pub appid: String,
    pub msg_data_id: u64,
    /// From 0.
    pub index: usize,
    pub openid: Option<String>,
    pub content: String,
}

impl SandboxHandle {
    /// Base address for clients of WeChat, instead of `https://api.weixin.qq.com`.
    #[must_use]
    pub fn wechat_url(&self) -> String {
        format!("{}/wechat", self.shared().links.base)
    }

    /// Makes an account, or changes what it is like and keeps what it did.
    ///
    /// # Errors
    /// A field is out of its range; the words name it.
    pub fn wechat_account(&self, account: AccountSeed) -> Result<(), String> {
        account.check()?;
        self.shared().with(|world| world.wechat.set(account));
        Ok(())
    }

    /// WeChat's clock goes on by so many seconds: tokens, quotas and windows end. Jobs under way do not notice.
    pub fn wechat_advance(&self, seconds: i64) {
        self.shared().with(|world| world.wechat.advance(seconds.saturating_mul(1_000)));
    }

    /// Ends all tokens of an account. Whether there is such an account.
    pub fn wechat_revoke(&self, appid: &str) -> bool {
        self.shared()
            .with(|world| world.wechat.account_mut(appid).map(|account| account.tokens.revoke()).is_some())
    }

    /// A user writes to the account, follows it, clicks in its menu. Whether there is such an account.
    pub fn wechat_message(&self, message: &WechatMessage) -> bool {
        let shared = self.shared();
        shared.with(|world| received(world, shared, message))
    }

    /// A reader comments on an article; the answer is the comment's id. `None`: there is no such article, or it takes none.
    #[must_use]
    pub fn wechat_comment(&self, comment: &WechatComment) -> Option<u64> {
        self.shared().with(|world| commented(world, comment))
    }

    /// What became of each push to the account's callback, oldest first.
    #[must_use]
    pub fn wechat_pushes(&self, appid: &str) -> Vec<Push> {
        let shared = self.shared();
        shared.with(|world| world.wechat.account(appid).map_or_else(Vec::new, |one| one.pushes.clone()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    advance_s: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    appid: String,
}

/// Why a request to the script's side was not followed.
struct Failed(StatusCode, String);

impl Failed {
    fn unknown(what: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Self(StatusCode::BAD_REQUEST, reason)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

type Answer = Result<Response, Failed>;

async fn set_account(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let account: AccountSeed = strict::json(&headers, &body)?;
    account.check()?;
    shared.with(|world| world.wechat.set(account));
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn advance(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Clock { advance_s } = strict::json(&headers, &body)?;
    shared.with(|world| world.wechat.advance(advance_s.saturating_mul(1_000)));
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn revoke(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Named { appid } = strict::json(&headers, &body)?;
    let found = shared.with(|world| world.wechat.account_mut(&appid).map(|one| one.tokens.revoke()));
    found.map(|()| StatusCode::NO_CONTENT.into_response()).ok_or_else(|| Failed::unknown("account"))
}

async fn write(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let message: WechatMessage = strict::json(&headers, &body)?;
    if shared.with(|world| received(world, &shared, &message)) {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Failed::unknown("account"))
    }
}

async fn comment(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let comment: WechatComment = strict::json(&headers, &body)?;
    let id = shared.with(|world| commented(world, &comment));
    let id = id.ok_or_else(|| Failed::unknown("article that takes comments"))?;
    Ok((StatusCode::CREATED, Json(json!({ "user_comment_id": id }))).into_response())
}

async fn verify(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Named { appid } = strict::json(&headers, &body)?;
    let settings = shared.with(|world| world.wechat.account(&appid).map(|one| one.settings.clone()));
    let settings = settings.ok_or_else(|| Failed::unknown("account"))?;
    Ok(Json(json!({ "verified": push::verify(&settings).await })).into_response())
}

async fn pushes(State(shared): State<Arc<Shared>>, Query(Named { appid }): Query<Named>) -> Json<Value> {
    let pushes = shared.with(|world| world.wechat.account(&appid).map(|one| one.pushes.clone()));
    Json(json!({ "pushes": pushes.unwrap_or_default() }))
}

fn received(world: &mut World, shared: &Arc<Shared>, message: &WechatMessage) -> bool {
    let WechatMessage { appid, openid, content, kind, fields, event, event_key } = message;
    let (now, msg_id) = (world.wechat.now(), world.wechat.ids.long());
    let Some(account) = world.wechat.account_mut(appid) else { return false };
    let user = account.users.entry(openid.clone()).or_default();
    let mut special = String::new();
    let (what, kind) = match event {
        Some(event) => {
            match event.as_str() {
                "subscribe" => user.follows = true,
                "unsubscribe" => user.follows = false,
                _ => {}
            }
            if matches!(event.as_str(), "subscribe" | "SCAN" | "CLICK") {
                user.acted(now);
            }
            xml::cdata(&mut special, "Event", event);
            xml::cdata(&mut special, "EventKey", event_key.as_deref().unwrap_or_default());
            further(&mut special, fields);
            (event.as_str(), "event")
        }
        None => {
            // Only who follows can write.
            user.follows = true;
            user.wrote(now);
            let kind = kind.as_deref().unwrap_or("text");
            if kind == "text" {
                xml::cdata(&mut special, "Content", content.as_deref().unwrap_or_default());
            }
            further(&mut special, fields);
            xml::number(&mut special, "MsgId", msg_id);
            (kind, kind)
        }
    };
    let inbound = Inbound { openid, at: now / 1_000, kind, special: &special };
    push::message(world, shared, appid, what, inbound);
    true
}

/// Only names that can be elements: the rest would be no XML.
fn further(xml: &mut String, fields: &BTreeMap<String, String>) {
    let is_name = |name: &str| name.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'_');
    for (name, value) in fields.iter().filter(|(name, _)| is_name(name)) {
        xml::cdata(xml, name, value);
    }
}

fn commented(world: &mut World, comment: &WechatComment) -> Option<u64> {
    let (id, at) = (world.wechat.ids.long(), world.wechat.now() / 1_000);
    let account = world.wechat.account_mut(&comment.appid)?;
    let article = account.publication_mut(comment.msg_data_id)?.articles.get_mut(comment.index)?;
    if !article.takes_comments || article.is_deleted {
        return None;
    }
    let (openid, content) = (comment.openid.clone(), comment.content.clone());
    article.comments.push(Comment { id, openid, at, content, is_elected: false, reply: None });
    Some(id)
}
