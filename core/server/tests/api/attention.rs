//! The list of what waits for somebody.

use serde_json::{Value, json};

use crate::deliveries::{delivery, needs_person};
use crate::support::{Api, in_seconds, text};

fn ids(list: &Value) -> Vec<&str> {
    list["deliveries"].as_array().unwrap().iter().map(|delivery| text(&delivery["id"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_person_is_listed_with_reason_and_whose_move_it_is() {
    let api = Api::start().await;
    let empty = api.get("off.hg", "/api/v1/attention").await.json();
    assert_eq!(empty, json!({ "deliveries": [], "counts": [], "next_after": null }));
    let first = delivery(&api, &api.scheduled("第一条").await).await;
    api.post("off.hg", &format!("{first}/hold"), json!({ "reason": "等通知" })).await;
    let item = api.submitted("第二条").await;
    let item = api.decide("off.hg", &item, json!({ "publish_at": in_seconds(0) })).await.json();
    let second = delivery(&api, &item).await;
    needs_person(&api, &second).await;
    delivery(&api, &api.scheduled("照常进行").await).await;

    let list = api.get("off.hg", "/api/v1/attention").await.json();
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    assert_eq!(ids(&list), [id(&second), id(&first)], "the one that was due first");
    let held = &list["deliveries"][1];
    assert_eq!((&held["reason_zh"], &held["waits_for"]), (&json!("工作人员决定：等通知"), &json!("person")));
    assert_eq!(
        list["counts"],
        json!([
            { "state": "needs_person", "state_zh": "需人工核实", "reason": "not_seen",
              "reason_zh": "核对时限内没有在账号上看到，但这不能证明没有发出，请到账号上查看",
              "waits_for": "person", "waits_for_zh": "等人处理", "deliveries": 1 },
            { "state": "held", "state_zh": "暂缓", "reason": "operator", "reason_zh": "工作人员决定",
              "waits_for": "person", "waits_for_zh": "等人处理", "deliveries": 1 },
        ])
    );
    let page = api.get("off.hg", "/api/v1/attention?limit=1").await.json();
    assert_eq!((ids(&page), &page["next_after"]), (vec![&*id(&second)], &json!(id(&second))));
    let page = api.get("off.hg", &format!("/api/v1/attention?limit=1&after={}", id(&second))).await.json();
    assert_eq!(ids(&page), [id(&first)]);
    let held = api.get("off.hg", "/api/v1/attention?state=held").await.json();
    assert_eq!(ids(&held), [id(&first)]);
    let on_its_way = api.get("off.hg", "/api/v1/attention?state=due").await;
    assert_eq!(on_its_way.problem(), "400 invalid_parameter");
    // People of a unit see what is theirs, and ask for it.
    assert_eq!(ids(&api.get("d07.xx", "/api/v1/attention?account=W015").await.json()).len(), 2);
    assert_eq!(api.get("d07.xx", "/api/v1/attention").await.problem(), "403 forbidden_unit");
    assert_eq!(api.get("d08.xx", "/api/v1/attention?account=W015").await.problem(), "403 forbidden_unit");
}
