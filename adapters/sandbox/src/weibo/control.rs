//! The script's side of Weibo: people, what they do by hand, tokens that end.
//!
//! | request | what |
//! | --- | --- |
//! | `POST /control/weibo/accounts` | an account as in the seed: adds it, or its name and further tokens |
//! | `POST /control/weibo/tokens` `{"token","end"}` | `end`: `expired`, `revoked` |
//! | `POST /control/weibo/statuses` `{"uid","text"}` | somebody posts by hand; 201 `{"id"}` |
//! | `POST /control/weibo/comments` `{"uid","status","text","answers"?}` | somebody comments by hand; 201 `{"id"}` |
//! | `POST /control/weibo/messages` `{"uid","from","type"?,"text"?,"data"?,"url"?,"forged"?}` | somebody writes to `uid` in private: pushed to `url` or the app's `push_url` |
//! | `POST /control/weibo/verify` `{"url"?}` | the same address is asked for `echostr`: `{"verified"}` |
//! | `POST /control/weibo/revoke` `{"uid","app"?}` | `uid` takes its authorisation of the app (without one: of every) back |

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shares;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};

use super::push::{self, Happened, Target, push};
use super::seed::{Account, check_uid};
use super::state::Details;
use super::text::{mentioned, shortened};
use super::{PLATFORM, comments, introduce, mid_of, number_of, revoke};
use crate::control::Failed;
use crate::effect::{EffectKind, NewEffect, RequestMark, said_hash};
use crate::strict;
use crate::world::{Shared, World, now_unix_ms};

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/control/weibo/accounts", post(know))
        .route("/control/weibo/tokens", post(end_token))
        .route("/control/weibo/statuses", post(post_by_hand))
        .route("/control/weibo/comments", post(comment_by_hand))
        .route("/control/weibo/messages", post(write_by_hand))
        .route("/control/weibo/verify", post(verify))
        .route("/control/weibo/revoke", post(take_back_by_hand))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndForm {
    token: String,
    end: End,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Expired,
    Revoked,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusForm {
    uid: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentForm {
    uid: String,
    status: String,
    text: String,
    answers: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageForm {
    uid: String,
    from: String,
    #[serde(rename = "type", default = "text_type")]
    kind: String,
    #[serde(default)]
    text: String,
    #[serde(default = "nothing")]
    data: Value,
    url: Option<String>,
    #[serde(default)]
    forged: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyForm {
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeForm {
    uid: String,
    app: Option<String>,
}

async fn know(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failed> {
    let account: Account = strict::json(&headers, &body)?;
    check_uid(&account.uid)?;
    shared.with(|world| {
        if let Some(unknown) = account.tokens.iter().find(|token| world.weibo.app(&token.app).is_none()) {
            return Err(Failed::from(format!("no app has the key {:?}", unknown.app)));
        }
        world.weibo.know(&account, now_unix_ms());
        if let Some(index) = world.ledger.find_account(PLATFORM, &account.uid) {
            world.ledger.rename(index, &account.name);
        }
        Ok(StatusCode::NO_CONTENT)
    })
}

async fn end_token(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failed> {
    let EndForm { token, end } = strict::json(&headers, &body)?;
    shared.with(|world| {
        let granted = world.weibo.token_mut(&token).ok_or_else(|| Failed::missing("no such token"))?;
        match end {
            End::Expired => granted.expires = now_unix_ms() / 1_000,
            End::Revoked => granted.revoked = true,
        }
        Ok(StatusCode::NO_CONTENT)
    })
}

async fn post_by_hand(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failed> {
    let StatusForm { uid, text } = strict::json(&headers, &body)?;
    check_uid(&uid)?;
    let number = shared.with(|world| stand(world, &uid, &text))?;
    Ok((StatusCode::CREATED, Json(json!({ "id": mid_of(number).to_string() }))).into_response())
}

fn stand(world: &mut World, uid: &str, text: &str) -> Result<u64, Failed> {
    let account = introduce(world, uid).map_err(|refusal| Failed::from(refusal.message))?;
    let (shown, links) = shortened(text);
    let request = RequestMark { idempotency_key: None, sequence: 0 };
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Post, request);
    effect.account = Some(account);
    effect.hash = said_hash("", text);
    effect.text = text.into();
    effect.shown_text = Some(shown.as_str().into());
    effect.by_hand = true;
    let number = world.ledger.record(effect, now_unix_ms())?.number;
    let state = &mut world.weibo;
    let details =
        Details { links: links.iter().map(|(short, _)| short.clone()).collect(), ..Details::default() };
    state.details.insert(number, details);
    state.links.extend(links);
    state.person_mut(uid).statuses += 1;
    for name in mentioned(text) {
        state.mentions.entry(name.to_owned()).or_default().push(number);
    }
    Ok(number)
}

async fn comment_by_hand(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failed> {
    let CommentForm { uid, status, text, answers } = strict::json(&headers, &body)?;
    check_uid(&uid)?;
    let answers = answers.map(|cid| cid.parse().map_err(|_| format!("no comment {cid:?}"))).transpose()?;
    let id = shared.with(|world| {
        let number =
            status.parse().ok().and_then(number_of).filter(|number| world.ledger.get(*number).is_some());
        let number = number.ok_or_else(|| Failed::missing(&format!("no post {status:?}")))?;
        Ok::<_, Failed>(comments::by_hand(world, &uid, number, &text, answers)?)
    })?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id.to_string() }))).into_response())
}

async fn write_by_hand(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failed> {
    let MessageForm { uid, from, kind, text, data, url, forged } = strict::json(&headers, &body)?;
    check_uid(&uid)?;
    check_uid(&from)?;
    let target = target(&shared, url).map(|target| Target { forged, ..target });
    push(&shared, &Happened { uid, from, kind, text, data }, target);
    Ok(StatusCode::ACCEPTED)
}

async fn verify(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failed> {
    let VerifyForm { url } = strict::json(&headers, &body)?;
    let target = target(&shared, url).ok_or_else(|| Failed::missing("no app has a `push_url`"))?;
    Ok(Json(json!({ "verified": push::verify(&target).await })))
}

async fn take_back_by_hand(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failed> {
    let RevokeForm { uid, app } = strict::json(&headers, &body)?;
    let any = shared.with(|world| {
        let apps = world.weibo.apps().to_vec();
        let wanted = apps.iter().filter(|one| app.as_ref().is_none_or(|key| one.key == *key));
        wanted.filter(|one| revoke::take_back(world, &shared, one, &uid)).count() > 0
    });
    if any { Ok(StatusCode::NO_CONTENT) } else { Err(Failed::missing("no good token of this account")) }
}

/// Where a push goes: to this address, or that of the first app that has one.
fn target(shared: &Shared, url: Option<String>) -> Option<Target> {
    let app = shared.with(|world| world.weibo.pushed_app())?;
    Some(Target {
        url: url.or_else(|| app.push_url.clone())?,
        secret: app.secret.clone(),
        patience: Duration::from_millis(app.push_patience_ms),
        forged: false,
    })
}

fn text_type() -> String {
    "text".to_owned()
}

fn nothing() -> Value {
    json!({})
}
