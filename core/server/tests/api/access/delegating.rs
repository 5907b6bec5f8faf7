//! 授权代行: a role in other hands for some days, and the same rules for whoever stands in (R-36, R-33).

use serde_json::{Value, json};

use crate::support::{Answer, Api, Request, new_item, text};

/// Two steps, of the unit's head and of the office.
const PROCEDURES: &str = r#"
procedures:
  P4:
    name: 业务活动与安全应急知识
    origin: unit
    steps:
      - {id: unit_approval, actor: unit_head, scope: unit, kind: 主要负责人审定}
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
"#;

const D07: &str = r#"
code: D07
name: 应急管理局
short_name: 应急局
category: department
people:
  - {id: d07.xx, name: 辛, roles: [info_officer]}
  - {id: d07.zy, name: 壬, roles: [unit_head]}
  - {id: d07.zy2, name: 寅, roles: [unit_head, info_officer]}
  - {id: d07.fg, name: 巳, roles: [deputy_head]}
accounts:
  - {id: W015, platform: weibo, name: 应急局, uid: "15", status: active, secrets: {access_token: "file:W015"}}
  - {id: X015, platform: wechat, name: 应急局发布, uid: gh_15, status: suspended, secrets: {access_token: "file:X015"}}
"#;

async fn start() -> Api {
    let api = Api::start().await;
    api.district.write("procedures.yaml", PROCEDURES);
    api.district.write("units/D07.yaml", D07);
    let d08 = "\ncode: D08\nname: 行政审批局\nshort_name: 审批局\ncategory: department\npeople:\n  - {id: d08.xx, name: 子, roles: [info_officer]}\n  - {id: d08.zy, name: 午, roles: [unit_head]}\n";
    api.district.write("units/D08.yaml", d08);
    let reloaded = api.post("sys", "/-/reload", json!({})).await;
    let revision = reloaded.json()["revision"].clone();
    if reloaded.json()["result"] != "applied" {
        let confirmed = api.post("sys", "/-/reload", json!({ "confirm": revision })).await.json();
        assert_eq!(confirmed["result"], "applied", "{reloaded:?} {confirmed}");
    }
    api
}

fn day(api: &Api, days: i64) -> String {
    let at = api.engine.now() + jiff::SignedDuration::from_hours(24 * days + 8);
    at.to_string()[..10].to_owned()
}

