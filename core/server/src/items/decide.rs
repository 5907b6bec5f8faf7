//! 审核: approve, return or reject; with the last approval the office may schedule in the same stroke.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use juzhen_domain::hash::ContentHash;
use juzhen_domain::item::Item;
use juzhen_domain::register::{self, Series};
use juzhen_domain::review::{self, Decided, Mode, Proposal, SecrecyReview, Verdict};
use juzhen_domain::state::ItemState;
use juzhen_store::{ItemChange, ItemRecord, Refused};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::formal::{self, Given};
use super::schedule::{Times, plan};
use super::view::ItemView;
use crate::app::App;
use crate::command::Command;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;
use crate::text;

/// A reviewer's word on exactly the texts with this hash.
#[utoipa::path(post, operation_id = "decide_item", path = "/api/v1/items/{id}/decisions", tag = "items", request_body = NewDecision,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ItemView, headers(("ETag" = String))), (status = "4XX", body = ProblemView)))]
pub(super) async fn decide(
    State(app): State<App>,
    id: Id,
    mut command: Command<NewDecision>,
) -> Result<Response, Problem> {
    let body = &mut command.body;
    body.reason = text::tidy(body.reason.take(), "reason")?;
    let Some(hash) = ContentHash::parse(&body.hash) else {
        let detail = "it has to be the \"hash\" of the item as you have read it";
        return Err(Problem::because(Code::InvalidValue, detail).at("hash"));
    };
    let times = times(&app, &command)?;
    let given = formal::given(&app, &command).await?;
    let change = move |app: &App, command: &_, record: &_| change(app, command, record, &given, &hash, times);
    let answer = super::change(&app, id, command, change).await;
    app.engine.reach("approve.after_commit");
    answer
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDecision {
    /// `approve`, `return` (退回修改) or `reject` (不予采用).
    #[schema(value_type = String)]
    decision: Verdict,
    /// Of the item as the reviewer has read it.
    hash: String,
    /// Required to return or reject, and for what was said on the telephone.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// 七类声明, by the unit's approver where the procedure asks for it.
    #[serde(default)]
    pub(super) declaration: bool,
    /// 保密审查: `conclusion` (`may_publish`, `publish_after_redaction`, `must_not`), `basis`, `scope`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(super) secrecy: Option<SecrecyReview>,
    /// `online`, `paper` (with the scan as evidence) or `phone`.
    #[serde(default)]
    #[schema(value_type = String, default = "online")]
    pub(super) mode: Mode,
    /// Whose decision the office writes down; with `paper` or `phone`.
    #[serde(default)]
    pub(super) on_behalf_of: Option<String>,
    /// Uploads that show it, by their hash.
    #[serde(default)]
    pub(super) evidence: Vec<String>,
    /// With the last approval, by somebody who may schedule: when it is to be out.
    #[serde(default, deserialize_with = "crate::instant::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    publish_at: Option<Timestamp>,
    /// After this it is not sent any more by itself.
    #[serde(default, deserialize_with = "crate::instant::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_at: Option<Timestamp>,
}

/// When it is scheduled with this decision, if it is.
fn times(app: &App, command: &Command<NewDecision>) -> Result<Option<Times>, Problem> {
    let body = &command.body;
    if body.publish_at.is_none() && body.latest_at.is_none() {
        return Ok(None);
    }
    if body.decision != Verdict::Approve || body.publish_at.is_none() {
        let detail = "publish_at comes with an approval, latest_at with publish_at";
        return Err(Problem::because(Code::InvalidTime, detail).at("publish_at"));
    }
    permit::require(&command.by, Act::Schedule)?;
    Times::check(app, command.at, ("publish_at", body.publish_at), body.latest_at).map(Some)
}

fn change(
    app: &App,
    command: &Command<NewDecision>,
    record: &ItemRecord,
    given: &Given,
    hash: &ContentHash,
    times: Option<Times>,
) -> Result<ItemChange, Refused> {
    let body = &command.body;
    let mandates = super::mandates(app, record, &given.person, command.at);
    let proposal = Proposal {
        person: &given.person,
        mandates: &mandates,
        verdict: body.decision,
        hash,
        reason: body.reason.as_deref(),
        at: command.at,
    };
    let Decided { decision, mut state } = review::decide(&record.item, &record.decisions, &proposal)
        .map_err(|refusal| Refused::new(refusal.code(), refusal.to_string()))?;
    formal::check(app, record, given, body.decision)?;
    let decision = formal::recorded(decision, given);
    let mut new_deliveries = Vec::new();
    if let Some(times) = times {
        if state != ItemState::Approved {
            let message = "another step of review follows: it can be scheduled after that";
            return Err(Refused::new(Code::BadState.as_str(), message));
        }
        let approved = Item { state, ..record.item.clone() };
        let decisions: Vec<_> = record.decisions.iter().cloned().chain([decision.clone()]).collect();
        let approved = ItemRecord { item: approved, decisions, ..record.clone() };
        new_deliveries = plan(app, &approved, times, command.at)?;
        state = ItemState::Scheduled;
    }
    app.engine.reach("approve.before_commit");
    let detail = json!({
        "from": record.item.state, "to": state, "hash": hash, "step": decision.step, "role": decision.role, "on_behalf": decision.behalf, "reason": decision.reason,
        "person": decision.person, "record": decision.record,
        "deliveries": new_deliveries.len(), "publish_at": times.map(|t| t.due_at),
    });
    let action = match body.decision {
        Verdict::Approve => "item.approved",
        Verdict::Return => "item.returned",
        Verdict::Reject => "item.rejected",
    };
    let audit = command.audit(action, super::subject(record), detail);
    let prefix = &app.engine.settings().review.register_prefix;
    let register = register::is_due(&record.item, state).then(|| Series::at(prefix, command.at));
    Ok(ItemChange { decision: Some(decision), new_deliveries, register, ..ItemChange::to(state, audit) })
}
