//! Accounts that are paused, strange posts, notices and nodes, as people see them.

use juzhen_store::{Store, UnknownPost, WatchLook};
use serde_json::{Value, json};

use crate::support::{Api, text};

#[tokio::test(flavor = "multi_thread")]
async fn p20_an_account_is_paused_and_resumed_with_a_reason_by_those_who_may() {
    let api = Api::start().await;
    let pause = async |who: &str, id: &str, reason: Value| {
        api.post(who, &format!("/api/v1/accounts/{id}/pause"), json!({ "reason": reason })).await
    };
    assert_eq!(pause("d07.xx", "W015", json!("x")).await.problem(), "403 forbidden");
    assert_eq!(pause("off.lx", "W015", json!("  ")).await.problem(), "422 reason_required");
    assert_eq!(pause("off.lx", "W999", json!("x")).await.problem(), "404 not_found");
    let paused = pause("off.lx", "W015", json!("账号交接")).await;
    assert_eq!((paused.status, &paused.json()["paused"]), (200, &json!(true)), "{paused:?}");
    let account = api.get("off.lx", "/api/v1/accounts/W015").await.json();
    assert_eq!((&account["ready"], &account["pause"]["by"]), (&json!(false), &json!("off.lx")), "{account}");
    assert!(text(&account["pause"]["reason_zh"]).contains("账号交接"), "{account}");
    let list = api.get("sys", "/api/v1/paused-accounts").await.json();
    assert_eq!(list["accounts"][0]["account"], "W015", "{list}");
    assert_eq!(api.get("off.zr", "/api/v1/status").await.json()["paused_accounts"], json!(["W015"]));
    let resume =
        async |who: &str| api.post(who, "/api/v1/accounts/W015/resume", json!({ "reason": "已核实" })).await;
    assert_eq!(resume("off.lx").await.problem(), "403 forbidden", "whoever may pause may not lift");
    assert_eq!(resume("off.gl").await.json()["paused"], json!(false));
    assert_eq!(resume("off.gl").await.problem(), "409 bad_state");
    assert_eq!(api.audit_actions("account:W015").await, ["off.lx account.paused", "off.gl account.resumed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p27_a_strange_post_is_listed_until_a_person_has_explained_it() {
    let api = Api::start().await;
    let now = jiff::Timestamp::now();
    let post = UnknownPost {
        account: "W015".into(),
        id: "p/1?".into(),
        url: None,
        excerpt: "低价转让".into(),
        posted_at: None,
        first_seen: now,
        is_stock: false,
        closed: None,
    };
    let look = |unknown| WatchLook {
        account: "W015".into(),
        at: now,
        problem: None,
        unknown,
        already_there: vec![],
    };
    api.store.watch_turn(&"W015".into(), now, now).await.unwrap();
    api.store.watch_looked(look(vec![post])).await.unwrap();
    assert_eq!(api.get("d07.xx", "/api/v1/unknown-posts").await.problem(), "403 forbidden");
    let listed = api.get("off.hg", "/api/v1/unknown-posts").await.json();
    assert_eq!((&listed["posts"][0]["id"], &listed["posts"][0]["closed"]), (&json!("p/1?"), &Value::Null));
    assert_eq!(api.get("off.zr", "/api/v1/status").await.json()["unknown_posts"], 1);
    let close = async |who: &str, id: &str| {
        let word = json!({ "account": "W015", "id": id, "note": "值班人员手工发布" });
        api.post(who, "/api/v1/unknown-posts/close", word).await
    };
    assert_eq!(close("off.lx", "p/1?").await.problem(), "403 forbidden");
    assert_eq!(close("off.gl", "p2").await.problem(), "404 not_found");
    assert_eq!(close("off.gl", "p/1?").await.json()["closed"]["by"], "off.gl");
    assert_eq!(api.get("off.zr", "/api/v1/status").await.json()["unknown_posts"], 0);
    let watched = api.get("sys", "/api/v1/watched-accounts").await.json();
    assert_eq!(
        (&watched["every_seconds"], &watched["accounts"][0]["account"]),
        (&json!(300), &json!("W015"))
    );
    let unlisted = WatchLook { problem: Some("not_offered".into()), ..look(vec![]) };
    api.store.watch_looked(unlisted).await.unwrap();
    let watched = api.get("sys", "/api/v1/watched-accounts").await.json();
    assert_eq!(watched["accounts"][0]["problem_zh"], "平台不能列出账号上的内容，无法查看");
    // It was told, and the notice can be read again.
    let notices = api.get("off.hg", "/api/v1/notices?limit=1").await.json();
    assert_eq!(
        (&notices["notices"][0]["kind"], &notices["next_before"]),
        (&json!("unknown_post"), &json!(1))
    );
    assert_eq!(api.get("off.hg", "/api/v1/notices?before=1").await.json()["notices"], json!([]));
    assert_eq!(api.get("off.hg", "/api/v1/notices?failing=true").await.json()["notices"], json!([]));
    assert_eq!(api.get("off.hg", "/api/v1/notices?failing=1").await.problem(), "400 invalid_parameter");
    api.store.hook_notice(1, now).await.unwrap();
    api.store.hook_failed(1, now, "answered 502".into()).await.unwrap();
    let failing = api.get("off.hg", "/api/v1/notices?failing=true").await.json();
    assert_eq!(failing["notices"][0]["hook"]["problem"], "answered 502", "{failing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_p14_who_looks_after_the_daemon_sees_its_nodes_and_its_clock() {
    let api = Api::start().await;
    let nodes = api.get("sys", "/api/v1/nodes").await.json();
    assert_eq!(
        (&nodes["nodes"][0]["at_work"], &nodes["nodes"][0]["lease_until"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(api.get("d07.xx", "/api/v1/nodes").await.problem(), "403 forbidden");
    let status = api.get("sys", "/api/v1/status").await.json();
    assert_eq!((&status["clock"]["believed"], &status["clock"]["jumps"]), (&json!(true), &json!(0)));
    assert_eq!(status["problems"][0]["problem"], "has not run yet", "{status}");
}
