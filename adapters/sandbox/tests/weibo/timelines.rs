//! The account's own list, mentions and what is unread; lists as platforms get them wrong.

use juzhen_sandbox::{Fault, ListEnd, Rule};
use reqwest::Method;
use serde_json::json;

use crate::client::{CITIZEN, OFFICE, STREET, Weibo, code};
use crate::common::{Stage, until};

const OWN: &str = "2/statuses/user_timeline.json";
const BIZ: &str = "c/2/statuses/user_timeline/biz.json";

#[tokio::test]
async fn the_open_tier_shows_the_newest_five_and_biz_all_by_page_and_since() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let mut ids = Vec::new();
    for text in ["一", "二", "三", "四", "五", "六", "七"] {
        ids.push(weibo.share(text).await["idstr"].as_str().unwrap().to_owned());
    }
    let (_, list) = weibo.get(OWN, &[("count", "100")]).await;
    let shown: Vec<_> =
        list["statuses"].as_array().unwrap().iter().map(|one| one["idstr"].as_str().unwrap()).collect();
    assert_eq!(shown, [&ids[6], &ids[5], &ids[4], &ids[3], &ids[2]]);
    assert_eq!(
        (&list["total_number"], &list["next_cursor"], &list["has_unread"]),
        (&json!(7), &json!(0), &json!(0))
    );
    let listed = async |path, query: &[(&str, &str)]| {
        let (_, list) = weibo.get(path, query).await;
        let texts = list["statuses"].as_array().unwrap().iter();
        texts.map(|one| one["text"].as_str().unwrap().chars().next().unwrap()).collect::<String>()
    };
    assert_eq!(listed(OWN, &[("page", "2")]).await, "");
    assert_eq!(listed(BIZ, &[]).await, "七六五四三二一");
    assert_eq!(listed(BIZ, &[("count", "3"), ("page", "2")]).await, "四三二");
    assert_eq!(listed(BIZ, &[("since_id", &ids[4])]).await, "七六");
    assert_eq!(listed(BIZ, &[("max_id", &ids[1])]).await, "二一", "max_id is included");
    assert_eq!(listed(BIZ, &[("feature", "2")]).await, "", "pictures only");
    let (_, only_ids) = weibo.get("2/statuses/user_timeline/ids.json", &[("count", "2")]).await;
    assert_eq!(only_ids["statuses"], json!([ids[6], ids[5]]));
    let (_, trimmed) = weibo.get(OWN, &[("trim_user", "1"), ("count", "1")]).await;
    assert_eq!(
        (&trimmed["statuses"][0]["uid"], &trimmed["statuses"][0]["user"]),
        (&json!(5_000_000_001_u64), &json!(null))
    );
}

#[tokio::test]
async fn only_ones_own_list_is_shown_and_private_posts_are_in_it() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    for other in [("uid", STREET), ("screen_name", "示例街道")] {
        assert_eq!(code(&office.get(OWN, &[other]).await), (403, 21335));
        assert_eq!(code(&office.get("2/users/show.json", &[other]).await), (403, 21335));
    }
    assert_eq!(office.get(OWN, &[("uid", OFFICE)]).await.0, 200);
    let (_, me) = office.get("2/users/show.json", &[("screen_name", "示例区发布")]).await;
    assert_eq!(
        (&me["idstr"], &me["verified"], &me["verified_type"]),
        (&json!(OFFICE), &json!(true), &json!(1))
    );
    assert_eq!(code(&office.get("2/users/show.json", &[("screen_name", "无此人")]).await), (400, 20003));
    let form = [("status", "仅自己"), ("visible", "1")];
    let (_, post) = office.post("2/statuses/update.json", &form).await;
    assert_eq!(post["visible"]["type"], 1);
    assert_eq!(office.timeline(OWN).await.len(), 1);
    let id = [("id", post["idstr"].as_str().unwrap())];
    assert_eq!(code(&street.get("2/statuses/show.json", &id).await), (400, 20112));
    assert_eq!(office.get("2/statuses/show.json", &id).await.0, 200);
    assert_eq!(stage.page(&format!("posts/{}", id[0].1)).await.0, 404, "the public does not see it");
}

