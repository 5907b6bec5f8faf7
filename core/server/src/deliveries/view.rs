//! Deliveries as the API shows them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::delivery::{Attempt, Delivery, DeliveryKind, Receipt, ReceiptBy};
use juzhen_domain::matrix::Person;
use juzhen_domain::reason::{self, Ended};
use juzhen_store::{DeliveryRecord, Doubt, EffectRow, LateNews};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::actions::{self, ActionView};
use crate::etag::Version;

/// One delivery with everything that was tried, what is known of it, and what can be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = in_doubt)]
pub(crate) struct DeliveryView {
    #[serde(flatten)]
    line: DeliveryLine,
    /// Who puts a delivery into this state.
    state_put_by: &'static str,
    /// Who takes it away again.
    state_left_by: &'static str,
    /// For a forward: the delivery it forwards.
    origin: Option<String>,
    /// Hash of the whole item as it was approved.
    item_hash: String,
    /// Hash of the bytes that go to this account.
    payload_hash: String,
    /// The settings it was made under.
    revision: String,
    /// Ticket of an asynchronous platform.
    ticket: Option<String>,
    created_at: Timestamp,
    /// Oldest first.
    attempts: Vec<AttemptView>,
    /// Requests that could change something outside, oldest first.
    effects: Vec<EffectView>,
    /// While it is in doubt, and afterwards: since when, and how often its account was looked at.
    doubt: Option<DoubtView>,
    /// What a worker said that no longer held it. Evidence only; oldest first.
    late_news: Vec<LateNewsView>,
    /// What the caller can do now, what closes the matter first.
    actions: Vec<ActionView>,
}

