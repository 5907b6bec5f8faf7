//! Posts on our accounts that this system did not make (P27), what people say they are about, and how the watch over the
//! accounts goes.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_domain::reason;
use juzhen_store::{Closed, UnknownPost, Watched};
use serde::{Deserialize, Serialize};
use tracing::info;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::Command;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::NoParameters;
use crate::text;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(close)).routes(routes!(watched))
}

/// So many are told; whoever has more has another problem.
const MOST: u32 = 500;

/// Posts that this system did not make: those that wait for a person first, then the newest.
#[utoipa::path(get, operation_id = "list_unknown_posts", path = "/api/v1/unknown-posts", tag = "accounts",
    responses((status = 200, body = UnknownList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<UnknownList>, Problem> {
    permit::require(&caller, Act::SeeEverything)?;
    let posts = app.store().unknown_posts(MOST).await?;
    Ok(Json(UnknownList { posts: posts.iter().map(UnknownView::of).collect() }))
}

/// Says what a post is about, such as who made it by hand; the first word stands.
#[utoipa::path(post, operation_id = "close_unknown_post", path = "/api/v1/unknown-posts/close", tag = "accounts",
    request_body = NewWord, responses((status = 200, body = UnknownView), (status = "4XX", body = ProblemView)))]
async fn close(State(app): State<App>, command: Command<NewWord>) -> Result<Json<UnknownView>, Problem> {
    permit::require(&command.by, Act::ResumeAccount)?;
    let NewWord { account, id, note } = command.body;
    let Some(note) = text::tidy(note, "note")? else {
        return Err(Problem::because(Code::ReasonRequired, "say what it is about").at("note"));
    };
    let (account, by) = (AccountId::new(account), command.by.id);
    let closed = Closed { at: command.at, by, note };
    let post = app.store().close_post(&account, id, closed).await?;
    let post = post.ok_or_else(|| Problem::new(Code::NotFound))?;
    info!(account.id = %account, post = post.id, "A strange post was explained");
    Ok(Json(UnknownView::of(&post)))
}

/// When each account's own list was looked at for posts that are not ours, and which cannot be.
#[utoipa::path(get, operation_id = "list_watched_accounts", path = "/api/v1/watched-accounts", tag = "accounts",
    responses((status = 200, body = WatchedList), (status = "4XX", body = ProblemView)))]
async fn watched(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<WatchedList>, Problem> {
    permit::require(&caller, Act::SeeConfiguration)?;
    let seconds = app.engine.settings().publish.watch_seconds;
    let accounts = app.store().watched().await?;
    Ok(Json(WatchedList {
        every_seconds: seconds,
        accounts: accounts.into_iter().map(WatchedView::of).collect(),
    }))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWord {
    account: String,
    /// The platform's id of the post.
    id: String,
    #[serde(default)]
    #[schema(value_type = String)]
    note: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UnknownList {
    posts: Vec<UnknownView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UnknownView {
    account: String,
    /// Of the platform.
    id: String,
    url: Option<String>,
    excerpt: String,
    posted_at: Option<Timestamp>,
    first_seen: Timestamp,
    /// Null while it waits for a person.
    closed: Option<ClosedView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ClosedView {
    at: Timestamp,
    by: String,
    note: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct WatchedList {
    /// 0: no account is looked at.
    every_seconds: u32,
    accounts: Vec<WatchedView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WatchedView {
    account: String,
    /// When stock was taken: older posts are no alarm.
    since: Option<Timestamp>,
    looked_at: Option<Timestamp>,
    next_at: Timestamp,
    /// Why the last look came to nothing; `not_offered` where the platform has no list.
    problem: Option<String>,
    problem_zh: Option<String>,
}

impl UnknownView {
    fn of(post: &UnknownPost) -> Self {
        let closed = post.closed.as_ref();
        Self {
            account: post.account.to_string(),
            id: post.id.clone(),
            url: post.url.clone(),
            excerpt: post.excerpt.clone(),
            posted_at: post.posted_at,
            first_seen: post.first_seen,
            closed: closed.map(|c| ClosedView { at: c.at, by: c.by.to_string(), note: c.note.clone() }),
        }
    }
}

impl WatchedView {
    fn of(watched: Watched) -> Self {
        let Watched { account, since, looked_at, next_at, problem } = watched;
        let problem_zh = problem.as_deref().map(|problem| reason::explain(problem).chinese);
        Self { account: account.to_string(), since, looked_at, next_at, problem, problem_zh }
    }
}
