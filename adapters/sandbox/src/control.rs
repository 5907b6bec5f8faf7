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
use crate::faults::{BadRule, Rule, RuleStatus};
use crate::ledger::{Full, LedgerSnapshot};
use crate::mock;
use crate::strict;
use crate::world::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/ledger", get(ledger))
        .route("/control/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/control/tokens", post(pin_token))
        .route("/control/accounts", post(name_account))
        .route("/control/expect", post(expect))
        .route("/control/reset", post(reset))
}

/// `{"account":"1001","token":"t"}`: only this token is good from now on; `null`: any.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenForm {
    account: String,
    token: Option<String>,
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
struct Failed(StatusCode, String);

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
    let TokenForm { account, token } = strict::json(&headers, &body)?;
    mock::check_account_id(&account)?;
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
