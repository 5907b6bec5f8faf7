//! Signing an account in through a person's browser: the platform's address to go to, and the way back. Offices often cannot be
//! reached from outside, so what the browser brings may also be handed in by hand.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_engine::{AuthorizationBegun, AuthorizationReturned, NotSignedIn, SignedIn};
use serde::{Deserialize, Serialize};
use tracing::info;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::command::{Command, Nothing};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;
use crate::request_id::RequestId;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(complete)).routes(routes!(returned))
}

/// Codes and states are much shorter; anything longer is none.
const LONGEST: usize = 1024;

/// Begins to sign an account in: the person opens the address, and says yes on the platform's page. One that was begun before
/// on the account is over.
#[utoipa::path(post, operation_id = "begin_authorization", path = "/api/v1/accounts/{id}/authorizations", tag = "accounts",
    params(("id" = String, Path)), request_body = Nothing,
    responses((status = 200, body = BegunView), (status = "4XX", body = ProblemView)))]
async fn begin(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Json<BegunView>, Problem> {
    permit::require(&command.by, Act::SignIn)?;
    let account = AccountId::new(id.0);
    let begun = app.engine.begin_authorization(&account, &command.by.id, Some(command.request.0)).await?;
    info!(person = %command.by.id, account.id = %account, "A sign-in was begun");
    let AuthorizationBegun { url, state, expires_at } = begun;
    Ok(Json(BegunView { account: account.to_string(), url, state, expires_at }))
}

/// Ends it with what the browser brought back: `code` and `state` of the address that it came to. Whoever began it does so.
#[utoipa::path(post, operation_id = "complete_authorization", path = "/api/v1/accounts/{id}/authorizations/complete",
    tag = "accounts", params(("id" = String, Path)), request_body = Brought,
    responses((status = 200, body = SignedInView), (status = "4XX", body = ProblemView)))]
async fn complete(
    State(app): State<App>,
    id: Id,
    command: Command<Brought>,
) -> Result<Json<SignedInView>, Problem> {
    permit::require(&command.by, Act::SignIn)?;
    let Brought { code, state } = command.body;
    // The state of another account says nothing about this one.
    if state.rsplit_once('.').is_none_or(|(account, _)| account != id.0) {
        return Err(NotSignedIn::Unknown.into());
    }
    let by = Some(command.by.id);
    let returned = AuthorizationReturned { state, code: Some(code), by, request: Some(command.request.0) };
    Ok(Json(SignedInView::of(app.engine.end_authorization(returned).await?)))
}

/// Where the platform sends the browser back to. It proves itself by `state` alone, and is told in one Chinese sentence what
/// became of it.
#[utoipa::path(get, operation_id = "return_from_authorization", path = "/authorized", tag = "accounts",
    params(("state" = Option<String>, Query), ("code" = Option<String>, Query)), security(),
    responses((status = 200, body = String, content_type = "text/plain"), (status = "4XX", body = String, content_type = "text/plain")))]
async fn returned(
    State(app): State<App>,
    RequestId(request): RequestId,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    // Platforms add parameters of their own.
    let of = |name: &str| {
        let mut values = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        values.next().filter(|value| !value.is_empty() && value.len() <= LONGEST).cloned()
    };
    let Some(state) = of("state") else { return page(&Err(NotSignedIn::Unknown)) };
    let returned = AuthorizationReturned { state, code: of("code"), by: None, request: Some(request) };
    page(&app.engine.end_authorization(returned).await)
}

/// Plain text: nothing that a platform or a stranger wrote can run in it.
fn page(outcome: &Result<SignedIn, NotSignedIn>) -> Response {
    let (status, said) = match outcome {
        Ok(SignedIn { account, .. }) => {
            (StatusCode::OK, format!("账号 {account} 授权成功，可以关闭本页。等待授权的发布任务会自动继续。"))
        }
        Err(error) => (status_of(error), error.chinese()),
    };
    (status, [("content-type", "text/plain; charset=utf-8")], said).into_response()
}

fn status_of(error: &NotSignedIn) -> StatusCode {
    match error {
        NotSignedIn::NoRandomness(_) | NotSignedIn::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        NotSignedIn::Unknown => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    }
}

impl From<NotSignedIn> for Problem {
    fn from(error: NotSignedIn) -> Self {
        let chinese = error.chinese();
        match error {
            NotSignedIn::NoAccount(_) => Self::new(Code::NotFound),
            NotSignedIn::Store(failed) => failed.into(),
            NotSignedIn::NoRandomness(_) => Self::internal("draw a state for a sign-in", &error),
            said => Self::because(Code::NotSignedIn, said.to_string()).in_chinese(chinese),
        }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "253d8bc1c60c810b446ff93d7d27434a", "state": "W015.8f3c…" }))]
struct Brought {
    /// As the platform gave it; good once.
    code: String,
    /// As it was begun with.
    state: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "account": "W015", "url": "https://api.weibo.com/oauth2/authorize?client_id=1&state=W015.8f3c…",
    "state": "W015.8f3c…", "expires_at": "2026-06-01T01:10:00Z" }))]
struct BegunView {
    account: String,
    /// To be opened in a browser.
    url: String,
    /// What the browser brings back.
    state: String,
    /// It is of no use afterwards.
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
struct SignedInView {
    account: String,
    /// On the platform.
    uid: String,
    /// Null when the platform does not say.
    signed_in_until: Option<Timestamp>,
}

impl SignedInView {
    fn of(signed_in: SignedIn) -> Self {
        let SignedIn { account, uid, until } = signed_in;
        Self { account: account.to_string(), uid, signed_in_until: until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_is_told_is_plain_text_with_a_status_that_fits() {
        let said = |outcome| {
            let response = page(&outcome);
            let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
            (response.status().as_u16(), kind.starts_with("text/plain"))
        };
        let fine = SignedIn { account: "W015".into(), uid: "1".into(), until: None };
        assert_eq!(said(Ok(fine)), (200, true));
        assert_eq!(said(Err(NotSignedIn::Unknown)), (400, true));
        assert_eq!(said(Err(NotSignedIn::Declined)), (409, true));
    }
}
