//! WeChat official accounts (微信公众平台): what the `wechat` adapter and other clients speak to, under `/wechat`.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /cgi-bin/token`, `POST /cgi-bin/stable_token` | `{"access_token","expires_in"}` |
//! | `POST /cgi-bin/clear_quota`, `…/clear_quota/v2`, `…/openapi/quota/clear`, `…/openapi/quota/get` | calls that are left |
//! | `POST /cgi-bin/openapi/rid/get` | what a refused request was |
//! | `GET /cgi-bin/getcallbackip`, `…/get_api_domain_ip`, `POST …/callback/check` | `{"ip_list"}`; whether the callback is reached |
//! | `POST /cgi-bin/media/uploadimg` part `media` | `{"url"}` |
//! | `POST /cgi-bin/media/upload?type=` part `media`, `GET …/media/get?media_id=` | temporary media |
//! | `POST /cgi-bin/material/add_material?type=` part `media`, `…/get_material`, `…/batchget_material`, `…/del_material`, `GET …/get_materialcount` | permanent media |
//! | `POST /cgi-bin/draft/add`, `…/get`, `…/update`, `…/delete`, `…/batchget`, `…/switch`, `GET …/count` | the draft box |
//! | `POST /cgi-bin/freepublish/submit`, `…/get`, `…/getarticle`, `…/batchget`, `…/delete` | publishing |
//! | `POST /cgi-bin/message/mass/sendall`, `…/send`, `…/preview`, `…/get`, `…/delete`, `…/speed/get`, `…/speed/set` | mass sends |
//! | `POST /cgi-bin/media/uploadnews`, `…/uploadvideo` | articles and films for one mass send |
//! | `POST /cgi-bin/comment/open`, `…/close`, `…/list`, `…/markelect`, `…/unmarkelect`, `…/delete`, `…/reply/add`, `…/reply/delete` | comments |
//! | `POST /cgi-bin/message/custom/send`, `…/typing` | customer messages |
//! | `GET /s?mid=&idx=` | the article, as the public sees it |
//!
//! `endpoints.rs` has the daily figures. An error is HTTP 200 with `{"errcode","errmsg"}`. A request is judged in this order: the
//! path (40066), the method (43001, 43002), the address (40164), the token (41001, 40014, 40001, 42001), the permission
//! (48001), how often (45011, 45009), the body (44002, 47001), and then what the path is about.
//!
//! Scripted faults reach each of these, `platform_error` with WeChat's own numbers (-1 included). Of those that bend a
//! publication: `async_then` counts polls of `freepublish/get` and ends with its `code` (2, 3, 4) as status, or of a mass send
//! with its `code` as `Status`; `admin_confirms` is 群发保护 (89505, then the event); `quota` is 53501 and 45028; `remove_after_ms`
//! is status 6. `normalise_text`, `repeat_content` and `idempotency_window_s` have no meaning here: mass sends know their
//! `clientmsgid` for 24 hours without being told. `text_contains` looks at `draft/add`, and at texts of mass sends, answers and
//! customer messages; a submission says nothing but the id of its draft.
//!
//! In the ledger the account is the appid, and each article is a post (`job.rs` says with which text: [`article_text`] tells
//! it beforehand). An answer to a comment is a comment, a customer message or passive reply is a message.

mod admit;
mod allow_list;
mod article;
mod body;
mod callback_api;
mod comments;
mod control;
mod custom;
mod dialect;
mod drafts;
mod endpoints;
mod freepublish;
mod ids;
mod job;
mod lists;
mod markup;
mod mass;
mod mass_content;
mod material;
mod media;
mod news;
mod push;
mod quota_api;
mod rid;
mod settings;
mod speed;
mod state;
mod token_api;
mod tokens;
mod uploads;
mod usage;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::answer::Reply;
use crate::exchange::{Arrival, Call, Credential, Intent, Refusal, exchange};
use crate::fields::Fields;
use crate::world::{Shared, World, now_unix_ms};
use body::{Ask, Reads};
use dialect::{DIALECT, error};
use endpoints::{Endpoint, Needs, Verb};
use state::Account;

pub(crate) use control::routes as control_routes;
pub use control::{WechatComment, WechatMessage};
pub use settings::{AccountSeed, CallbackMode, CallbackSeed, Kind, Seed};
pub(crate) use state::Wechat;
pub use state::{Push, PushOutcome};

pub(crate) const PLATFORM: &str = "wechat";

