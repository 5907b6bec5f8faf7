//! Signing in: a name and a password, then a code (C06). Each step hands out a token of its own, so that none that was there
//! before is worth more afterwards (A27).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::access::Credentials;
use juzhen_domain::access::enter::Entered;
use juzhen_domain::access::session::{Form, Session, Stage};
use juzhen_domain::id::PersonId;
use juzhen_store::{AccessChange, Asking, End};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::verify::{self, Attempt};
use crate::app::App;
use crate::auth::{HalfWay, origin, presented_cookie, token};
use crate::command::Open;
use crate::hidden::Hidden;
use crate::problem::{Code, Problem, ProblemView};

/// Between the password and the code.
const HALF_WAY: SignedDuration = SignedDuration::from_mins(5);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(code))
}

/// Signs in. With `code` at once, without it as far as the password goes: the code is then given to `sessions/code`.
#[utoipa::path(post, operation_id = "sign_in", path = "/api/v1/sessions", tag = "access", security(),
    request_body = NewSession,
    responses((status = 200, body = SignedIn), (status = "4XX", body = ProblemView)))]
async fn begin(State(app): State<App>, open: Open<NewSession>) -> Result<Response, Problem> {
    let body = &open.body;
    if body.form == Form::Cookie {
        // Nobody is signed in to somebody else's account by another site.
        origin::check_site(&open.headers, &app)?;
    }
    let code = body.code.as_ref().map(|code| code.0.clone());
    let attempt = verify::attempt(&app, &open, &body.person, &body.password.0, code).await?;
    let (person, form) = (attempt.asking.person.clone(), body.form);
    enter(&app, &open, attempt, person, form, End::None).await
}

/// The code of somebody whose password was right.
#[utoipa::path(post, operation_id = "give_code", path = "/api/v1/sessions/code", tag = "access",
    request_body = NewCode,
    responses((status = 200, body = SignedIn), (status = "4XX", body = ProblemView)))]
async fn code(State(app): State<App>, half: HalfWay, open: Open<NewCode>) -> Result<Response, Problem> {
    let Session { person, form, token, .. } = half.session;
    let asking = Asking { person: person.clone(), address: open.address.clone() };
    // It was compared when this began; a change of the password has ended it.
    let fits = app.store().people().access(&asking).await?.credentials.and_then(|c| c.password);
    let attempt = Attempt { asking, fits, anew: None, code: Some(open.body.code.0.clone()) };
    enter(&app, &open, attempt, person, form, End::OfToken(token)).await
}

async fn enter<T: Send + Sync + Clone + 'static>(
    app: &App,
    open: &Open<T>,
    attempt: Attempt,
    person: PersonId,
    form: Form,
    end: End,
) -> Result<Response, Problem> {
    let new = token::new(token::SESSION)?;
    let wanted = Wanted { id: app.engine.new_id(), token: token::hash(&new), person, form, end };
    let (longest, of_open) = (app.policy().longest, open.clone());
    let begun = wanted.clone();
    let inside = move |entered: Entered, credentials: Credentials, change: &mut AccessChange| {
        begun.write(entered, credentials, longest, &of_open, change);
        Ok(())
    };
    let entered = verify::decide(app, open, attempt, Arc::new(inside)).await?;
    let (state, lasts) = match entered {
        Entered::In { .. } => ("signed_in", longest),
        Entered::NeedsCode => ("code_required", HALF_WAY),
        _ => return Err(too_old()),
    };
    let view = SignedIn {
        state,
        id: wanted.id,
        person: wanted.person.to_string(),
        expires_at: open.at + lasts,
        token: (form == Form::Bearer).then(|| new.clone()),
        csrf_token: (form == Form::Cookie).then(|| origin::csrf_token(&token::hash(&new))),
    };
    let cookie = (form == Form::Cookie).then(|| presented_cookie(Some(&new), app.is_secure())).flatten();
    Ok((cookie.map(|cookie| [(SET_COOKIE, cookie)]), Json(view)).into_response())
}

fn too_old() -> Problem {
    Problem::because(Code::PasswordTooOld, "change it by POST /api/v1/passwords, then sign in")
        .in_chinese("密码已超过规定的使用期限，请先修改密码再登录")
}

/// The session that may begin.
#[derive(Clone)]
struct Wanted {
    id: String,
    token: String,
    person: PersonId,
    form: Form,
    end: End,
}

impl Wanted {
    fn write<T>(
        &self,
        entered: Entered,
        credentials: Credentials,
        longest: SignedDuration,
        open: &Open<T>,
        change: &mut AccessChange,
    ) {
        let (stage, lasts, action) = match entered {
            Entered::In { .. } => (Stage::Full, longest, "session.begun"),
            Entered::NeedsCode => (Stage::Password, HALF_WAY, "session.code_asked"),
            _ => return,
        };
        change.credentials = Some(credentials);
        change.end = self.end.clone();
        change.begin = Some(self.session(stage, open.at, lasts, open.address.clone()));
        change.audit.push(verify::entered(open, &self.person, action, open.at));
    }

    fn session(
        &self,
        stage: Stage,
        at: Timestamp,
        lasts: SignedDuration,
        address: Option<String>,
    ) -> Session {
        Session {
            id: self.id.clone(),
            person: self.person.clone(),
            token: self.token.clone(),
            stage,
            form: self.form,
            began_at: at,
            used_at: at,
            expires_at: at + lasts,
            address,
        }
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSession {
    /// Their id in the settings, such as `d07.xx`.
    person: String,
    #[schema(value_type = String)]
    password: Hidden,
    /// The six digits of this moment.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<Hidden>,
    /// `bearer` for programs, or `cookie` for browsers: a `__Host-` cookie, which changes need `X-CSRF-Token` beside.
    #[serde(default = "bearer")]
    #[schema(value_type = String, default = "bearer")]
    form: Form,
}

fn bearer() -> Form {
    Form::Bearer
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCode {
    #[schema(value_type = String)]
    code: Hidden,
}

/// A session that begins, or the half of one.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "state": "signed_in", "id": "0197f0a0-0000-7000-8000-000000000001", "person": "d07.xx",
    "expires_at": "2026-06-01T09:00:00Z", "token": "juzhen_s_…", "csrf_token": null }))]
struct SignedIn {
    /// `signed_in`, or `code_required`: the token is good for `POST /api/v1/sessions/code` and nothing else.
    state: &'static str,
    /// To end it by.
    id: String,
    person: String,
    /// At the latest; earlier when nobody uses it.
    expires_at: Timestamp,
    /// For `Authorization: Bearer`, shown this once; null in a cookie.
    token: Option<String>,
    /// For `X-CSRF-Token`, beside the cookie.
    csrf_token: Option<String>,
}
