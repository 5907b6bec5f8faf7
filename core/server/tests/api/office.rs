//! What the office does with an item, what an item states, how decisions are given, and what is kept of it all.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Request, in_seconds, new_item, text};

const PROCEDURES: &str = "\
procedures:
  P1:
    name: 重大行动活动安排
    origin: unit
    required: [info_nature, declaration, secrecy_record, activity_time]
    steps:
      - {id: secrecy, actor: secrecy_reviewer, scope: unit}
      - {id: unit_approval, actor: deputy_head, scope: unit}
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
  P2:
    name: 政策性答复文件
    origin: unit
    steps:
      - {id: unit_approval, actor: unit_head, scope: unit}
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
  P3:
    name: 较大影响事件及阶段性信息
    origin: office
    required: [event_id, stage_no]
    steps:
      - {id: principal_consent, actor: office_director, scope: office}
  P4:
    name: 业务活动与安全应急知识
    origin: unit
    steps:
      - {id: unit_approval, actor: deputy_head, scope: unit}
      - {id: office_review, actor: office_editor, scope: office, kind: 审核备案}
  P5:
    name: 转发申请
    origin: unit
    steps:
      - {id: office_decision, actor: office_editor, scope: office, kind: 审定}
";

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

async fn start() -> Api {
    let api = Api::start().await;
    let unit = std::fs::read_to_string(api.district.config().join("units/D07.yaml")).unwrap();
    let more = "people:\n  - {id: d07.bm, name: 丑, roles: [secrecy_reviewer]}\n  - {id: d07.fg, name: 寅, roles: [deputy_head]}\n";
    api.district.write("units/D07.yaml", &unit.replace("people:\n", more));
    api.district.write("procedures.yaml", PROCEDURES);
    let reloaded = api.post("off.zr", "/-/reload", json!({})).await;
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api
}

fn of(procedure: &str, more: Value) -> Value {
    let mut item = new_item("停水通知");
    item["procedure"] = json!(procedure);
    let Value::Object(more) = more else { panic!("no object: {more}") };
    item.as_object_mut().unwrap().extend(more);
    item
}

