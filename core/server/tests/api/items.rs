//! An item's way through the API: handed in, decided, written anew, scheduled, withdrawn.

use serde_json::{Value, json};

use crate::support::{Api, Request, in_seconds, new_item, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_handed_in_approved_and_scheduled_in_one_stroke() {
    let api = Api::start().await;
    let submitted =
        api.send(Request::new("POST", "/api/v1/items").of("d07.xx").json(&new_item("停水通知"))).await;
    assert_eq!(submitted.status, 201);
    let item = submitted.json();
    let path = format!("/api/v1/items/{}", text(&item["id"]));
    assert_eq!(submitted.header("location"), Some(path.as_str()));
    assert_eq!((&item["state"], &item["state_zh"]), (&json!("pending_office"), &json!("待审核备案")));
    assert_eq!(
        (&item["unit"], &item["author"], &item["procedure"]),
        (&json!("D07"), &json!("d07.xx"), &json!("P4"))
    );
    assert_eq!(item["can"], json!(["withdraw"]));
    assert_eq!(item["waiting_for"]["roles"][0]["role_zh"], "办公室核稿");

    let seen = api.get("off.hg", &path).await;
    assert_eq!(seen.header("etag"), submitted.header("etag"));
    assert_eq!(seen.json()["can"], json!(["decide", "copy_edit", "reclassify", "merge", "withdraw"]));
    let due = in_seconds(3600);
    let approved = api.decide("off.hg", &item, json!({ "publish_at": due })).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    assert_ne!(approved.header("etag"), seen.header("etag"));
    let approved = approved.json();
    assert_eq!(approved["state"], "scheduled");
    assert_eq!(approved["decisions"][0]["person"], "off.hg");
    let delivery = &approved["deliveries"][0];
    assert_eq!((&delivery["account"], &delivery["state"]), (&json!("W015"), &json!("due")));
    let actions = api.audit_actions(&format!("item:{}", text(&item["id"]))).await;
    assert_eq!(actions, ["d07.xx item.submitted", "off.hg item.approved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_the_request_that_did_it() {
    let api = Api::start().await;
    let request = Request::new("POST", "/api/v1/items").of("d07.xx").header("X-Request-Id", "trace-77");
    let answer = api.send(request.json(&new_item("通知"))).await;
    assert_eq!(answer.header("x-request-id"), Some("trace-77"));
    let rows =
        api.get("aud", &format!("/api/v1/audit?subject=item:{}", text(&answer.json()["id"]))).await.json();
    assert_eq!(rows["rows"][0]["request"], "trace-77");
    assert_eq!(rows["rows"][0]["action"], "item.submitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_first_and_scheduling_later_is_two_requests() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    let path = format!("/api/v1/items/{}/schedule", text(&item["id"]));
    let early = api.post("off.hg", &path, json!({})).await;
    assert_eq!(early.problem(), "409 not_approved");
    let approved = api.decide("off.hg", &item, json!({})).await.json();
    assert_eq!((&approved["state"], &approved["deliveries"]), (&json!("approved"), &json!([])));
    assert_eq!(api.post("d07.xx", &path, json!({})).await.problem(), "403 forbidden");
    let scheduled = api.post("off.zr", &path, json!({ "publish_at": in_seconds(60) })).await.json();
    assert_eq!(
        (&scheduled["state"], &scheduled["deliveries"][0]["state"]),
        (&json!("scheduled"), &json!("due"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f102_a_returned_item_is_written_anew_and_old_approvals_do_not_count() {
    let api = Api::start().await;
    let item = api.submitted("定于6月1日").await;
    let path = format!("/api/v1/items/{}", text(&item["id"]));
    let without = api.decide("off.hg", &item, json!({ "decision": "return", "reason": " " })).await;
    assert_eq!(without.problem(), "422 reason_required");
    let returned = api.decide("off.hg", &item, json!({ "decision": "return", "reason": "日期有误" })).await;
    let etag = returned.header("etag").unwrap().to_owned();
    assert_eq!(returned.json()["state"], "returned");
    assert_eq!(api.get("d07.xx", &path).await.json()["can"], json!(["edit", "withdraw"]));

    let content = json!({ "variants": { "weibo": { "text": "定于6月2日" } }, "targets": ["W015"] });
    let put = |person: &str, etag: Option<&str>| {
        let request = Request::new("PUT", &format!("{path}/content")).of(person).json(&content);
        etag.iter().fold(request, |request, etag| request.header("If-Match", etag))
    };
    assert_eq!(api.send(put("d07.xx", None)).await.problem(), "428 precondition_required");
    assert_eq!(api.send(put("d07.xx", Some("\"1\""))).await.problem(), "412 precondition_failed");
    assert_eq!(api.send(put("d08.xx", Some(&etag))).await.problem(), "404 not_found");
    assert_eq!(api.send(put("off.xx", Some(&etag))).await.problem(), "404 not_found");
    let again = api.send(put("d07.xx", Some(&etag))).await;
    assert_eq!(again.status, 200, "{again:?}");
    let again = again.json();
    assert_eq!((&again["state"], &again["version"]), (&json!("pending_office"), &json!(2)));
    assert_ne!(again["hash"], item["hash"]);

    let stale = api.decide("off.hg", &item, json!({})).await;
    assert_eq!(stale.problem(), "409 stale_version");
    assert_eq!(api.decide("off.hg", &again, json!({})).await.json()["state"], "approved");
    assert_eq!(api.send(put("d07.xx", Some(&etag))).await.problem(), "412 precondition_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_returned_item_is_written_anew() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    let path = format!("/api/v1/items/{}", text(&item["id"]));
    let etag = api.get("d07.xx", &path).await.header("etag").unwrap().to_owned();
    let content = json!({ "variants": { "weibo": { "text": "改" } } });
    let put = Request::new("PUT", &format!("{path}/content")).of("d07.xx").header("If-Match", &etag);
    assert_eq!(api.send(put.json(&content)).await.problem(), "409 bad_state");
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawing_cancels_what_is_not_out() {
    let api = Api::start().await;
    let item = api.scheduled("通知").await;
    let path = format!("/api/v1/items/{}/withdraw", text(&item["id"]));
    assert_eq!(api.post("d07.xx", &path, json!({})).await.problem(), "422 reason_required");
    let withdrawn = api.post("d07.xx", &path, json!({ "reason": "改期" })).await.json();
    assert_eq!(withdrawn["state"], "withdrawn");
    assert_eq!(withdrawn["deliveries"][0]["state"], "cancelled");
    let subject = format!("delivery:{}", text(&withdrawn["deliveries"][0]["id"]));
    assert_eq!(api.audit_actions(&subject).await.last().unwrap(), "d07.xx delivery.cancelled");
    assert_eq!(api.post("d07.xx", &path, json!({ "reason": "改期" })).await.problem(), "409 bad_state");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_newest_first_and_filtered() {
    let api = Api::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(api.submitted(&format!("第{n}条")).await["id"].clone());
    }
    api.post("off.xx", "/api/v1/items", json!({ "variants": { "weibo": { "text": "办公室" } } })).await;
    let listed = |page: &Value| {
        page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>()
    };
    let first = api.get("d07.xx", "/api/v1/items?limit=2").await.json();
    assert_eq!(listed(&first), [ids[4].clone(), ids[3].clone()]);
    let next = format!("/api/v1/items?limit=3&before={}", text(&first["next_before"]));
    let second = api.get("d07.xx", &next).await.json();
    assert_eq!(listed(&second), [ids[2].clone(), ids[1].clone(), ids[0].clone()]);
    let all = api.get("off.hg", "/api/v1/items?state=pending_office").await.json();
    assert_eq!(listed(&all).len(), 6);
    assert_eq!(all["next_before"], Value::Null);
    assert_eq!(listed(&api.get("off.hg", "/api/v1/items?unit=D07").await.json()).len(), 5);
    assert_eq!(listed(&api.get("off.hg", "/api/v1/items?state=published").await.json()).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_in_has_to_fit_the_settings() {
    let api = Api::start().await;
    let cases = [
        (json!({ "column": "gongao" }), "422 unknown_column", "column", Some("gonggao")),
        (json!({ "column": "jiulan" }), "422 unknown_column", "column", None),
        (json!({ "targets": ["W016"] }), "422 unknown_account", "targets[0]", Some("W015")),
        (json!({ "targets": ["X015"] }), "422 no_variant", "targets[0]", None),
        (
            json!({ "variants": { "weibbo": { "text": "a" } } }),
            "422 unknown_platform",
            "variants.weibbo",
            Some("weibo"),
        ),
        (json!({ "variants": {}, "targets": [] }), "422 invalid_content", "variants", None),
        (json!({ "targets": ["W015", "W015"] }), "422 invalid_content", "variants", None),
        (json!({ "unit": "D99" }), "422 unknown_unit", "unit", None),
        (json!({ "procedure": "P2" }), "422 unknown_procedure", "procedure", None),
        (json!({ "procedure": "P9" }), "400 invalid_value", "procedure", Some("P1")),
        (
            json!({ "variants": { "weibo": { "text": "a", "media": [{ "sha256": "00" }] } } }),
            "422 unknown_media",
            "variants.weibo.media[0].sha256",
            None,
        ),
        (
            json!({ "variants": { "weibo": { "text": "a", "link": "javascript:alert(1)" } } }),
            "422 not_an_address",
            "variants.weibo.link",
            None,
        ),
    ];
    for (change, problem, field, suggestion) in cases {
        let mut item = new_item("通知");
        item.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = api.post("d07.xx", "/api/v1/items", item).await;
        assert_eq!(answer.problem(), problem, "{change}");
        let body = answer.json();
        assert_eq!(body["field"], field, "{change}");
        if let Some(suggestion) = suggestion {
            assert_eq!(body["suggestion"], suggestion, "{change}");
        }
    }
    assert_eq!(api.get("off.hg", "/api/v1/items").await.json()["items"], json!([]));
}
