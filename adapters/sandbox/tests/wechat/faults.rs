//! Scripted faults on WeChat: they reach it, and the ledger says what happened all the same.

use juzhen_sandbox::{AsyncOutcome, EffectKind, EffectState, Fault, ListEnd, Rule, ScriptedRefusal};
use serde_json::{Value, json};

use crate::client::{APPID, Client, code};
use crate::common::{read, until};

const SUBMIT: &str = "freepublish/submit";

async fn titles(client: &Client) -> Vec<Value> {
    let list = client.post("freepublish/batchget", json!({ "offset": 0, "count": 20 })).await;
    let items = list["item"].as_array().unwrap();
    items.iter().map(|one| one["content"]["news_item"][0]["title"].clone()).collect()
}

#[tokio::test]
async fn f50_f51_an_answer_that_is_lost_leaves_a_publication_that_the_list_shows() {
    for fault in [Fault::ResetAfterEffect {}, Fault::ResetMidBody {}] {
        let client = Client::new().await;
        client.stage.fault(Rule::new(fault).account(APPID).path_contains(SUBMIT).times(1));
        let draft = client.draft("通知", "x").await;
        let request = client.stage.client.post(client.url(SUBMIT)).json(&json!({ "media_id": draft }));
        let lost = match request.send().await {
            Ok(answer) => answer.bytes().await.is_err(),
            Err(_) => true,
        };
        assert!(lost);
        until("it is public", || client.effects(EffectKind::Post)[0].state == EffectState::Standing).await;
        assert_eq!(titles(&client).await, ["通知"]);
    }
}

#[tokio::test]
async fn f52_a_gateway_answers_with_its_own_status_and_nothing_happens_before_the_effect() {
    let client = Client::new().await;
    let draft = client.draft("通知", "x").await;
    client.stage.fault(Rule::new(Fault::Status(ScriptedRefusal::of(503))).path_contains(SUBMIT).times(1));
    client.stage.fault(Rule::new(Fault::Status(ScriptedRefusal::of(429))).path_contains(SUBMIT).times(1));
    client.stage.fault(Rule::new(Fault::ResetBeforeEffect {}).path_contains(SUBMIT).times(1));
    let submit = || client.stage.client.post(client.url(SUBMIT)).json(&json!({ "media_id": draft }));
    assert_eq!(read(submit()).await.0, 503);
    let (status, answer) = read(submit()).await;
    assert_eq!((status, code(&answer)), (200, 45009));
    assert!(submit().send().await.is_err());
    assert_eq!(client.stage.published(), 0);
    let counts = client.stage.handle.ledger().requests;
    let count = counts["POST /wechat/cgi-bin/freepublish/submit"];
    assert_eq!((count.total, count.refused, count.unanswered), (3, 2, 1));
}

#[tokio::test]
async fn f55_an_answer_of_another_kind_comes_with_status_200() {
    let client = Client::new().await;
    let draft = client.draft("通知", "x").await;
    for fault in
        [Fault::Html200 { applied: false }, Fault::UnknownErrcode200 { applied: false, errcode: 79_901 }]
    {
        client.stage.fault(Rule::new(fault).path_contains(SUBMIT).times(1));
    }
    let submit = || client.stage.client.post(client.url(SUBMIT)).json(&json!({ "media_id": draft }));
    let page = submit().send().await.unwrap();
    assert!(page.status() == 200 && page.text().await.unwrap().contains("系统维护"));
    assert_eq!(code(&read(submit()).await.1), 79_901);
}

#[tokio::test]
async fn a_scripted_job_is_at_work_for_so_many_polls_and_ends_as_it_is_told() {
    let client = Client::new().await;
    let then = |outcome, code: Option<&str>| {
        Rule::new(Fault::AsyncThen { polls: 2, outcome, code: code.map(str::to_owned), message: None })
            .times(1)
    };
    client.stage.fault(then(AsyncOutcome::Published, None));
    client.stage.fault(then(AsyncOutcome::Refused, Some("2")));
    client.stage.fault(then(AsyncOutcome::Refused, None));
    for wanted in [0, 2, 4] {
        let publish_id = client.submit(&client.draft("通知", "x").await).await;
        for at_work in [1, 1, wanted, wanted] {
            let answer = client.post("freepublish/get", json!({ "publish_id": publish_id })).await;
            assert_eq!(answer["publish_status"], at_work);
        }
    }
}

