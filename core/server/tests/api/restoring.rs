//! What people are told after the database was put back to an earlier time.

use jiff::Timestamp;
use juzhen_store::Store;
use serde_json::json;

use crate::deliveries::delivery;
use crate::support::{Api, in_seconds, text};

#[tokio::test(flavor = "multi_thread")]
async fn p19_after_a_restore_people_read_what_may_be_out_and_who_has_to_lift_the_stop() {
    let api = Api::start().await;
    assert_eq!(api.get("off.hg", "/api/v1/restored").await.json(), json!({ "restored": [] }));
    let item = api.submitted("通知").await;
    let item = api.decide("off.hg", &item, json!({ "publish_at": in_seconds(0) })).await.json();
    let path = delivery(&api, &item).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let (why, now) = ("it ends with audit row 7, there were 90", Timestamp::now());
    api.store.suspect(why.into(), now, now).await.unwrap();

    let list = api.get("aud", "/api/v1/restored").await.json();
    let one = &list["restored"][0];
    assert_eq!((&one["published"], &one["open"]), (&json!(0), &json!(1)), "{list}");
    let suspect = &one["deliveries"][0];
    assert_eq!((&suspect["was_zh"], &suspect["state_zh"]), (&json!("待发"), &json!("结果不明")));
    assert!(path.ends_with(text(&suspect["delivery"])), "{suspect}");
    let seen = api.get("off.hg", &path).await.json();
    assert!(text(&seen["reason_zh"]).contains("备份恢复"), "{seen}");
    let stop = api.get("off.hg", "/api/v1/stop").await.json();
    assert_eq!((&stop["by"], &stop["words_needed"]), (&json!("daemon"), &json!(2)), "{stop}");
    assert!(text(&stop["reason_zh"]).contains("备份恢复"), "{stop}");
    assert_eq!(api.get("d07.xx", "/api/v1/restored").await.problem(), "403 forbidden");
}