async fn submit(api: &Api, person: &str, item: Value) -> Value {
    let answer = api.post(person, "/api/v1/items", item).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

async fn approved(api: &Api, person: &str, item: &Value) -> Value {
    let answer = api.decide(person, item, json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Of P4, with the office.
async fn with_the_office(api: &Api) -> Value {
    let item = submit(api, "d07.xx", of("P4", json!({}))).await;
    approved(api, "d07.fg", &item).await
}

async fn act(api: &Api, person: &str, item: &Value, event: &str, body: Value) -> Answer {
    let path = format!("/api/v1/items/{}", text(&item["id"]));
    let etag = api.get("off.zr", &path).await.header("etag").unwrap().to_owned();
    let request = Request::new("POST", &format!("{path}/{event}")).of(person);
    api.send(request.header("If-Match", &etag).json(&body)).await
}

async fn state(api: &Api, person: &str, item: &Value, event: &str, body: Value) -> String {
    let answer = act(api, person, item, event, body).await;
    assert_eq!(answer.status, 200, "{event}: {answer:?}");
    text(&answer.json()["state"]).to_owned()
}

fn texts(text: &str) -> Value {
    json!({ "variants": { "weibo": { "text": text } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn r18_r25_r31_what_a_procedure_asks_for_is_given_or_the_item_waits() {
    let api = start().await;
    let try_with = |filing: Value, declaration: bool| {
        api.post("d07.xx", "/api/v1/items", of("P1", json!({ "filing": filing, "declaration": declaration })))
    };
    let whole = json!({ "info_nature": "convenience", "activity_time": "2026-12-01T09:00:00+08:00" });
    let silent = try_with(json!({}), true).await;
    assert_eq!(
        (silent.problem().as_str(), &silent.json()["field"]),
        ("422 blocked_by_check", &json!("filing.info_nature"))
    );
    let undeclared = try_with(whole.clone(), false).await;
    assert_eq!(
        (undeclared.problem().as_str(), &undeclared.json()["field"]),
        ("422 blocked_by_check", &json!("declaration"))
    );
    let unknown = try_with(json!({ "info_natur": "convenience" }), true).await;
    assert_eq!(unknown.status, 400, "{unknown:?}");
    let early = json!({ "info_nature": "convenience", "activity_time": "2026-12-01T09:00:00+08:00", "deployment_decided_at": in_seconds(600) });
    assert_eq!(try_with(early, true).await.problem(), "422 blocked_by_check");
    let item = submit(&api, "d07.xx", of("P1", json!({ "filing": whole, "declaration": true }))).await;

    let secrecy =
        |conclusion: &str| json!({ "secrecy": { "conclusion": conclusion, "basis": "保密法第十三条" } });
    assert_eq!(api.decide("d07.bm", &item, json!({})).await.problem(), "422 blocked_by_check");
    assert_eq!(api.decide("d07.bm", &item, secrecy("must_not")).await.problem(), "422 blocked_by_check");
    let item = api.decide("d07.bm", &item, secrecy("may_publish")).await.json();
    assert_eq!(item["state"], "pending_unit");
    assert_eq!(api.decide("d07.fg", &item, json!({})).await.problem(), "422 blocked_by_check");
    let item = api.decide("d07.fg", &item, json!({ "declaration": true })).await.json();
    assert_eq!((&item["state"], &item["register_no"]), (&json!("pending_office"), &Value::Null));
    let item = approved(&api, "off.hg", &item).await;
    let number = text(&item["register_no"]);
    assert!(number.starts_with("新媒备〔") && number.ends_with("〕0001号"), "{number}");

    let sheet = api.get("d07.xx", &format!("/api/v1/items/{}/sheet", text(&item["id"]))).await;
    assert_eq!(sheet.header("content-type"), Some("text/html; charset=utf-8"));
    for words in [
        number,
        "辛（d07.xx）",
        "信息性质",
        "可以公开",
        "保密法第十三条",
        "第一至第七类",
        "分管领导 寅（d07.fg）",
    ] {
        assert!(sheet.text().contains(words), "{words}: {}", sheet.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_kept_mended_and_handed_in_later() {
    let api = start().await;
    let item = submit(&api, "d07.xx", of("P1", json!({ "draft": true }))).await;
    assert_eq!((&item["state"], &item["can"]), (&json!("draft"), &json!(["edit", "withdraw"])));
    assert_eq!(
        act(&api, "d07.xx", &item, "submit", json!({ "declaration": true })).await.problem(),
        "422 blocked_by_check"
    );
    let path = format!("/api/v1/items/{}/content", text(&item["id"]));
    let filing = json!({ "info_nature": "publicity", "activity_time": "2026-12-01T09:00:00+08:00" });
    let mut body = texts("停水通知（改）");
    body.as_object_mut().unwrap().extend([("filing".to_owned(), filing), ("draft".to_owned(), json!(true))]);
    let save = |person: &'static str| {
        api.send(Request::new("PUT", &path).of(person).header("If-Match", "\"1\"").json(&body))
    };
    assert_eq!(save("d07.zy").await.problem(), "403 forbidden");
    let saved = save("d07.xx").await;
    assert_eq!(
        (saved.status, &saved.json()["state"], &saved.json()["version"]),
        (200, &json!("draft"), &json!(2)),
        "{saved:?}"
    );
    assert_eq!(act(&api, "d07.xx", &item, "submit", json!({})).await.problem(), "422 blocked_by_check");
    assert_eq!(
        act(&api, "d07.zy", &item, "submit", json!({ "declaration": true })).await.problem(),
        "403 forbidden"
    );
    assert_eq!(
        state(&api, "d07.xx", &item, "submit", json!({ "declaration": true })).await,
        "pending_secrecy"
    );
    assert_eq!(
        act(&api, "d07.xx", &item, "submit", json!({ "declaration": true })).await.problem(),
        "409 bad_state"
    );
    let versions = api.get("d07.xx", &format!("/api/v1/items/{}/versions", text(&item["id"]))).await.json();
    let actions: Vec<_> =
        versions["versions"].as_array().unwrap().iter().map(|v| text(&v["action"])).collect();
    assert_eq!(actions, ["item.drafted", "item.saved", "item.submitted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sm33_p02_a_minor_edit_of_the_office_goes_on_and_any_other_goes_back() {
    let api = start().await;
    let item = with_the_office(&api).await;
    let edit = |text: &str, minor: bool| {
        let mut body = texts(text);
        body["minor"] = json!(minor);
        body
    };
    assert_eq!(
        act(&api, "off.hg", &item, "copy-edit", edit("停电通知", true)).await.problem(),
        "422 not_minor"
    );
    assert_eq!(
        act(&api, "d07.xx", &item, "copy-edit", edit("停水通知。", true)).await.problem(),
        "403 forbidden"
    );
    let mended = act(&api, "off.hg", &item, "copy-edit", edit("停水通知。", true)).await.json();
    assert_eq!((&mended["state"], &mended["version"]), (&json!("pending_office"), &json!(2)));
    assert_eq!(mended["decisions"][1]["record"]["carried_from"], item["hash"]);
    assert_eq!(api.decide("off.hg", &item, json!({})).await.problem(), "409 stale_version");
    let versions = api.get("off.hg", &format!("/api/v1/items/{}/versions", text(&item["id"]))).await.json();
    assert_eq!(versions["versions"][1]["changes"][0]["before"], "停水通知");

    let other = act(&api, "off.hg", &item, "copy-edit", edit("停电通知", false)).await.json();
    assert_eq!(other["state"], "pending_unit");
    let other = approved(&api, "d07.fg", &other).await;
    let other = approved(&api, "off.hg", &other).await;
    let late = act(&api, "off.hg", &other, "copy-edit", edit("停电通知。", true)).await;
    assert_eq!(late.problem(), "409 locked_after_approval");
    assert_eq!(
        api.audit_actions(&format!("item:{}", text(&item["id"]))).await,
        [
            "d07.xx item.submitted",
            "d07.fg item.approved",
            "off.hg item.copy_edited",
            "off.hg item.copy_edited",
            "d07.fg item.approved",
            "off.hg item.approved"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sm29_sm30_sm31_an_item_is_moved_to_another_procedure_of_its_origin() {
    let api = start().await;
    let item = with_the_office(&api).await;
    assert_eq!(
        act(&api, "off.hg", &item, "reclassify", json!({ "to": "P3" })).await.problem(),
        "422 origin_mismatch"
    );
    assert_eq!(
        act(&api, "d07.fg", &item, "reclassify", json!({ "to": "P2" })).await.problem(),
        "403 forbidden"
    );
    // The deputy's word is not the head's.
    let moved =
        act(&api, "off.hg", &item, "reclassify", json!({ "to": "P2", "reason": "属政策答复" })).await.json();
    assert_eq!((&moved["state"], &moved["procedure"]), (&json!("pending_unit"), &json!("P2")));
    assert_eq!(api.decide("d07.fg", &moved, json!({})).await.problem(), "403 forbidden");
    let item = approved(&api, "d07.zy", &moved).await;
    // The head's is the deputy's, too.
    assert_eq!(state(&api, "off.hg", &item, "reclassify", json!({ "to": "P4" })).await, "pending_office");
    assert_eq!(state(&api, "off.hg", &item, "reclassify", json!({ "to": "P5" })).await, "pending_decision");
    assert_eq!(
        act(&api, "off.hg", &item, "reclassify", json!({ "to": "P4" })).await.problem(),
        "409 bad_state"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_twice_is_merged_and_what_is_planned_put_aside_and_taken_off() {
    let api = start().await;
    let (one, other) = (with_the_office(&api).await, with_the_office(&api).await);
    assert_eq!(
        act(&api, "off.hg", &one, "merge", json!({ "into": one["id"] })).await.problem(),
        "422 no_target"
    );
    assert_eq!(
        act(&api, "off.hg", &one, "merge", json!({ "into": "none" })).await.problem(),
        "422 no_target"
    );
    let merged = act(&api, "off.hg", &one, "merge", json!({ "into": other["id"] })).await.json();
    assert_eq!((&merged["state"], &merged["merged_into"]), (&json!("merged"), &other["id"]));
    assert_eq!(
        act(&api, "off.hg", &other, "merge", json!({ "into": one["id"] })).await.problem(),
        "422 no_target"
    );

    let item = api.decide("off.hg", &other, json!({ "publish_at": in_seconds(3600) })).await.json();
    assert_eq!(
        act(&api, "off.hg", &item, "hold", json!({ "reason": "" })).await.problem(),
        "422 reason_required"
    );
    assert_eq!(
        act(&api, "d07.xx", &item, "hold", json!({ "reason": "待核实" })).await.problem(),
        "403 forbidden"
    );
    let held = act(&api, "off.hg", &item, "hold", json!({ "reason": "待核实" })).await.json();
    assert_eq!((&held["state"], &held["deliveries"][0]["state"]), (&json!("held"), &json!("held")));
    assert_eq!(act(&api, "off.hg", &item, "unschedule", json!({})).await.problem(), "409 bad_state");
    assert_eq!(state(&api, "off.hg", &item, "release", json!({})).await, "scheduled");
    let off = act(&api, "off.hg", &item, "unschedule", json!({})).await.json();
    assert_eq!((&off["state"], &off["deliveries"][0]["state"]), (&json!("approved"), &json!("cancelled")));
    let path = format!("/api/v1/items/{}/schedule", text(&item["id"]));
    let again = api.post("off.hg", &path, json!({ "publish_at": in_seconds(7200) })).await.json();
    assert_eq!((&again["state"], &again["register_no"]), (&json!("scheduled"), &item["register_no"]));
    assert_eq!(
        act(&api, "off.hg", &item, "retract", json!({ "reason": "有误" })).await.problem(),
        "409 bad_state"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r35_the_office_writes_down_what_a_leader_signed_or_said() {
    let api = start().await;
    let item = submit(&api, "d07.xx", of("P4", json!({}))).await;
    let paper = |more: Value| {
        let mut body = json!({ "mode": "paper", "on_behalf_of": "d07.fg" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    assert_eq!(api.decide("off.lx", &item, paper(json!({}))).await.problem(), "422 blocked_by_check");
    assert_eq!(
        api.decide("off.lx", &item, paper(json!({ "evidence": ["00"] }))).await.problem(),
        "422 unknown_media"
    );
    let upload = Request::new("POST", "/api/v1/media").of("off.lx").bytes_of("image/png", PNG);
    let sha256 = api.send(upload).await.json()["sha256"].clone();
    let scan = json!({ "evidence": [sha256] });
    assert_eq!(api.decide("d07.xx", &item, paper(scan.clone())).await.problem(), "403 forbidden");
    assert_eq!(api.decide("d07.zy", &item, paper(scan.clone())).await.problem(), "403 forbidden");
    let phone = json!({ "mode": "phone", "on_behalf_of": "d07.fg" });
    assert_eq!(api.decide("off.lx", &item, phone).await.problem(), "422 reason_required");
    let nobody = json!({ "mode": "paper", "on_behalf_of": "d08.xx", "evidence": [sha256] });
    assert_eq!(api.decide("off.lx", &item, nobody).await.problem(), "403 forbidden");
    let item = api.decide("off.lx", &item, paper(scan)).await.json();
    let decision = &item["decisions"][0];
    assert_eq!((&item["state"], &decision["person"]), (&json!("pending_office"), &json!("d07.fg")));
    assert_eq!(
        (&decision["record"]["mode"], &decision["record"]["recorded_by"]),
        (&json!("paper"), &json!("off.lx"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r42_r46_stages_follow_each_other_and_nothing_is_planned_beyond_its_truth() {
    let api = start().await;
    let stage = |number: u32| {
        of("P3", json!({ "targets": ["W000"], "filing": { "event_id": "E1", "stage_no": number } }))
    };
    let first = submit(&api, "off.hg", stage(1)).await;
    assert_eq!(api.post("off.hg", "/api/v1/items", stage(1)).await.problem(), "409 stage_taken");
    let second = submit(&api, "off.hg", stage(2)).await;
    let second = approved(&api, "off.zr", &second).await;
    let path = format!("/api/v1/items/{}/schedule", text(&second["id"]));
    let plan = |seconds| api.post("off.hg", &path, json!({ "publish_at": in_seconds(seconds) }));
    assert_eq!(plan(600).await.problem(), "409 too_soon");
    let early = api.decide("off.zr", &first, json!({ "publish_at": in_seconds(900) })).await;
    assert_eq!(early.status, 200, "{early:?}");
    assert_eq!(plan(600).await.problem(), "409 too_soon");
    assert_eq!(plan(1200).await.status, 200);

    let until = json!({ "targets": ["W000"], "filing": { "valid_until": in_seconds(300) } });
    let item = submit(&api, "d07.xx", of("P4", until)).await;
    let item = approved(&api, "d07.fg", &item).await;
    let item = approved(&api, "off.hg", &item).await;
    let path = format!("/api/v1/items/{}/schedule", text(&item["id"]));
    let late = api.post("off.hg", &path, json!({ "publish_at": in_seconds(600) })).await;
    assert_eq!(late.problem(), "422 not_valid_then");
    let planned = api.post("off.hg", &path, json!({ "publish_at": in_seconds(60) })).await.json();
    // Kept in whole milliseconds, rounded down: never later than it is true.
    let time = |value: &Value| text(value).parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(time(&planned["deliveries"][0]["latest_at"]), time(&item["filing"]["valid_until"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn r44_another_source_than_those_of_the_list_takes_the_director() {
    let api = start().await;
    let forward = |url: &str| of("P5", json!({ "filing": { "source_url": url } }));
    let listed = submit(&api, "d07.xx", forward("https://www.gov.cn/a")).await;
    let listed = approved(&api, "off.hg", &listed).await;
    assert_eq!((&listed["state"], &listed["register_no"]), (&json!("approved"), &Value::Null));
    let other = submit(&api, "d07.xx", forward("https://gov.cn.example.com/a")).await;
    assert_eq!(api.decide("off.hg", &other, json!({})).await.problem(), "403 forbidden");
    approved(&api, "off.zr", &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r31_what_a_secrecy_reviewer_is_not_sure_of_is_told() {
    let api = start().await;
    let filing = json!({ "info_nature": "convenience", "activity_time": "2026-12-01T09:00:00+08:00" });
    let item = submit(&api, "d07.xx", of("P1", json!({ "filing": filing, "declaration": true }))).await;
    assert_eq!(
        act(&api, "d07.fg", &item, "refer-up", json!({ "reason": "拿不准" })).await.problem(),
        "403 forbidden"
    );
    assert_eq!(
        state(&api, "d07.bm", &item, "refer-up", json!({ "reason": "拿不准" })).await,
        "pending_secrecy"
    );
    let notices = api.get("off.hg", "/api/v1/notices").await.json();
    assert_eq!(notices["notices"][0]["kind"], "item_referred_up");
}