#[tokio::test]
async fn f63_what_the_platform_takes_down_later_is_status_6_and_leaves_the_list() {
    let client = Client::new().await;
    client.stage.fault(Rule::new(Fault::RemoveAfterMs { ms: 0 }).times(1));
    let ended = client.published("通知", "x").await;
    assert_eq!(ended["publish_status"], 6);
    assert!(titles(&client).await.is_empty());
    assert_eq!(client.effects(EffectKind::Post)[0].state, EffectState::Removed);
}

#[tokio::test]
async fn f62_a_scripted_quota_is_53501_for_publishing_and_45028_for_mass_sends() {
    let client = Client::with(|account| account.mass_per_day = Some(9)).await;
    client.stage.fault(Rule::new(Fault::Quota { posts: 1, window_s: 3_600 }));
    client.published("一", "x").await;
    let draft = client.draft("二", "x").await;
    assert_eq!(code(&client.post(SUBMIT, json!({ "media_id": draft })).await), 53501);
    let text = json!({ "filter": { "is_to_all": true }, "text": { "content": "三" }, "msgtype": "text" });
    assert_eq!(code(&client.post("message/mass/sendall", text).await), 45028);
    assert_eq!(client.stage.published(), 1);
}

#[tokio::test]
async fn f66_the_list_shows_a_part_or_another_order_or_shows_late() {
    let client = Client::new().await;
    for title in ["一", "二", "三"] {
        client.published(title, "x").await;
    }
    let part = |which| Fault::ListPart { most: 1, which, says_so: false };
    client.stage.fault(Rule::new(part(ListEnd::Oldest)).times(1));
    client.stage.fault(Rule::new(Fault::ListDisorder {}).times(2));
    assert_eq!(titles(&client).await, ["一"]);
    assert_eq!(titles(&client).await, ["二", "三", "一"]);
    assert_eq!(titles(&client).await, ["三", "二", "一"]);
    client.stage.fault(Rule::new(Fault::VisibleLateMs { ms: 60_000 }).times(1));
    assert_eq!(client.published("四", "x").await["publish_status"], 0);
    assert_eq!(titles(&client).await, ["三", "二", "一"]);
}

#[tokio::test]
async fn f61_a_token_ends_in_the_middle_of_a_batch_and_what_it_refused_did_not_happen() {
    let client = Client::new().await;
    client.published("一", "x").await;
    let draft = client.draft("二", "x").await;
    client.stage.handle.wechat_advance(7_200);
    assert_eq!(code(&client.post(SUBMIT, json!({ "media_id": draft })).await), 42001);
    assert_eq!(client.stage.published(), 1);
}

#[tokio::test]
async fn a_rule_finds_a_draft_and_a_message_by_their_words() {
    let client = Client::with(|account| account.followers = vec!["o1".into()]).await;
    let fault = || Fault::PlatformError { code: -1, message: None, applied: false, late_ms: None };
    client.stage.fault(Rule::new(fault()).text_contains("停水").times(2));
    let article =
        json!({ "title": "通知", "content": "<p>今日停水</p>", "thumb_media_id": client.thumb().await });
    assert_eq!(code(&client.post("draft/add", json!({ "articles": [article] })).await), -1);
    let said = |words: &str| json!({ "touser": "o1", "msgtype": "text", "text": { "content": words } });
    assert_eq!(code(&client.post("message/custom/send", said("何时停水")).await), -1);
    assert_eq!(code(&client.post("message/custom/send", said("何时停电")).await), 45015);
}

#[tokio::test]
async fn a_reset_forgets_what_was_done_and_keeps_the_account() {
    let client = Client::new().await;
    client.published("一", "x").await;
    client.stage.handle.reset();
    assert_eq!(code(&client.get("draft/count").await), 40001, "its token is gone");
    assert!(client.stable_token(false).await.get("access_token").is_some());
    assert!(client.stage.handle.ledger().effects.is_empty());
}
