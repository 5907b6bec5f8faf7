//! One's own sessions: which there are, and their end (C10).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::access::session::{Form, Session, Stage};
use juzhen_store::{AccessChange, Asking, End};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::subject;
use crate::app::App;
use crate::auth::{Identified, Via, origin, presented_cookie};
use crate::command::{Command, Nothing};
use crate::problem::{Problem, ProblemView};
use crate::query::{Id, NoParameters};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, end_all)).routes(routes!(end))
}

/// One's own sessions that are not over, newest first.
#[utoipa::path(get, operation_id = "list_sessions", path = "/api/v1/sessions", tag = "access",
    responses((status = 200, body = SessionList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    known: Identified,
    _none: NoParameters,
) -> Result<Json<SessionList>, Problem> {
    let (policy, now) = (app.policy(), app.now());
    let sessions = app.store().people().sessions(&known.person.id).await?;
    let present = match &known.via {
        Via::Session(session) => Some(session.id.as_str()),
        Via::Local | Via::Key(_) => None,
    };
    let good = sessions.iter().filter(|one| one.stage == Stage::Full && one.is_good(&policy, now));
    let sessions = good.map(|one| SessionView::of(one, present)).collect();
    let csrf_token = match &known.via {
        Via::Session(session) if session.form == Form::Cookie => Some(origin::csrf_token(&session.token)),
        _ => None,
    };
    Ok(Json(SessionList { person: known.person.id.to_string(), csrf_token, sessions }))
}

/// Ends one of them; the present one too.
#[utoipa::path(delete, operation_id = "end_session", path = "/api/v1/sessions/{id}", tag = "access",
    params(("id" = String, Path)),
    responses((status = 200, body = Ended), (status = "4XX", body = ProblemView)))]
async fn end(State(app): State<App>, id: Id, command: Command<Nothing>) -> Result<Response, Problem> {
    finish(&app, &command, End::One(id.0)).await
}

/// Ends all of them, the present one too, and those that were minted on the machine.
#[utoipa::path(delete, operation_id = "end_sessions", path = "/api/v1/sessions", tag = "access",
    responses((status = 200, body = Ended), (status = "4XX", body = ProblemView)))]
async fn end_all(State(app): State<App>, command: Command<Nothing>) -> Result<Response, Problem> {
    let answer = finish(&app, &command, End::All).await?;
    app.options.tokens.take_back(&command.by.id);
    Ok(answer)
}

async fn finish(app: &App, command: &Command<Nothing>, end: End) -> Result<Response, Problem> {
    let person = &command.by.id;
    let which = match &end {
        End::One(id) => json!({ "session": id }),
        _ => json!({ "session": "all" }),
    };
    let audit = command.audit("session.ended", subject(person), which);
    let ends_the_present = matches!(&command.via, Via::Session(session)
        if session.form == Form::Cookie && (end == End::All || end == End::One(session.id.clone())));
    let change = move |_: &_| {
        Ok(AccessChange { end: end.clone(), audit: vec![audit.clone()], ..AccessChange::default() })
    };
    let asking = Asking { person: person.clone(), address: None };
    app.store().people().change_access(asking, Arc::new(change)).await?;
    let cookie = ends_the_present.then(|| presented_cookie(None, app.is_secure())).flatten();
    Ok((cookie.map(|cookie| [(SET_COOKIE, cookie)]), Json(Ended { ended: true })).into_response())
}

#[derive(Serialize, ToSchema)]
struct SessionList {
    person: String,
    /// For `X-CSRF-Token`, when a cookie asks.
    csrf_token: Option<String>,
    sessions: Vec<SessionView>,
}

/// One session, without its token.
#[derive(Serialize, ToSchema)]
struct SessionView {
    id: String,
    /// Whether this is the one that asks.
    present: bool,
    /// `cookie` or `bearer`
    form: &'static str,
    began_at: Timestamp,
    /// But for a minute or so.
    used_at: Timestamp,
    expires_at: Timestamp,
    /// Where it was begun.
    address: Option<String>,
}

impl SessionView {
    fn of(session: &Session, present: Option<&str>) -> Self {
        Self {
            id: session.id.clone(),
            present: present == Some(session.id.as_str()),
            form: match session.form {
                Form::Cookie => "cookie",
                Form::Bearer => "bearer",
            },
            began_at: session.began_at,
            used_at: session.used_at,
            expires_at: session.expires_at,
            address: session.address.clone(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Ended {
    ended: bool,
}
