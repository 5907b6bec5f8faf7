//! Items under a procedure of several steps: whose turn it is, who may, and what a change of the procedure leaves alone.

use serde_json::{Value, json};

use crate::support::{Api, in_seconds, new_item, text};

const PROCEDURES: &str = "\
procedures:
  P1:
    name: 重大行动活动安排
    origin: unit
    steps:
      - {id: unit_approval, actor: deputy_head, scope: unit}
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
      - {id: publish, actor: account_admin, scope: office}
  P3:
    name: 较大影响事件及阶段性信息
    origin: office
    steps:
      - {id: office_review, actor: office_director, scope: office}
  P4:
    name: 业务活动与安全应急知识
    origin: unit
    steps:
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
";

/// A daemon that runs under these procedures.
async fn start() -> Api {
    let api = Api::start().await;
    api.district.write("procedures.yaml", PROCEDURES);
    let reloaded = api.post("off.zr", "/-/reload", json!({})).await;
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api
}

async fn hand_in(api: &Api) -> Value {
    let mut item = new_item("安全生产月启动");
    item["procedure"] = json!("P1");
    let answer = api.post("d07.xx", "/api/v1/items", item).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// Ids of the items that wait for this person.
async fn desk(api: &Api, person: &str) -> Vec<String> {
    let list = api.get(person, "/api/v1/items?waiting_for=me").await.json();
    list["items"].as_array().unwrap().iter().map(|item| text(&item["id"]).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn p13_each_step_is_decided_by_its_own_people_in_order_and_each_sees_what_is_theirs() {
    let api = start().await;
    let item = hand_in(&api).await;
    let id = text(&item["id"]).to_owned();
    assert_eq!(item["state"], "pending_unit");
    assert_eq!(item["waiting_for"]["step"], "unit_approval");
    assert_eq!(item["waiting_for"]["unit"], "D07");
    assert_eq!(desk(&api, "d07.zy").await, [id.as_str()]);
    for person in ["off.hg", "d07.xx", "d08.xx", "aud"] {
        assert!(!desk(&api, person).await.contains(&id), "{person}");
    }

    // The office is not asked yet, and cannot plan what the unit has not agreed to.
    assert_eq!(api.decide("off.hg", &item, json!({})).await.problem(), "403 forbidden");
    let path = format!("/api/v1/items/{id}/schedule");
    let early = api.post("off.hg", &path, json!({ "publish_at": in_seconds(60) })).await;
    assert_eq!(early.problem(), "409 not_approved");

    // The head signs for the deputy.
    let item = api.decide("d07.zy", &item, json!({})).await.json();
    assert_eq!(
        (&item["state"], &item["decisions"][0]["role"]),
        (&json!("pending_office"), &json!("unit_head"))
    );
    assert_eq!(desk(&api, "d07.zy").await, [] as [&str; 0]);
    assert_eq!(desk(&api, "off.hg").await, [id.as_str()]);
    assert_eq!(api.decide("d07.zy", &item, json!({})).await.problem(), "403 forbidden");
    let item = api.decide("off.hg", &item, json!({ "publish_at": in_seconds(3600) })).await.json();
    assert_eq!(item["state"], "scheduled");
}

#[tokio::test(flavor = "multi_thread")]
async fn p09_p02_fewer_steps_in_the_settings_approve_nothing_that_waits() {
    let api = start().await;
    let item = hand_in(&api).await;
    let fewer = PROCEDURES.replace("      - {id: unit_approval, actor: deputy_head, scope: unit}\n", "");
    assert_ne!(fewer, PROCEDURES);
    api.district.write("procedures.yaml", &fewer);
    // Fewer steps are a dangerous change: they have to be confirmed by the revision that was looked at.
    let refused = api.post("off.zr", "/-/reload", json!({})).await;
    assert_eq!(refused.problem(), "409 settings_dangerous");
    let waiting = api.get("off.zr", "/api/v1/configuration").await.json();
    let revision = waiting["waiting_for_confirmation"]["revision"].clone();
    let reload = api.post("off.zr", "/-/reload", json!({ "confirm": revision })).await;
    assert_eq!(reload.status, 200, "{reload:?}");

    let path = format!("/api/v1/items/{}", text(&item["id"]));
    let waiting = api.get("off.hg", &path).await.json();
    assert_eq!((&waiting["state"], &waiting["waiting_for"]), (&item["state"], &item["waiting_for"]));
    assert_eq!(api.decide("off.hg", &item, json!({})).await.problem(), "403 forbidden");
    // What is handed in from now on takes the steps of now.
    assert_eq!(hand_in(&api).await["state"], "pending_office");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_office_drafts_is_not_handed_in_by_a_unit() {
    let api = start().await;
    let mut item = new_item("调查进展");
    item["procedure"] = json!("P3");
    let refused = api.post("d07.xx", "/api/v1/items", item.clone()).await;
    assert_eq!(
        (refused.problem(), &refused.json()["field"]),
        ("403 forbidden".to_owned(), &json!("procedure"))
    );
    item["targets"] = json!(["W000"]);
    let item = api.post("off.hg", "/api/v1/items", item).await.json();
    assert_eq!(item["waiting_for"]["roles"][0]["role"], "office_director");
}
