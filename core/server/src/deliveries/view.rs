//! Deliveries as the API shows them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::act::{self, Resolution};
use juzhen_domain::delivery::{Attempt, Delivery, DeliveryKind, Receipt, ReceiptBy};
use juzhen_domain::matrix::Person;
use juzhen_store::{DeliveryRecord, EffectRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::etag::Version;

/// One delivery with everything that was tried.
#[derive(Debug, Serialize, ToSchema)]
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
    /// What the caller can do now: `hold`, `release`, `cancel`, `reschedule`, `resolve`.
    can: Vec<&'static str>,
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
    /// Why it is in this state.
    reason: Option<String>,
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
    detail: Option<String>,
    adapter: Option<String>,
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
            can: can(delivery, caller, now),
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
            detail: attempt.detail.clone(),
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

/// Asks the functions that would decide it.
fn can(delivery: &Delivery, caller: &Person, now: Timestamp) -> Vec<&'static str> {
    let seen = Resolution::Published { url: "https://example.invalid/".to_owned() };
    let offers = [
        ("hold", act::hold(delivery, caller, "?").is_ok()),
        ("release", act::release(delivery, caller, now).is_ok()),
        ("cancel", act::cancel(delivery, caller, "?").is_ok()),
        ("reschedule", act::reschedule(delivery, caller, now, now, now).is_ok()),
        ("resolve", act::resolve(delivery, caller, &seen, now).is_ok()),
    ];
    offers.into_iter().filter_map(|(name, offered)| offered.then_some(name)).collect()
}