/// A delivery in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryLine {
    id: String,
    item: String,
    account: String,
    platform: String,
    /// `publish` or `forward`.
    kind: &'static str,
    /// The route that made it; null when the author named the account.
    route: Option<String>,
    state: &'static str,
    /// The word on the screen.
    state_zh: &'static str,
    /// Why it is in this state: machine words, each with a colon, then what was said.
    reason: Option<String>,
    /// The same for the staff.
    reason_zh: Option<String>,
    due_at: Timestamp,
    /// After this it is missed, never sent late by itself.
    latest_at: Timestamp,
    /// When the daemon looks at it next.
    next_at: Timestamp,
    tries: u32,
    /// An attempt broke off after answered requests, and the next goes on from there: something may be out.
    resumes: bool,
    receipt: Option<ReceiptView>,
    changed_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptView {
    platform_id: Option<String>,
    url: Option<String>,
    published_at: Timestamp,
    /// How it is known: `answer`, `evidence` or `person`.
    #[schema(value_type = String)]
    by: ReceiptBy,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    id: String,
    number: u32,
    /// Requests of the same call share their recorded answers.
    call: String,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    outcome: Option<String>,
    /// The word on the screen.
    outcome_zh: Option<String>,
    /// Machine words, each with a colon, then what was said; or the address of the post.
    detail: Option<String>,
    /// What the words mean; null when there are none.
    detail_zh: Option<String>,
    /// Content hash of the adapter's file.
    adapter: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DoubtView {
    since: Timestamp,
    /// How often the account was looked at without finding it.
    looks: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LateNewsView {
    at: Timestamp,
    attempt: Option<String>,
    /// The state it would have led to.
    says: &'static str,
    says_zh: &'static str,
    outcome: String,
    detail: Option<String>,
    platform_id: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EffectView {
    call: String,
    method: String,
    /// Without secrets.
    url: String,
    body_sha256: String,
    began_at: Timestamp,
    answered_at: Option<Timestamp>,
    status: Option<u16>,
    /// Whether the whole answer arrived.
    complete: Option<bool>,
}

impl DeliveryView {
    fn of(record: &DeliveryRecord, caller: &Person, now: Timestamp) -> Self {
        let delivery = &record.delivery;
        Self {
            line: DeliveryLine::of(delivery),
            state_put_by: delivery.state.put_by(),
            state_left_by: delivery.state.left_by(),
            origin: match &delivery.kind {
                DeliveryKind::Publish => None,
                DeliveryKind::Forward { origin, .. } => Some(origin.to_string()),
            },
            item_hash: delivery.item_hash.to_string(),
            payload_hash: delivery.payload_hash.to_string(),
            revision: delivery.revision.clone(),
            ticket: delivery.ticket.clone(),
            created_at: delivery.created_at,
            attempts: record.attempts.iter().map(AttemptView::of).collect(),
            effects: record.effects.iter().map(EffectView::of).collect(),
            doubt: record.doubt.map(DoubtView::of),
            late_news: record.late.iter().map(LateNewsView::of).collect(),
            actions: actions::open_to(caller, delivery, now),
        }
    }

    /// With its ETag.
    pub(super) fn answer(record: &DeliveryRecord, caller: &Person, now: Timestamp) -> Response {
        (Version(record.row_version).header(), Json(Self::of(record, caller, now))).into_response()
    }
}

impl DeliveryLine {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            item: delivery.item.to_string(),
            account: delivery.account.to_string(),
            platform: delivery.platform.to_string(),
            kind: delivery.kind.as_str(),
            route: delivery.route.as_ref().map(ToString::to_string),
            state: delivery.state.as_str(),
            state_zh: delivery.state.chinese(),
            reason: delivery.reason.clone(),
            reason_zh: delivery.reason.as_deref().map(|reason| reason::explain(reason).chinese),
            due_at: delivery.due_at,
            latest_at: delivery.latest_at,
            next_at: delivery.next_at,
            tries: delivery.tries,
            resumes: delivery.resumes,
            receipt: delivery.receipt.as_ref().map(ReceiptView::of),
            changed_at: delivery.changed_at,
        }
    }
}

impl ReceiptView {
    fn of(receipt: &Receipt) -> Self {
        Self {
            platform_id: receipt.platform_id.clone(),
            url: receipt.url.clone(),
            published_at: receipt.published_at,
            by: receipt.by,
        }
    }
}

impl AttemptView {
    fn of(attempt: &Attempt) -> Self {
        Self {
            id: attempt.id.to_string(),
            number: attempt.number,
            call: attempt.call.clone(),
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            outcome: attempt.outcome.clone(),
            outcome_zh: attempt.outcome.as_deref().map(Ended::explain),
            detail: attempt.detail.clone(),
            detail_zh: attempt.detail.as_deref().and_then(meaning),
            adapter: attempt.adapter.clone(),
        }
    }
}

impl EffectView {
    fn of(effect: &EffectRow) -> Self {
        Self {
            call: effect.call.clone(),
            method: effect.method.clone(),
            url: effect.url.clone(),
            body_sha256: effect.body_sha256.clone(),
            began_at: effect.began_at,
            answered_at: effect.answered_at,
            status: effect.status,
            complete: effect.complete,
        }
    }
}

/// Of a text that begins with a machine word.
fn meaning(detail: &str) -> Option<String> {
    let explained = reason::explain(detail);
    (!explained.words.is_empty()).then_some(explained.chinese)
}

impl DoubtView {
    fn of(doubt: Doubt) -> Self {
        Self { since: doubt.since, looks: doubt.looks }
    }
}

impl LateNewsView {
    fn of(news: &LateNews) -> Self {
        Self {
            at: news.at,
            attempt: news.attempt.as_ref().map(ToString::to_string),
            says: news.says.as_str(),
            says_zh: news.says.chinese(),
            outcome: news.outcome.clone(),
            detail: news.detail.clone(),
            platform_id: news.platform_id.clone(),
            url: news.url.clone(),
        }
    }
}

/// What the document shows: one that nobody but a person can close.
fn in_doubt() -> serde_json::Value {
    json!({
        "id": "0197c0de00000001", "item": "0197c0de00000000", "account": "W015", "platform": "weibo", "kind": "publish",
        "route": null, "state": "needs_person", "state_zh": "需人工核实", "reason": "not_seen: looked 9 times",
        "reason_zh": "核对时限内没有在账号上看到，但这不能证明没有发出，请到账号上查看",
        "due_at": "2026-06-01T01:00:00Z", "latest_at": "2026-06-01T01:15:00Z", "next_at": "2026-06-01T01:03:10Z",
        "tries": 1, "resumes": false, "receipt": null, "changed_at": "2026-06-01T01:03:10Z",
        "state_put_by": "`engine::reconcile` when no evidence was found in the window: absence proves nothing",
        "state_left_by": "a person who looked at the account: published, not published, or send again",
        "origin": null, "item_hash": "9f2c…", "payload_hash": "51ab…", "revision": "c4d1…", "ticket": null,
        "created_at": "2026-05-31T08:00:00Z",
        "attempts": [{ "id": "0197c0de00000001.1", "number": 1, "call": "0197c0de00000001.1",
            "started_at": "2026-06-01T01:00:00Z", "ended_at": "2026-06-01T01:00:30Z", "outcome": "unsure",
            "outcome_zh": "结果不明", "detail": "unclear: timed_out: the call's deadline has passed",
            "detail_zh": "没有得到明确答复，可能已经发出，正在账号上核对；在规定时间内没有完成", "adapter": "77e0…" }],
        "effects": [{ "call": "0197c0de00000001.1", "method": "POST", "url": "https://api.weibo.com/2/statuses/share.json",
            "body_sha256": "0d4f…", "began_at": "2026-06-01T01:00:00Z", "answered_at": null, "status": null,
            "complete": null }],
        "doubt": { "since": "2026-06-01T01:00:30Z", "looks": 9 }, "late_news": [],
        "actions": [{ "action": "resolve_published", "name_zh": "确认已发布",
            "means_zh": "您已在账号上看到这条内容：任务记为已发布，不会再次发送，后续转发照常进行。",
            "reason_required": false, "method": "POST", "path": "/api/v1/deliveries/0197c0de00000001/resolve",
            "body": { "found": "published", "url": "<链接>" },
            "command": "juzhen delivery resolve 0197c0de00000001 --published <URL>" }]
    })
}