async fn delegate(api: &Api, by: &str, more: Value) -> Answer {
    let mut body = json!({ "from_day": day(api, 0), "until_day": day(api, 2) });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.post(by, "/api/v1/delegations", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn c02_a_head_who_is_away_has_another_head_decide_and_the_decision_says_for_whom() {
    let api = start().await;
    // Of two heads, one is a head of the office's files only here: the deputy may not.
    let deputy = delegate(&api, "d07.zy", json!({ "role": "unit_head", "to": "d07.fg" })).await;
    assert_eq!(deputy.problem(), "422 not_delegable");
    let to_other = delegate(&api, "d07.zy", json!({ "role": "unit_head", "to": "d08.zy" })).await;
    assert_eq!(to_other.problem(), "403 forbidden_unit");
    let not_theirs = delegate(&api, "d07.fg", json!({ "role": "unit_head", "to": "d07.zy" })).await;
    assert_eq!(not_theirs.problem(), "403 forbidden");
    let down = delegate(&api, "d07.fg", json!({ "role": "deputy_head", "to": "d07.zy" })).await;
    assert_eq!(down.status, 201, "{down:?}");
    let office = delegate(&api, "off.hg", json!({ "role": "office_editor", "to": "off.zr" })).await;
    assert_eq!(office.status, 201, "{office:?}");
    assert_eq!(api.get("d08.zy", "/api/v1/delegations").await.json()["delegations"], json!([]));
    assert_eq!(
        api.get("d07.fg", "/api/v1/delegations").await.json()["delegations"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c02_for_a_vacant_post_the_director_names_somebody_who_is_nobody_twice() {
    let api = start().await;
    // The heads of D07 leave.
    let gone =
        D07.replace("name: 壬, roles: [unit_head]}", "name: 壬, roles: [unit_head], active: false}").replace(
            "name: 寅, roles: [unit_head, info_officer]}",
            "name: 寅, roles: [unit_head], active: false}",
        );
    let item = api.submitted("通知").await;
    assert_eq!(item["state"], "pending_unit");
    let vacant = json!({ "role": "unit_head", "to": "d07.fg", "unit": "D07", "vacant": true, "reason": "主要负责人空缺" });
    let early = delegate(&api, "off.zr", vacant.clone()).await;
    assert_eq!(early.problem(), "422 not_delegable", "somebody has the post");
    api.district.write("units/D07.yaml", &gone);
    let reloaded = api.post("sys", "/-/reload", json!({})).await.json();
    assert_eq!(reloaded["result"], "applied", "a post that nobody has is a warning: {reloaded}");
    assert_eq!(delegate(&api, "off.hg", vacant.clone()).await.problem(), "403 forbidden");
    let mut unsaid = vacant.clone();
    unsaid["reason"] = json!(null);
    assert_eq!(delegate(&api, "off.zr", unsaid).await.problem(), "422 reason_required");
    let named = delegate(&api, "off.zr", vacant).await;
    assert_eq!(named.status, 201, "{named:?}");
    assert_eq!(named.json()["holds"], true);
    let approved = api.decide("d07.fg", &item, json!({})).await.json();
    assert_eq!(approved["state"], "pending_office", "{approved}");
    let decision = &approved["decisions"][0];
    assert_eq!((&decision["on_behalf"], &decision["on_behalf_of"]), (&json!(true), &json!(null)));
    assert_eq!(decision["role"], "unit_head");
}

#[tokio::test(flavor = "multi_thread")]
async fn c02_a_delegate_decides_in_its_days_alone_and_never_on_what_they_or_the_holder_wrote() {
    let api = start().await;
    let office = "
code: OFFICE
name: 管委会办公室
short_name: 区管委办
category: office
people:
  - {id: off.hg, name: 乙, roles: [office_editor]}
  - {id: off.bm, name: 未, roles: [secrecy_reviewer]}
  - {id: off.zr, name: 丁, roles: [office_director]}
  - {id: off.gl, name: 戊, roles: [account_admin]}
  - {id: off.zr2, name: 申, roles: [principal_leader]}
  - {id: sys, name: 己, roles: [sysadmin]}
  - {id: aq, name: 卯, roles: [security_admin]}
  - {id: aud, name: 庚, roles: [auditor]}
accounts:
  - {id: W000, platform: weibo, name: 示范区, uid: \"1\", level: district, status: active, secrets: {access_token: \"file:W000\"}}
";
    api.district.write("units/OFFICE.yaml", office);
    let reloaded = api.post("sys", "/-/reload", json!({})).await.json();
    assert_eq!(reloaded["result"], "applied", "{reloaded}");
    let waiting = async || {
        let item = api.submitted("通知").await;
        let approved = api.decide("d07.zy", &item, json!({})).await.json();
        assert_eq!(approved["state"], "pending_office", "{approved}");
        approved
    };
    let item = waiting().await;
    // A leader of the district is of a higher rank, and no editor without a word of one.
    assert_eq!(api.decide("off.zr2", &item, json!({})).await.problem(), "403 forbidden");
    let later = json!({ "role": "office_editor", "to": "off.zr2", "from_day": day(&api, 1), "until_day": day(&api, 2) });
    assert_eq!(delegate(&api, "off.hg", later).await.status, 201);
    assert_eq!(api.decide("off.zr2", &item, json!({})).await.problem(), "403 forbidden", "from tomorrow on");
    let now = delegate(&api, "off.hg", json!({ "role": "office_editor", "to": "off.zr2" })).await.json();
    let waits = api.get("off.zr2", "/api/v1/items?waiting_for=me").await.json();
    assert_eq!(waits["items"].as_array().unwrap().len(), 1, "{waits}");
    let approved = api.decide("off.zr2", &item, json!({})).await.json();
    assert_eq!(approved["state"], "approved", "{approved}");
    let decision = approved["decisions"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&decision["person"], &decision["on_behalf_of"]), (&json!("off.zr2"), &json!("off.hg")));
    // Of the holder's own items the delegate decides nothing: it would be the author's word.
    let mut own = new_item("办公室");
    own["unit"] = json!("OFFICE");
    let own = api.post("off.hg", "/api/v1/items", own).await.json();
    let own =
        if own["state"] == "pending_unit" { api.decide("off.zr", &own, json!({})).await.json() } else { own };
    assert_eq!(own["state"], "pending_office", "{own}");
    assert_eq!(api.decide("off.zr2", &own, json!({})).await.problem(), "403 self_approval");
    // Taken back, it holds no more.
    let path = format!("/api/v1/delegations/{}", text(&now["id"]));
    assert_eq!(api.send(Request::new("DELETE", &path).of("d07.zy")).await.problem(), "404 not_found");
    assert_eq!(api.send(Request::new("DELETE", &path).of("off.zr2")).await.problem(), "403 forbidden");
    assert_eq!(api.send(Request::new("DELETE", &path).of("off.hg")).await.json()["holds"], false);
    let next = waiting().await;
    assert_eq!(api.decide("off.zr2", &next, json!({})).await.problem(), "403 forbidden");
    let subject = format!("delegation:{}", text(&now["id"]));
    assert_eq!(api.audit_actions(&subject).await, ["off.hg delegation.begun", "off.hg delegation.ended"]);
}
