//! What people do to deliveries, and what they are told about them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::Caps;
use juzhen_domain::claim::Standing;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::matrix::AccountStatus;
use juzhen_domain::outcome::Next;
use juzhen_store::{ClaimRequest, Settle, Store};
use serde_json::{Value, json};

use crate::support::{Api, Request, in_seconds, text};

pub(crate) async fn delivery(api: &Api, item: &Value) -> String {
    let listed = api.get("off.hg", &format!("/api/v1/deliveries?item={}", text(&item["id"]))).await.json();
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 1, "{listed}");
    format!("/api/v1/deliveries/{}", text(&listed["deliveries"][0]["id"]))
}

/// Claims it and says that nobody knows what came of it.
pub(crate) async fn needs_person(api: &Api, path: &str) {
    let id = DeliveryId::new(path.rsplit('/').next().unwrap());
    let due: Timestamp = text(&api.get("off.hg", path).await.json()["due_at"]).parse().unwrap();
    let now = Timestamp::now().max(due);
    let caps = Caps { per_delivery: 3, per_account_hour: 10, gap: SignedDuration::ZERO };
    let standing = Standing { status: AccountStatus::Active, adapter_ready: true, caps };
    let request = ClaimRequest {
        now,
        until: now,
        most: 1,
        worker: "test".into(),
        lease_until: now + SignedDuration::from_hours(1),
        standing: Arc::new(move |_| Some(standing)),
        stopped: false,
    };
    let claim = api.store.claim(request).await.unwrap().claims.remove(0);
    assert_eq!(claim.delivery.id, id);
    let settle = Settle {
        delivery: id,
        expected: (claim.delivery.state, claim.delivery.fence),
        or_claimed: true,
        attempt: Some(claim.attempt.id),
        next: Next::NeedsPerson { reason: "not_seen: looked 9 times".into() },
        outcome: "unsure".into(),
        detail: Some("no answer".into()),
        adapter: None,
        requests: 0,
        follow: Arc::new(|_, _, _| Vec::new()),
        pause_after: 0,
        now: Timestamp::now(),
        request: None,
    };
    api.store.settle(settle).await.unwrap();
}

/// What the caller is offered.
fn actions(delivery: &Value) -> Vec<&str> {
    delivery["actions"].as_array().unwrap().iter().map(|action| text(&action["action"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_explains_its_state_and_what_can_be_done() {
    let api = Api::start().await;
    let item = api.scheduled("通知").await;
    let path = delivery(&api, &item).await;
    let seen = api.get("off.hg", &path).await.json();
    assert_eq!((&seen["state"], &seen["state_zh"]), (&json!("due"), &json!("待发")));
    assert!(text(&seen["state_left_by"]).contains("engine::claim"), "{seen}");
    assert_eq!(actions(&seen), ["reschedule", "hold", "cancel"]);
    assert_eq!(actions(&api.get("off.gl", &path).await.json()), ["hold"]);
    assert_eq!(actions(&api.get("d07.xx", &path).await.json()), [""; 0]);
    let hold = &seen["actions"][1];
    assert_eq!((&hold["name_zh"], &hold["reason_required"]), (&json!("暂缓"), &json!(true)));
    assert_eq!(hold["path"], format!("{path}/hold"));
    assert_eq!(seen["item_hash"], item["hash"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn holding_releasing_rescheduling_and_cancelling() {
    let api = Api::start().await;
    let path = delivery(&api, &api.scheduled("通知").await).await;
    let act = |person: &'static str, word: &str, body: Value| {
        let (api, path) = (&api, format!("{path}/{word}"));
        async move { api.post(person, &path, body).await }
    };
    assert_eq!(act("off.gl", "hold", json!({})).await.problem(), "422 reason_required");
    assert_eq!(act("d07.xx", "hold", json!({ "reason": "x" })).await.problem(), "403 forbidden");
    let held = act("off.gl", "hold", json!({ "reason": "等通知" })).await.json();
    assert_eq!((&held["state"], &held["reason"]), (&json!("held"), &json!("operator: 等通知")));
    assert_eq!(held["reason_zh"], "工作人员决定：等通知");
    assert_eq!(act("off.gl", "release", json!({})).await.problem(), "403 forbidden");
    assert_eq!(act("off.hg", "release", json!({})).await.json()["state"], "due");
    assert_eq!(act("off.hg", "release", json!({})).await.problem(), "409 bad_state");
    let due = in_seconds(7200);
    let moved = act("off.hg", "reschedule", json!({ "due_at": due })).await.json();
    let parsed: Timestamp = text(&moved["due_at"]).parse().unwrap();
    let wanted: Timestamp = due.parse().unwrap();
    // Kept in whole milliseconds, and never earlier than it was said.
    assert!((0..=1).contains(&(parsed.as_millisecond() - wanted.as_millisecond())), "{parsed} {wanted}");
    let early = json!({ "due_at": in_seconds(7200), "latest_at": in_seconds(60) });
    assert_eq!(act("off.hg", "reschedule", early).await.problem(), "422 latest_before_due");
    let cancelled = act("off.hg", "cancel", json!({ "reason": "改用公告" })).await.json();
    assert_eq!((&cancelled["state"], &cancelled["actions"]), (&json!("cancelled"), &json!([])));
    let subject = format!("delivery:{}", path.rsplit('/').next().unwrap());
    let actions = api.audit_actions(&subject).await;
    assert_eq!(
        actions[1..],
        [
            "off.gl delivery.held",
            "off.hg delivery.released",
            "off.hg delivery.rescheduled",
            "off.hg delivery.cancelled"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f101_the_second_of_two_who_saw_the_same_version_is_told() {
    let api = Api::start().await;
    let path = delivery(&api, &api.scheduled("通知").await).await;
    let etag = api.get("off.hg", &path).await.header("etag").unwrap().to_owned();
    let hold = |person| {
        let request = Request::new("POST", &format!("{path}/hold")).of(person).header("If-Match", &etag);
        request.json(&json!({ "reason": "等通知" }))
    };
    assert_eq!(api.send(hold("off.hg")).await.status, 200);
    assert_eq!(api.send(hold("off.zr")).await.problem(), "412 precondition_failed");
}