#[tokio::test]
async fn lists_lag_leave_out_and_lose_their_order_when_the_script_says_so() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    stage.fault(Rule::new(Fault::VisibleLateMs { ms: 300 }).text_contains("迟"));
    weibo.share("迟").await;
    assert!(weibo.timeline(OWN).await.is_empty());
    let effect = stage.handle.ledger_of(OFFICE).effects[0].clone();
    let from = effect.visible_from_unix_ms.unwrap();
    until("the lag is over", || crate::common::now_ms() >= from).await;
    assert_eq!(weibo.timeline(OWN).await.len(), 1);
    for text in ["二", "三", "四"] {
        weibo.share(text).await;
    }
    let firsts = async || {
        let list = weibo.timeline(OWN).await;
        list.iter().map(|text| text.chars().next().unwrap()).collect::<String>()
    };
    assert_eq!(firsts().await, "四三二迟");
    stage.fault(Rule::new(Fault::ListPart { most: 2, which: ListEnd::Oldest, says_so: false }).times(1));
    assert_eq!(firsts().await, "二迟");
    stage.fault(Rule::new(Fault::ListDisorder {}).times(1));
    assert_eq!(firsts().await, "二迟四三");
    assert!(stage.handle.remove(&effect.id), "the platform takes a post down by the id that it gave");
    assert_eq!(firsts().await, "四三二");
}

#[tokio::test]
async fn what_names_the_account_is_listed_and_unread_until_it_was() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    let by_citizen = json!({ "uid": CITIZEN, "text": "@示例区发布 路口的红绿灯坏了" });
    let (status, created) = stage.control(Method::POST, "weibo/statuses", by_citizen).await;
    assert_eq!(status, 201);
    street.share("@示例区发布 已派人").await;
    let unread = async || {
        office.get("2/remind/unread_count.json", &[("uid", OFFICE)]).await.1["mention_status"].clone()
    };
    assert_eq!(unread().await, 2);
    let (_, list) = office.get("2/statuses/mentions.json", &[]).await;
    assert_eq!(list["statuses"].as_array().unwrap().len(), 1, "citizens never authorised the app: {list}");
    assert_eq!(unread().await, 1);
    let (_, list) = office.get("c/2/statuses/mentions/biz.json", &[]).await;
    assert_eq!((&list["total_number"], &list["statuses"][1]["idstr"]), (&json!(2), &created["id"]));
    assert_eq!(list["statuses"][1]["user"]["screen_name"], "示例市民");
    assert_eq!(unread().await, 0);
    assert!(stage.handle.ledger_of(CITIZEN).effects[0].by_hand);
}

#[tokio::test]
async fn ids_and_short_addresses_are_turned_into_each_other() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let ask = async |path, query: &[(&str, &str)]| weibo.get(path, query).await.1;
    let base62 = [("mid", "I3S86DzcR"), ("isBase62", "1"), ("type", "1")];
    assert_eq!(ask("2/statuses/queryid.json", &base62).await, json!({ "id": "4409230629430129" }));
    let batch = [("mid", "I3S86DzcR"), ("isBase62", "1"), ("is_batch", "1")];
    assert_eq!(ask("2/statuses/queryid.json", &batch).await, json!([{ "I3S86DzcR": "4409230629430129" }]));
    let id = [("id", "4409230629430129"), ("type", "1")];
    assert_eq!(ask("c/2/statuses/querymid/biz.json", &id).await, json!({ "mid": "I3S86DzcR" }));
    let long = [("url_long", "https://gov.example.cn/w/1")];
    let short = ask("c/2/short_url/shorten/biz.json", &long).await["urls"][0]["url_short"].clone();
    let back = ask("c/2/short_url/expand/biz.json", &[("url_short", short.as_str().unwrap())]).await;
    assert_eq!(back["urls"][0]["url_long"], "https://gov.example.cn/w/1");
    let faces = ask("2/emotions.json", &[]).await;
    assert_eq!(faces[0]["phrase"], "[微笑]");
}
