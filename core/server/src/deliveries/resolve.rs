//! Closing a doubt: a person has looked at the account and says what is there. A word that nothing is there is held against
//! one more look of the daemon, because what is on the account must not be sent again (P1).

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use juzhen_domain::act::{self, Resolution};
use juzhen_domain::delivery::Delivery;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::outcome::Evidence;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::act::{Reasoned, change};
use super::view::DeliveryView;
use super::{place, visible};
use crate::app::App;
use crate::command::{Command, Nothing};
use crate::items::Times;
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;
use crate::text;

/// Closes a doubt: somebody has looked at the account. The daemon looks once more before it believes that nothing is there.
#[utoipa::path(post, operation_id = "resolve_delivery", path = "/api/v1/deliveries/{id}/resolve", tag = "deliveries", request_body = NewResolution,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = DeliveryView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn resolve(
    State(app): State<App>,
    id: Id,
    mut command: Command<NewResolution>,
) -> Result<Response, Problem> {
    let delivery = visible(&app, &command.by, &DeliveryId::new(id.0.clone())).await?.delivery;
    command.body.reason = text::tidy(command.body.reason.take(), "reason")?;
    let resolution = resolution(&app, &delivery, &command)?;
    // Refused before the platform is asked, where the rules refuse it anyway.
    let allowed = act::resolve(&delivery, &command.by, &resolution, command.at);
    let looked = match allowed {
        Ok(_) if resolution.denies() => Some(second_look(&app, &delivery).await?),
        _ => None,
    };
    let noted = json!({ "found": command.body.found, "second_look": looked });
    change(&app, id, command, noted, move |command, delivery| {
        act::resolve(delivery, &command.by, &resolution, command.at)
    })
    .await
}

/// Looks for the post on its account now. Changes nothing.
#[utoipa::path(post, operation_id = "look_for_delivery", path = "/api/v1/deliveries/{id}/look", tag = "deliveries", request_body = Nothing,
    params(("id" = String, Path)),
    responses((status = 200, body = LookView), (status = "4XX", body = ProblemView)))]
pub(super) async fn look(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Json<LookView>, Problem> {
    let delivery = visible(&app, &command.by, &DeliveryId::new(id.0)).await?.delivery;
    let seen = Resolution::Published { url: Some("https://example.invalid/".to_owned()), platform_id: None };
    act::resolve(&delivery, &command.by, &seen, command.at)
        .map_err(|refusal| Problem::refused(refusal.code(), refusal.to_string()))?;
    let evidence = app.engine.look_for(&delivery.id).await?;
    Ok(Json(LookView::of(evidence, app.now())))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "found": "published", "url": "https://weibo.com/1234567890/N1aB2c" }))]
pub(super) struct NewResolution {
    /// `published` (it is there), `not_published` (it is not there and shall not go out) or `retry` (it is not there and
    /// is sent again now).
    #[schema(value_type = String)]
    found: Found,
    /// Of the post, with `published`: an https:// address of the account's platform.
    #[serde(default)]
    url: Option<String>,
    /// The platform's own id of the post, with `published`; enough without `url`.
    #[serde(default)]
    platform_id: Option<String>,
    /// With `retry`; as the settings say when it is left out.
    #[serde(default, deserialize_with = "crate::instant::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_at: Option<Timestamp>,
    /// Required with `retry`; kept in the audit.
    #[serde(default)]
    reason: Option<String>,
}

impl Reasoned for NewResolution {
    fn reason(&mut self) -> &mut Option<String> {
        &mut self.reason
    }
}

/// What a person saw on the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    Published,
    NotPublished,
    Retry,
}

/// What one look at the account came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "seen": "found", "means_zh": "账号上有这条内容",
    "url": "https://weibo.com/1234567890/N1aB2c", "platform_id": "N1aB2c", "matches": 1, "at": "2026-06-01T01:00:05Z" }))]
pub(super) struct LookView {
    /// `found`, `several`, `not_seen`, `part_seen`, `unreadable` or `cannot_look`. Only the first two prove anything.
    seen: &'static str,
    means_zh: &'static str,
    url: Option<String>,
    platform_id: Option<String>,
    /// Posts that are the same.
    matches: usize,
    /// Why the account could not be read.
    detail: Option<String>,
    at: Timestamp,
}

