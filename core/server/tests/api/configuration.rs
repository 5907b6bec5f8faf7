//! Settings, accounts, adapters and STOP ALL through the API.

use serde_json::{Value, json};

use crate::support::{Api, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_answers_with_what_came_of_it() {
    let api = Api::start().await;
    let before = api.get("off.hg", "/api/v1/configuration").await.json();
    assert_eq!(
        (&before["successful"], &before["accounts"], &before["faults"]),
        (&json!(true), &json!(3), &Value::Null)
    );
    let same = api.post("sys", "/-/reload", json!({})).await.json();
    assert_eq!((&same["result"], &same["revision"]), (&json!("unchanged"), &before["revision"]));

    api.district.write("routes.yaml", "routes:\n  - {id: r, kind: publish, to: [W999]}\n");
    let refused = api.post("sys", "/-/reload", json!({})).await;
    assert_eq!(refused.problem(), "422 settings_refused");
    let fault = &refused.json()["faults"][0];
    assert_eq!((&fault["file"], &fault["line"]), (&json!("routes.yaml"), &json!(2)), "{fault}");
    let status = api.get("off.hg", "/api/v1/configuration").await.json();
    assert_eq!((&status["successful"], &status["revision"]), (&json!(false), &before["revision"]));
    assert!(text(&status["faults"][0]["message"]).contains("W999"), "{status}");

    api.district.write("routes.yaml", "routes:\n  - {id: r, kind: publish, to: [W000]}\n");
    let applied = api.post("off.zr", "/-/reload", json!({})).await.json();
    assert_eq!(
        (&applied["result"], &applied["changes"]["routes"]["added"]),
        (&json!("applied"), &json!(["r"]))
    );
    let subject = format!("settings:{}", text(&applied["revision"]));
    assert!(api.audit_actions(&subject).await.contains(&"off.zr settings.reloaded".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn f95_a_large_change_is_made_by_somebody_who_names_it() {
    let api = Api::start().await;
    let one = "code: OFFICE\nname: 办\nshort_name: 办\ncategory: office\npeople:\n  \
        - {id: off.xx, name: 甲, roles: [info_officer]}\n  - {id: off.hg, name: 乙, roles: [office_editor]}\n  \
        - {id: sys, name: 己, roles: [sysadmin]}\n";
    api.district.write("units/OFFICE.yaml", one);
    let refused = api.post("sys", "/-/reload", json!({})).await;
    assert_eq!(refused.problem(), "409 settings_dangerous");
    let waiting = api.get("sys", "/api/v1/configuration").await.json();
    let revision = waiting["waiting_for_confirmation"]["revision"].clone();
    let wrong = api.post("sys", "/-/reload", json!({ "confirm": "0000" })).await;
    assert_eq!(wrong.problem(), "409 settings_dangerous");
    let confirmed = api.post("sys", "/-/reload", json!({ "confirm": revision })).await.json();
    assert_eq!((&confirmed["result"], &confirmed["revision"]), (&json!("applied"), &revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_for_the_office_and_reloading_for_those_who_keep_them() {
    let api = Api::start().await;
    assert_eq!(api.get("d07.xx", "/api/v1/configuration").await.problem(), "403 forbidden");
    for person in ["d07.xx", "off.hg", "off.gl", "aud"] {
        assert_eq!(api.post(person, "/-/reload", json!({})).await.problem(), "403 forbidden", "{person}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_say_whether_they_can_publish_and_nothing_secret() {
    let api = Api::start().await;
    let answer = api.get("d07.xx", "/api/v1/accounts").await;
    let listed = answer.json();
    let of =
        |id: &str| listed["accounts"].as_array().unwrap().iter().find(|a| a["id"] == id).unwrap().clone();
    assert_eq!((&of("W015")["ready"], &of("W015")["adapter"]), (&json!(true), &json!("mock")));
    let suspended = of("X015");
    assert_eq!((&suspended["adapter_ready"], &suspended["ready"]), (&json!(true), &json!(false)));
    assert_eq!(suspended["unit_name"], "应急管理局");
    for secret in ["file:W015", "base_url", "secrets"] {
        assert!(!answer.text().contains(secret), "{secret}");
    }
    assert_eq!(api.get("d07.xx", "/api/v1/accounts/X015").await.json(), suspended);
    assert_eq!(api.get("d07.xx", "/api/v1/accounts/W999").await.problem(), "404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn adapters_are_listed_with_their_accounts_and_refused_files_with_the_reason() {
    let api = Api::start().await;
    std::fs::write(api.district.adapters().join("libtext.so"), "no adapter").unwrap();
    api.engine.host().rescan().await;
    let listed = api.get("off.hg", "/api/v1/adapters").await.json();
    let adapters = listed["adapters"].as_array().unwrap();
    let mock = adapters.iter().find(|a| a["name"] == "mock").unwrap();
    assert_eq!((&mock["state"], &mock["accounts"]), (&json!("serving"), &json!(["W000", "W015", "X015"])));
    let refused = adapters.iter().find(|a| a["file"] == "libtext.so").unwrap();
    assert_eq!(refused["state"], "refused");
    assert!(text(&refused["reason"]).contains("ELF"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p26_one_word_stops_everything_and_two_people_lift_it() {
    let api = Api::start().await;
    let lift = |person: &'static str| api.post(person, "/api/v1/stop/lift", json!({}));
    assert_eq!(lift("off.hg").await.problem(), "409 bad_state");
    assert_eq!(api.post("d07.xx", "/api/v1/stop", json!({ "reason": "x" })).await.problem(), "403 forbidden");
    assert_eq!(api.post("off.gl", "/api/v1/stop", json!({})).await.problem(), "422 reason_required");
    let stopped = api.post("off.gl", "/api/v1/stop", json!({ "reason": "突发事件" })).await.json();
    assert_eq!((&stopped["stopped"], &stopped["by"]), (&json!(true), &json!("off.gl")));
    assert_eq!(api.get("d07.xx", "/api/v1/stop").await.json()["reason"], "突发事件");
    assert_eq!(lift("off.gl").await.problem(), "403 forbidden");
    assert_eq!(lift("off.hg").await.json()["lifting"], json!(["off.hg"]));
    assert_eq!(lift("off.hg").await.json()["stopped"], true);
    assert_eq!(lift("off.zr").await.json()["stopped"], false);
    assert_eq!(api.get("d07.xx", "/api/v1/stop").await.json()["stopped"], false);
}
