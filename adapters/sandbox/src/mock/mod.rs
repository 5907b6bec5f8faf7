//! The mock platform: what the `mock` adapter speaks to, under `/mock`.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /v1/accounts/{uid}` | 200 `{"uid","name"}` |
//! | `POST /v1/accounts/{uid}/posts` `{"text","title"?,"link"?,"media"?,"source"?}` | 201 `{"id","url","created_at_unix_ms"}`, or 202 `{"ticket"}` |
//! | `POST /v1/accounts/{uid}/reposts` `{"origin_id","origin_uid","comment"}` | the same |
//! | `GET /v1/accounts/{uid}/posts?since_unix_ms=&until_unix_ms=&after=` | 200 `{"posts":[…],"next"?,"complete"?}`, oldest first, both ends included, what the public sees now; `next`: ask again with it as `after`; `"complete":false`: something is left out |
//! | `POST /v1/accounts/{uid}/token`, bearer: the app secret | 200 `{"access_token","expires_in","refresh_token"?}`; 401 `app_secret_wrong` |
//! | `DELETE /v1/accounts/{uid}/posts/{id}` | 204; 404 `not_found` if it is not there (any more) |
//! | `POST /v1/media` bytes | 201 `{"media_id"}` |
//! | `GET /v1/tickets/{ticket}` | 200 `{"state":"pending"}`, `{"state":"published","id","url","created_at_unix_ms"}`, `{"state":"refused","code","reason"}` |
//!
//! Every request carries `Authorization: Bearer <token>`; any token is good unless one is pinned for the account (401
//! `token_expired`) or the account's tokens are issued here (`POST /control/tokens`; 401 `token_expired`, `token_invalid`).
//! An error is `{"error":{"code","message","id"?}}`. Accounts come into being with their first valid request.

mod acts;
mod dialect;
mod list;
mod normalise;
pub(crate) mod tickets;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::{delete, get, post};

use crate::exchange::{Arrival, Credential, Intent, Refusal, exchange};
use crate::world::Shared;
use dialect::DIALECT;

pub(crate) use acts::post_by_hand;
pub(crate) use normalise::normalised;
pub(crate) use wire::check_account_id;

pub(crate) const PLATFORM: &str = "mock";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/accounts/{uid}", get(read_account))
        .route("/v1/accounts/{uid}/posts", get(list_posts).post(create_post))
        .route("/v1/accounts/{uid}/posts/{id}", delete(delete_post))
        .route("/v1/accounts/{uid}/reposts", post(create_repost))
        .route("/v1/accounts/{uid}/token", post(issue_token))
        .route("/v1/media", post(upload_media))
        .route("/v1/tickets/{ticket}", get(read_ticket))
        .fallback(dialect::unknown_path)
        .method_not_allowed_fallback(dialect::unknown_method)
}

async fn read_account(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    request: Request,
) -> Response {
    let route = "GET /mock/v1/accounts/{uid}";
    let (arrival, read) = Arrival::read(&shared, &DIALECT, route, Some(uid), request).await;
    let understood =
        read.and_then(|()| wire::check_uid(&arrival)).map(|()| Intent::plain(acts::read_account));
    exchange(&shared, arrival, understood).await
}

async fn create_post(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    request: Request,
) -> Response {
    let route = "POST /mock/v1/accounts/{uid}/posts";
    let (arrival, read) = Arrival::read(&shared, &DIALECT, route, Some(uid), request).await;
    let understood = read.and_then(|()| wire::new_post(&arrival)).map(acts::publish);
    exchange(&shared, arrival, understood).await
}

async fn create_repost(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    request: Request,
) -> Response {
    let route = "POST /mock/v1/accounts/{uid}/reposts";
    let (arrival, read) = Arrival::read(&shared, &DIALECT, route, Some(uid), request).await;
    let understood = read.and_then(|()| wire::new_repost(&arrival)).map(acts::repost);
    exchange(&shared, arrival, understood).await
}

async fn list_posts(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    query: Result<Query<wire::Window>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let route = "GET /mock/v1/accounts/{uid}/posts";
    let (arrival, read) = Arrival::read(&shared, &DIALECT, route, Some(uid), request).await;
    let window = query.map_err(|fault| Refusal::new(400, "bad_request", fault.body_text()));
    let understood = read
        .and_then(|()| wire::check_uid(&arrival))
        .and(window)
        .map(|Query(window)| Intent::list(move |world, call| list::list(world, call, &window)));
    exchange(&shared, arrival, understood).await
}

async fn delete_post(
    State(shared): State<Arc<Shared>>,
    Path((uid, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let route = "DELETE /mock/v1/accounts/{uid}/posts/{id}";
    let (arrival, read) = Arrival::read(&shared, &DIALECT, route, Some(uid), request).await;
    let understood = read
        .and_then(|()| wire::check_uid(&arrival))
        .map(|()| Intent::plain(move |world, call| acts::retract(world, call, &id)));
    exchange(&shared, arrival, understood).await
}

async fn issue_token(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    request: Request,
) -> Response {
    let route = "POST /mock/v1/accounts/{uid}/token";
    let (mut arrival, read) = Arrival::read(&shared, &DIALECT, route, Some(uid.clone()), request).await;
    arrival.credential = Credential::Other;
    let understood = read
        .and_then(|()| wire::check_uid(&arrival))
        .map(|()| Intent::plain(move |world, call| acts::issue_token(world, call, &uid)));
    exchange(&shared, arrival, understood).await
}

async fn upload_media(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let route = "POST /mock/v1/media";
    let (mut arrival, read) = Arrival::read(&shared, &DIALECT, route, None, request).await;
    // The path names no account; a pinned token does.
    arrival.account =
        arrival.bearer().and_then(|token| shared.with(|world| world.tokens.owner(token).map(str::to_owned)));
    let understood = read
        .and_then(|()| wire::new_media(&arrival))
        .map(|media| Intent::plain(move |world, call| acts::upload(world, call, &media)));
    exchange(&shared, arrival, understood).await
}

async fn read_ticket(
    State(shared): State<Arc<Shared>>,
    Path(ticket): Path<String>,
    request: Request,
) -> Response {
    let route = "GET /mock/v1/tickets/{ticket}";
    let (mut arrival, read) = Arrival::read(&shared, &DIALECT, route, None, request).await;
    arrival.account = shared.with(|world| tickets::account_of(world, &ticket));
    let understood = read.map(|()| Intent::plain(move |world, call| tickets::poll(world, call, &ticket)));
    exchange(&shared, arrival, understood).await
}
