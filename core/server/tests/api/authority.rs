//! Who may see and do what.

use serde_json::json;

use crate::support::{Api, Request, new_item, text};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_why_a_token_does_not_count() {
    let api = Api::start().await;
    let mut bodies = Vec::new();
    let requests = [
        Request::new("GET", "/api/v1/items"),
        Request::new("GET", "/api/v1/items").header("Authorization", "Bearer nonsense"),
        Request::new("GET", "/api/v1/items").header("Authorization", "Basic b2ZmLmhnOng="),
        Request::new("GET", "/api/v1/items").of("nobody"),
        Request::new("GET", "/api/v1/items").of("d07.left"),
        Request::new("GET", "/api/v1/items").of("off.hg").of("off.hg"),
    ];
    for request in requests {
        let answer = api.send(request.header("X-Request-Id", "same")).await;
        assert_eq!(answer.problem(), "401 unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        bodies.push(answer.text());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f105_a_person_who_leaves_is_out_with_the_next_request() {
    let api = Api::start().await;
    assert_eq!(api.get("d08.xx", "/api/v1/items").await.status, 200);
    let unit = std::fs::read_to_string(api.district.config().join("units/D08.yaml")).unwrap();
    let left = unit.replace(
        "roles: [info_officer]}",
        "roles: [info_officer], active: false}\n  - {id: d08.new, name: 丑, roles: [info_officer]}",
    );
    api.district.write("units/D08.yaml", left.trim_end_matches("...\n"));
    assert_eq!(api.post("sys", "/-/reload", json!({})).await.json()["result"], "applied");
    assert_eq!(api.get("d08.xx", "/api/v1/items").await.problem(), "401 unauthenticated");
    assert_eq!(api.get("d08.new", "/api/v1/items").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a21_what_belongs_to_another_unit_is_answered_like_what_does_not_exist() {
    let api = Api::start().await;
    let item = api.scheduled("通知").await;
    let real = format!("/api/v1/items/{}", text(&item["id"]));
    let delivery = format!("/api/v1/deliveries/{}", text(&item["deliveries"][0]["id"]));
    let none = "/api/v1/items/0197f0a0-0000-7000-8000-000000000000";
    let same = |path: &str| Request::new("GET", path).of("d08.xx").header("X-Request-Id", "same");
    let hidden = api.send(same(&real)).await;
    assert_eq!(hidden.problem(), "404 not_found");
    assert_eq!(hidden, api.send(same(none)).await);
    assert_eq!(hidden, api.send(same(&delivery)).await);
    assert_eq!(api.post("d08.xx", &format!("{real}/withdraw"), json!({})).await.problem(), "404 not_found");
    assert_eq!(api.post("d08.xx", &format!("{delivery}/hold"), json!({})).await.problem(), "404 not_found");
    assert_eq!(api.get("d08.xx", "/api/v1/items?unit=D07").await.problem(), "403 forbidden_unit");
    assert_eq!(api.get("sys", &real).await.problem(), "404 not_found");
    assert_eq!(api.get("sys", "/api/v1/items").await.problem(), "403 forbidden_unit");
    assert_eq!(api.get("d07.zy", &real).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_unit_name_what_is_theirs_to_list_deliveries() {
    let api = Api::start().await;
    let item = api.scheduled("通知").await;
    let id = text(&item["id"]);
    assert_eq!(api.get("d07.xx", "/api/v1/deliveries").await.problem(), "403 forbidden_unit");
    for query in
        [format!("item={id}"), "account=W015".to_owned(), "account=W015&state=due&limit=1".to_owned()]
    {
        let listed = api.get("d07.xx", &format!("/api/v1/deliveries?{query}")).await.json();
        assert_eq!(listed["deliveries"].as_array().unwrap().len(), 1, "{query}");
    }
    assert_eq!(api.get("d08.xx", &format!("/api/v1/deliveries?item={id}")).await.problem(), "404 not_found");
    assert_eq!(api.get("d08.xx", "/api/v1/deliveries?account=W015").await.problem(), "403 forbidden_unit");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_information_officer_of_a_unit_hands_in() {
    let api = Api::start().await;
    let mut item = new_item("通知");
    assert_eq!(api.post("d07.zy", "/api/v1/items", item.clone()).await.problem(), "403 forbidden");
    assert_eq!(api.post("sys", "/api/v1/items", item.clone()).await.problem(), "403 forbidden");
    item["unit"] = json!("D07");
    assert_eq!(api.post("d08.xx", "/api/v1/items", item.clone()).await.problem(), "403 forbidden_unit");
    assert_eq!(api.post("off.hg", "/api/v1/items", item.clone()).await.problem(), "403 forbidden_unit");
    assert_eq!(api.post("d07.xx", "/api/v1/items", item.clone()).await.status, 201);
    item["unit"] = json!("OFFICE");
    assert_eq!(api.post("off.hg", "/api/v1/items", item).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a23_nobody_decides_on_their_own_item_nor_without_the_role() {
    let api = Api::start().await;
    let own =
        api.post("off.hg", "/api/v1/items", json!({ "variants": { "weibo": { "text": "办公室" } } })).await;
    let own = own.json();
    assert_eq!(api.decide("off.hg", &own, json!({})).await.problem(), "403 self_approval");
    assert_eq!(api.decide("off.gl", &own, json!({})).await.problem(), "403 forbidden");
    assert_eq!(api.decide("sys", &own, json!({})).await.problem(), "404 not_found");
    let other = json!({ "hash": "0".repeat(64) });
    assert_eq!(api.decide("off.zr", &own, other).await.problem(), "409 stale_version");
    assert_eq!(api.decide("off.zr", &own, json!({ "hash": "latest" })).await.problem(), "400 invalid_value");
    assert_eq!(api.decide("off.zr", &own, json!({})).await.json()["state"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a37_of_many_parallel_approvals_one_counts() {
    let api = Api::start().await;
    let item = api.submitted("通知").await;
    let decisions =
        (0..40).map(|n| api.decide(if n % 2 == 0 { "off.hg" } else { "off.zr" }, &item, json!({})));
    let answers = futures_util::future::join_all(decisions).await;
    let approved = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(approved, 1);
    assert!(answers.iter().filter(|a| a.status != 200).all(|a| a.problem() == "409 bad_state"));
    let path = format!("/api/v1/items/{}", text(&item["id"]));
    assert_eq!(api.get("off.hg", &path).await.json()["decisions"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a38_a_token_in_the_query_is_refused() {
    let api = Api::start().await;
    for path in ["/api/v1/items?token=token-of-off.hg", "/api/v1/items?access_token=x"] {
        assert_eq!(api.send(Request::new("GET", path)).await.problem(), "401 unauthenticated");
        assert_eq!(api.get("off.hg", path).await.problem(), "400 unknown_parameter");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a25_headers_of_proxies_change_nothing() {
    let api = Api::start().await;
    let request = Request::new("GET", "/api/v1/stop").of("d07.xx");
    let request = request.header("X-HTTP-Method-Override", "POST").header("X-Forwarded-User", "off.zr");
    assert_eq!(api.send(request).await.json()["stopped"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_for_those_who_look_after_it() {
    let api = Api::start().await;
    api.submitted("通知").await;
    for person in ["off.hg", "sys", "d07.xx", "off.gl"] {
        assert_eq!(api.get(person, "/api/v1/audit").await.problem(), "403 forbidden", "{person}");
    }
    let page = api.get("aud", "/api/v1/audit?limit=1").await.json();
    let before = page["next_before"].as_i64().unwrap();
    let older = api.get("off.zr", &format!("/api/v1/audit?before={before}")).await.json();
    assert!(older["rows"].as_array().unwrap().iter().all(|row| row["number"].as_i64().unwrap() < before));
}
