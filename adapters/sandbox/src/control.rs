//! The script's side: faults, tokens, names, expectations, the ledger, a fresh start.
//!
//! Answers are JSON; a request that cannot be followed gets 400 `{"error":"…"}`, a full sandbox 507.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::expect::{Expectation, ExpectationForm};
use crate::ledger::{Full, LedgerSnapshot};
use crate::mock;
use crate::rule::{BadRule, Rule, RuleStatus};
use crate::strict;
use crate::tokens::TokenFlow;
use crate::world::{Shared, now_unix_ms};

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/ledger", get(ledger))
        .route("/control/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/control/tokens", post(pin_token))
        .route("/control/accounts", post(name_account))
        .route("/control/posts", post(post_by_hand))
        .route("/control/remove", post(remove))
        .route("/control/expect", post(expect))
        .route("/control/reset", post(reset))
}

/// `{"account":"1001","token":"t"}`: only this token is good from now on; `null`: any. With `issue` instead of `token` the
/// platform issues them: `{"account":"1001","issue":{"app_secret":"s","lifetime_ms":60000,"grace_ms":5000,"first":"t0"}}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenForm {
    account: String,
    token: Option<String>,
    issue: Option<TokenFlow>,
}

/// `{"account":"1001","title":"通知","text":"…"}`: a person posts on the platform's own page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandForm {
    account: String,
    title: Option<String>,
    text: String,
}

/// `{"id":"p17"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveForm {
    id: String,
}

/// `{"account":"1001","name":"东湖示范区"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameForm {
    account: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerQuery {
    account: Option<String>,
}

#[derive(Serialize)]
struct FaultList {
    faults: Vec<RuleStatus>,
}

/// Why a request to the script's side was not followed.
pub(crate) struct Failed(StatusCode, String);

impl Failed {
    pub(crate) fn missing(reason: &str) -> Self {
        Self(StatusCode::NOT_FOUND, reason.to_owned())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Self(StatusCode::BAD_REQUEST, reason)
    }
}

impl From<Full> for Failed {
    fn from(full: Full) -> Self {
        Self(StatusCode::INSUFFICIENT_STORAGE, full.to_string())
    }
}

impl From<BadRule> for Failed {
    fn from(bad: BadRule) -> Self {
        match bad {
            BadRule::Full(full) => full.into(),
            BadRule::Unusable(reason) => reason.into(),
        }
    }
}

async fn ledger(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<LedgerSnapshot>, Failed> {
    let copy = shared.with(|world| world.ledger.copy(query.account.as_deref()));
    // Judging tens of thousands of effects takes a while; the platforms go on meanwhile.
    let judged = tokio::task::spawn_blocking(move || copy.judged()).await;
    judged.map(Json).map_err(|source| Failed(StatusCode::INTERNAL_SERVER_ERROR, source.to_string()))
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<FaultList> {
    Json(FaultList { faults: shared.with(|world| world.script.list()) })
}

async fn add_fault(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failed> {
    let rule: Rule = strict::json(&headers, &body)?;
    let id = shared.with(|world| world.script.add(rule))?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.with(|world| world.script.clear());
    StatusCode::NO_CONTENT
}

async fn pin_token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failed> {
    let TokenForm { account, token, issue } = strict::json(&headers, &body)?;
    mock::check_account_id(&account)?;
    if let Some(flow) = issue {
        shared.with(|world| world.tokens.issue_for(&account, flow, now_unix_ms()));
        return Ok(StatusCode::NO_CONTENT);
    }
    if token.as_deref().is_some_and(|token| token.trim().is_empty()) {
        return Err(Failed::from("`token` must not be empty; null takes the pin away".to_owned()));
    }
    shared.with(|world| world.tokens.pin(&account, token));
    Ok(StatusCode::NO_CONTENT)
}

async fn name_account(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failed> {
    let NameForm { account, name } = strict::json(&headers, &body)?;
    mock::check_account_id(&account)?;
    shared.with(|world| {
        let index = world.ledger.account(mock::PLATFORM, &account)?;
        world.ledger.rename(index, &name);
        Ok::<_, Full>(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn post_by_hand(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failed> {
    let HandForm { account, title, text } = strict::json(&headers, &body)?;
    mock::check_account_id(&account)?;
    let id = shared.with(|world| mock::post_by_hand(world, &account, title.as_deref(), &text))?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failed> {
    let RemoveForm { id } = strict::json(&headers, &body)?;
    let found = shared.with(|world| world.ledger.remove(&id, now_unix_ms()));
    if found {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Failed(StatusCode::NOT_FOUND, format!("no post {id:?}")))
    }
}

async fn expect(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failed> {
    let forms: Vec<ExpectationForm> = strict::json(&headers, &body)?;
    let expectations = forms.into_iter().map(Expectation::try_from).collect::<Result<Vec<_>, _>>()?;
    let registered = expectations.len();
    shared.with(|world| world.ledger.expect(expectations))?;
    Ok(Json(json!({ "registered": registered })).into_response())
}

async fn reset(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.with(crate::world::World::reset);
    StatusCode::NO_CONTENT
}