impl LookView {
    fn of(evidence: Option<Evidence>, at: Timestamp) -> Self {
        let view = |seen, means_zh| Self {
            seen,
            means_zh,
            url: None,
            platform_id: None,
            matches: 0,
            detail: None,
            at,
        };
        match evidence {
            Some(Evidence::Found { id, url, .. }) => {
                Self { url, platform_id: Some(id), matches: 1, ..view("found", "账号上有这条内容") }
            }
            Some(Evidence::Ambiguous { matches }) => {
                Self { matches, ..view("several", "账号上有多条内容相同，请辨认是哪一条") }
            }
            Some(Evidence::NotSeen) => {
                view("not_seen", "账号上没有看到；平台显示可能有延迟，这不能证明没有发出")
            }
            Some(Evidence::PartSeen) => {
                view("part_seen", "账号的内容列表只读到一部分，没有看到不能说明没有发出，请自行查看")
            }
            Some(Evidence::Unreadable { reason }) => Self {
                detail: Some(reason),
                ..view("unreadable", "暂时读不到该账号，请自行查看")
            },
            Some(Evidence::CannotLook) | None => view("cannot_look", "该账号不能自动核对，请自行查看"),
        }
    }
}

fn resolution(
    app: &App,
    delivery: &Delivery,
    command: &Command<NewResolution>,
) -> Result<Resolution, Problem> {
    let NewResolution { found, url, platform_id, latest_at, reason } = &command.body;
    let only_with = |field: &str, word: &str| {
        Err(Problem::because(Code::InvalidValue, format!("it comes with found {word:?} only")).at(field))
    };
    match found {
        Found::Published if latest_at.is_some() => only_with("latest_at", "retry"),
        Found::Published => published(app, delivery, url.as_deref(), platform_id.as_deref()),
        _ if url.is_some() => only_with("url", "published"),
        _ if platform_id.is_some() => only_with("platform_id", "published"),
        Found::NotPublished if latest_at.is_some() => only_with("latest_at", "retry"),
        Found::NotPublished => Ok(Resolution::NotPublished),
        Found::Retry => {
            let times = Times::check(app, command.at, ("due_at", None), *latest_at)?;
            let reason = reason.clone().unwrap_or_default();
            Ok(Resolution::Retry { latest_at: times.latest_at, reason })
        }
    }
}

/// What somebody saw has a place.
fn published(
    app: &App,
    delivery: &Delivery,
    url: Option<&str>,
    platform_id: Option<&str>,
) -> Result<Resolution, Problem> {
    let (url, platform_id) = (url.map(str::trim), platform_id.map(str::trim));
    if let Some(url) = url {
        place::check(app, &delivery.account, url)?;
    }
    let is_id = |id: &str| !id.is_empty() && id.len() <= 200 && id.bytes().all(|b| b.is_ascii_graphic());
    match (url, platform_id) {
        (None, None) => Err(Problem::because(Code::MissingField, "where is it?").at("url")),
        (_, Some(id)) if !is_id(id) => {
            let detail = "an id of a platform is 1 to 200 visible ASCII characters";
            Err(Problem::because(Code::InvalidValue, detail).at("platform_id"))
        }
        (url, platform_id) => Ok(Resolution::Published {
            url: url.map(str::to_owned),
            platform_id: platform_id.map(str::to_owned),
        }),
    }
}

/// What the daemon sees when a person says that nothing is there. Refuses when it sees the post.
async fn second_look(app: &App, delivery: &Delivery) -> Result<&'static str, Problem> {
    let seen = LookView::of(app.engine.look_for(&delivery.id).await?, app.now());
    let account = &delivery.account;
    let place = seen.url.as_deref().or(seen.platform_id.as_deref()).unwrap_or("look there");
    let (detail, chinese) = match seen.matches {
        0 => return Ok(seen.seen),
        1 => (
            format!("it is on account {account}: {place}"),
            format!("账号 {account} 上已有这条内容：{place}"),
        ),
        matches => (
            format!("{matches} posts on account {account} say the same: look there"),
            format!("账号 {account} 上有 {matches} 条内容相同，请到账号上辨认"),
        ),
    };
    Err(Problem::because(Code::OnAccount, detail).in_chinese(chinese))
}
