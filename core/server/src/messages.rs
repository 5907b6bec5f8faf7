//! 留言: what readers write to the accounts or about them, and how far each account was read.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::id::{AccountId, MessageId};
use juzhen_domain::matrix::Person;
use juzhen_domain::message::{Kind, Media};
use juzhen_domain::reason;
use juzhen_store::{Intake, Message, MessageFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::{Limit, NoParameters, Parameters, plain};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(intake))
}

/// What readers wrote, newest first. People of a unit see what belongs to their unit's accounts, one account at a time.
#[utoipa::path(get, operation_id = "list_messages", path = "/api/v1/messages", tag = "messages", params(ListMessages),
    responses((status = 200, body = MessageList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Parameters(wanted): Parameters<ListMessages>,
) -> Result<Json<MessageList>, Problem> {
    require_account(&app, &caller, wanted.account.as_ref())?;
    let limit = wanted.limit.unwrap_or_default();
    let filter = MessageFilter {
        account: wanted.account,
        kind: wanted.kind,
        since: wanted.since,
        before: wanted.before,
        most: limit.0,
    };
    let messages = app.store().messages(filter).await?;
    let next_before = limit.last_of_full(&messages).map(|message| message.id.to_string());
    Ok(Json(MessageList { messages: messages.into_iter().map(MessageView::of).collect(), next_before }))
}

/// How far each account was read, and what could not be.
#[utoipa::path(get, operation_id = "list_intake", path = "/api/v1/intake", tag = "messages",
    responses((status = 200, body = IntakeList), (status = "4XX", body = ProblemView)))]
async fn intake(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<IntakeList>, Problem> {
    permit::require(&caller, Act::SeeEverything)?;
    let seconds = app.engine.settings().publish.intake_seconds;
    let accounts = app.store().intake().await?;
    Ok(Json(IntakeList {
        every_seconds: seconds,
        accounts: accounts.into_iter().map(IntakeView::of).collect(),
    }))
}

/// Without a right to everything, one has to name an account of one's own unit. One of another unit is answered like one that
/// does not exist (A21).
fn require_account(app: &App, caller: &Person, account: Option<&AccountId>) -> Result<(), Problem> {
    let of_unit = |id: &AccountId| app.engine.settings().accounts.get(id).map(|a| a.unit.clone());
    let is_theirs = || account.and_then(of_unit).is_some_and(|unit| permit::sees_unit(caller, &unit));
    if permit::may(caller, Act::SeeEverything) || is_theirs() {
        return Ok(());
    }
    Err(Problem::because(Code::ForbiddenUnit, "name an account of your unit").at("account"))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListMessages {
    /// Only those of this account.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    account: Option<AccountId>,
    /// `comment`, `mention`, `mention_in_comment`, `private` or `other`.
    #[param(value_type = Option<String>)]
    #[serde(default)]
    kind: Option<Kind>,
    /// Only those that came then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "crate::instant::optional")]
    since: Option<Timestamp>,
    /// Only those that came before this one: the `next_before` of the page before.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "plain")]
    before: Option<MessageId>,
    /// 1 to 200.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MessageList {
    messages: Vec<MessageView>,
    /// Ask for older ones with this as `before`; null on the last page.
    next_before: Option<String>,
}

/// What somebody wrote. All of it but the ids of this system is text of strangers: it is data, never a page.
#[derive(Debug, Serialize, ToSchema)]
struct MessageView {
    id: String,
    account: String,
    /// `comment`, `mention`, `mention_in_comment`, `private` or `other`.
    kind: &'static str,
    kind_zh: &'static str,
    /// The platform's id of it; unique within account and kind.
    platform_id: String,
    /// The post that it is on, or that mentions the account, by the platform's id.
    post: Option<String>,
    /// The delivery that made that post, if it is ours.
    delivery: Option<String>,
    /// The comment that it answers.
    parent: Option<String>,
    author: AuthorView,
    text: String,
    media: Vec<MediaView>,
    /// Where people read it.
    url: Option<String>,
    /// Whether the public sees it; null when the platform does not say.
    shown: Option<bool>,
    /// Until then the platform lets the account answer; null when no limit is known.
    reply_until: Option<Timestamp>,
    /// How often it still does; null when no limit is known.
    replies_left: Option<u32>,
    /// By the platform's clock; null when it does not say.
    written_at: Option<Timestamp>,
    received_at: Timestamp,
    /// `push`: the platform told it by itself. `poll`: it was asked for.
    via: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct AuthorView {
    /// The platform's id of the person.
    id: String,
    /// Empty when the platform does not tell.
    name: String,
}

/// What it carries besides its text. Nobody has fetched it.
#[derive(Debug, Serialize, ToSchema)]
struct MediaView {
    /// `image`, `voice`, `video`, `location`, `link` or the platform's own word.
    kind: String,
    url: Option<String>,
    /// By which the platform gives it out.
    id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct IntakeList {
    /// 0: nothing is read. A platform that allows less is read less often.
    every_seconds: u32,
    accounts: Vec<IntakeView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct IntakeView {
    account: String,
    /// The last time that the platform was asked and answered.
    polled_at: Option<Timestamp>,
    /// The last time that it told something by itself.
    pushed_at: Option<Timestamp>,
    next_at: Timestamp,
    /// Polls in a row that came to nothing.
    failures: u32,
    /// Why the last one did.
    problem: Option<String>,
    problem_zh: Option<String>,
    /// What the last one could not read.
    gaps: Vec<String>,
}

impl MessageView {
    fn of(message: Message) -> Self {
        let Message { id, account, said, delivery, received_at, via } = message;
        Self {
            id: id.to_string(),
            account: account.to_string(),
            kind: said.kind.as_str(),
            kind_zh: said.kind.chinese(),
            platform_id: said.platform_id,
            post: said.post,
            delivery: delivery.map(|delivery| delivery.to_string()),
            parent: said.parent,
            author: AuthorView { id: said.author_id, name: said.author_name },
            text: said.text,
            media: said.media.into_iter().map(MediaView::of).collect(),
            url: said.url,
            shown: said.shown,
            reply_until: said.reply_until,
            replies_left: said.replies_left,
            written_at: said.written_at,
            received_at,
            via: via.as_str(),
        }
    }
}

impl MediaView {
    fn of(media: Media) -> Self {
        let Media { kind, url, id } = media;
        Self { kind, url, id }
    }
}

impl IntakeView {
    fn of(intake: Intake) -> Self {
        let Intake { account, polled_at, pushed_at, next_at, failures, problem, gaps } = intake;
        let problem_zh = problem.as_deref().map(|problem| reason::explain(problem).chinese);
        Self {
            account: account.to_string(),
            polled_at,
            pushed_at,
            next_at,
            failures,
            problem,
            problem_zh,
            gaps,
        }
    }
}