/// The text that the ledger has for an article with this HTML, for `Expectation::of(appid, title, …)`: what a reader sees, one
/// line for each block, white space joined, empty lines left out.
#[must_use]
pub fn article_text(html: &str) -> String {
    markup::words(&markup::cleaned(html))
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/s", get(read_article)).route("/films/{media_id}", get(film)).fallback(answer)
}

/// Every path of the platform: judged in the platform's order, then carried out.
async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let endpoint = endpoints::find(request.uri().path());
    let route = endpoint.map_or("/wechat (unknown)", |endpoint| endpoint.route);
    let (mut arrival, read) = Arrival::read(&shared, &DIALECT, route, None, request).await;
    arrival.credential = Credential::Judged;
    let understood = match (endpoint, read) {
        (None, _) => Err(error(40066)),
        (_, Err(refusal)) => Err(refusal),
        (Some(endpoint), Ok(())) => understand(&shared, endpoint, &mut arrival).await,
    };
    exchange(&shared, arrival, understood).await
}

async fn understand(shared: &Shared, endpoint: &Endpoint, arrival: &mut Arrival) -> Result<Intent, Refusal> {
    let method = arrival.method.as_str();
    match endpoint.verb {
        Verb::Get if method != "GET" => return Err(error(43001)),
        Verb::Post if method != "POST" => return Err(error(43002)),
        Verb::Get | Verb::Post => {}
    }
    let fields = Fields::read(arrival).await;
    let peer = arrival.peer;
    let (appid, json) = if endpoint.needs == Needs::Secret {
        let json = json_of(endpoint, arrival)?;
        let either = |name: &str| body::text(&json, name).or_else(|| fields.get(name));
        let secret = either("secret").or_else(|| either("appsecret"));
        let admit =
            |world: &mut World| admit::by_secret(&mut world.wechat, endpoint, either("appid"), secret, peer);
        (shared.with(admit)?, json)
    } else {
        let token = fields.get("access_token");
        let admit = |world: &mut World| admit::by_token(&mut world.wechat, endpoint, token, peer);
        let appid = shared.with(admit)?;
        // Known from here on, also to the count of what was refused.
        arrival.account = Some(appid.clone());
        (appid, json_of(endpoint, arrival)?)
    };
    arrival.account = Some(appid.clone());
    let intent = (endpoint.understand)(Ask { appid: appid.clone(), fields, json })?;
    shared.with(|world| name(world, &appid))?;
    Ok(intent)
}

/// The public's page shows an account under its name.
fn name(world: &mut World, appid: &str) -> Result<(), Refusal> {
    let index = world.ledger.account(PLATFORM, appid)?;
    if let Some(account) = world.wechat.account(appid) {
        world.ledger.rename(index, &account.settings.name);
    }
    Ok(())
}

fn json_of(endpoint: &Endpoint, arrival: &Arrival) -> Result<Value, Refusal> {
    match endpoint.reads {
        Reads::Nothing | Reads::Upload => Ok(Value::Null),
        reads => body::json(&arrival.body, reads),
    }
}

/// An article's own address leads to the page that shows its post.
async fn read_article(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let number = |wanted: &str| {
        let found = form_urlencoded::parse(query).find(|(name, _)| name == wanted);
        found.and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let (data_id, index) = (number("mid"), number("idx").and_then(|index| usize::try_from(index).ok()));
    let place = shared.with(|world| {
        let publication = world.wechat.publications().find(|one| Some(one.data_id) == data_id)?;
        let article = publication.articles.get(index?.checked_sub(1)?)?;
        Some(world.ledger.get(article.effect)?.id())
    });
    match place {
        Some(id) => Redirect::to(&format!("/posts/{id}")).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn film(State(shared): State<Arc<Shared>>, Path(media_id): Path<String>) -> Response {
    match shared.with(|world| world.wechat.film(&media_id)) {
        Some(bytes) => Reply::bytes("video/mp4", bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn account_of<'a>(world: &'a mut World, appid: &str) -> Result<&'a mut Account, Refusal> {
    world.wechat.account_mut(appid).ok_or_else(|| error(40013))
}

fn ok() -> Reply {
    Reply::json(200, &json!({ "errcode": 0, "errmsg": "ok" }))
}

/// Posts of the account within the scripted window.
fn posts_within(world: &World, call: &Call, window_ms: u64) -> u64 {
    let since = now_unix_ms().saturating_sub(i64::try_from(window_ms).unwrap_or(i64::MAX));
    let Some(account) = call.account else { return 0 };
    world.ledger.of_account(account, since, i64::MAX).filter(|entry| entry.is_post()).count() as u64
}
