//! Posts: each interface's happy answer, what stands in the ledger, and what is refused.

use juzhen_sandbox::{EffectKind, EffectState, text_sha256};
use serde_json::json;

use crate::client::{OFFICE, STREET, Weibo, code, get, seeded};
use crate::common::{Stage, read};

#[tokio::test]
async fn a_shared_post_is_answered_as_weibo_does_and_written_down_as_sent() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let text = "【停水通知】因管道维修，4月24日9时至17时示例街道部分区域停水，请提前储水。详情 https://gov.example.cn/w/01HZX5 ";
    let (status, post) =
        weibo.post("2/statuses/share.json", &[("status", text), ("rip", "211.156.0.1")]).await;
    assert_eq!(status, 200, "{post}");
    assert_eq!(post["id"].as_u64().unwrap().to_string(), post["idstr"].as_str().unwrap());
    assert_eq!((post["idstr"].as_str().unwrap().len(), &post["mid"]), (16, &post["idstr"]));
    let shown = post["text"].as_str().unwrap();
    assert!(shown.contains("详情 http://t.cn/") && shown.ends_with(" \u{200b}"), "{shown}");
    assert_eq!(post["textLength"], 99);
    let time = post["created_at"].as_str().unwrap();
    assert!(jiff::fmt::strtime::parse("%a %b %d %H:%M:%S %z %Y", time).is_ok(), "{time}");
    assert!(time.contains(" +0800 "), "{time}");
    assert_eq!(post["url_objects"][0]["info"]["url_long"], "https://gov.example.cn/w/01HZX5");
    assert_eq!(post["user"]["idstr"], OFFICE);
    assert_eq!(post["user"]["screen_name"], "示例区发布");
    assert!(post["annotations"].is_null() && post["pic_urls"] == json!([]));

    let ledger = stage.handle.ledger_of(OFFICE);
    let [effect] = &ledger.effects[..] else { panic!("one effect, found {:?}", ledger.effects) };
    assert_eq!((effect.platform.as_str(), effect.kind), ("weibo", EffectKind::Post));
    assert_eq!(Some(effect.id.as_str()), post["idstr"].as_str());
    assert_eq!(effect.text_sha256, text_sha256("", text));
    assert_eq!(effect.shown_text.as_deref(), Some(shown));
    let (status, page) = stage.page(&format!("posts/{}", effect.id)).await;
    assert!(status == 200 && page.contains("【停水通知】") && page.contains("示例区发布"), "{page}");
}

#[tokio::test]
async fn annotations_come_back_with_what_the_platform_adds() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let marked = [("status", "没有链接也可以 #停水#"), ("annotations", r#"[{"job":"01HZX"}]"#)];
    for path in ["2/statuses/update.json", "c/2/statuses/update/biz.json"] {
        let text = format!("{path} #停水#");
        let form = [("status", text.as_str()), marked[1]];
        let (status, post) = weibo.post(path, &form).await;
        assert_eq!(status, 200, "{post}");
        assert_eq!(post["annotations"], json!([{ "job": "01HZX" }, { "mapi_request": true }]));
        assert!(post["text"].as_str().unwrap().contains("#停水#"), "topics stay: {post}");
    }
    let (_, list) = weibo.get("c/2/statuses/user_timeline/biz.json", &[]).await;
    assert_eq!(list["statuses"][0]["annotations"][0]["job"], "01HZX");
    for bad in ["no json", &format!("[\"{}\"]", "x".repeat(510))] {
        let form = [("status", "x"), ("annotations", bad)];
        assert_eq!(code(&weibo.post("2/statuses/update.json", &form).await), (400, 10017));
    }
}

#[tokio::test]
async fn pictures_are_taken_by_their_bytes_and_named() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    let (status, post) = uploaded(&weibo, "2/statuses/upload.json", "一图", b"\x89PNG\r\n\x1a\n1").await;
    assert_eq!(status, 200, "{post}");
    assert_eq!(post["pic_num"], 1);
    assert!(post["original_pic"].as_str().unwrap().contains("/large/"), "{post}");
    let shared = "共享 http://gov.example.cn ";
    let (status, post) = uploaded(&weibo, "2/statuses/share.json", shared, b"\xff\xd8\xff\xe0x").await;
    assert_eq!((status, post["pic_urls"].as_array().unwrap().len()), (200, 1), "{post}");
    let (status, picture) = uploaded(&weibo, "c/2/statuses/upload_pic/biz.json", "", b"GIF89a1").await;
    assert_eq!(status, 200, "{picture}");
    let ids = picture["pic_id"].as_str().unwrap();
    let form = [("status", "两次"), ("pic_id", ids)];
    let (status, post) = weibo.post("c/2/statuses/upload_url_text/biz.json", &form).await;
    assert_eq!((status, post["thumbnail_pic"].as_str()), (200, picture["thumbnail_pic"].as_str()), "{post}");

    let refused = [
        (b"BM0000".to_vec(), 20005),
        (Vec::new(), 20007),
        ([b"GIF89a".to_vec(), vec![0; 5 * 1024 * 1024]].concat(), 20006),
    ];
    for (bytes, wanted) in refused {
        let answer = uploaded(&weibo, "2/statuses/upload.json", "坏图", &bytes).await;
        assert_eq!(code(&answer), (400, wanted));
    }
    assert_eq!(code(&weibo.post("2/statuses/upload.json", &[("status", "无图")]).await), (400, 20007));
    let unknown = [("status", "未知"), ("pic_id", "nobody")];
    assert_eq!(code(&weibo.post("2/statuses/upload_url_text.json", &unknown).await), (400, 10017));
    let kinds: Vec<_> = stage.handle.ledger_of(OFFICE).effects.iter().map(|effect| effect.kind).collect();
    assert_eq!(kinds, [EffectKind::Post, EffectKind::Post, EffectKind::Media, EffectKind::Post]);
}

/// As clients send files: `multipart/form-data`, the token among the fields.
async fn uploaded(weibo: &Weibo<'_>, path: &str, text: &str, bytes: &[u8]) -> (u16, serde_json::Value) {
    let mut body = Vec::new();
    for (name, value) in [("access_token", weibo.token.as_str()), ("status", text)] {
        let part =
            format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.bytes());
    }
    let head = "--frontier\r\nContent-Disposition: form-data; name=\"pic\"; filename=\"a.png\"\r\n\
                Content-Type: image/png\r\n\r\n";
    body.extend(head.bytes().chain(bytes.iter().copied()).chain(*b"\r\n--frontier--\r\n"));
    let url = format!("{}/{path}", weibo.stage.handle.weibo_url());
    let kind = "multipart/form-data; boundary=frontier";
    read(weibo.stage.client.post(url).header("content-type", kind).body(body)).await
}

#[tokio::test]
async fn share_wants_the_apps_own_host_exactly_and_drops_topics() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    for elsewhere in
        ["没有链接", "gov.example.cn/a", "http://www.gov.example.cn/a", "http://gov.example.cn.evil.test/"]
    {
        let answer = weibo.post("2/statuses/share.json", &[("status", elsewhere)]).await;
        assert_eq!(
            (code(&answer), answer.1["error"].as_str()),
            ((400, 10017), Some("text not find domain!"))
        );
        assert_eq!(answer.1["request"], "/2/statuses/share.json");
    }
    let post = weibo.share("#停水#今天").await;
    assert!(post["text"].as_str().unwrap().starts_with("今天 http://t.cn/"), "{post}");
    let bare = seeded(
        "weibo: {apps: [{key: '1', secret: s, redirect_uris: [], any_code: true}], accounts: \
                       [{uid: '7', name: 七, tokens: [{app: '1', token: t}]}]}",
    )
    .await;
    let weibo = Weibo { stage: &bare, token: "t".into() };
    let answer = weibo.post("2/statuses/share.json", &[("status", "https://gov.example.cn/")]).await;
    assert_eq!((code(&answer), answer.1["error"].as_str()), ((400, 10017), Some("appkey not bind domain!")));
}

#[tokio::test]
async fn a_text_is_140_chinese_characters_with_short_addresses_at_most() {
    let stage = Stage::new().await;
    let weibo = Weibo::of(&stage, OFFICE).await;
    // An address counts 20 units whatever its length.
    let link = format!(" https://gov.example.cn/{} ", "long".repeat(40));
    let fits = format!("{}{link}", "水".repeat(129));
    assert_eq!(weibo.post("2/statuses/share.json", &[("status", &fits)]).await.0, 200);
    let over = format!("水a{fits}");
    assert_eq!(code(&weibo.post("2/statuses/share.json", &[("status", &over)]).await), (400, 20012));
    let long = "长".repeat(141);
    assert_eq!(code(&weibo.post("2/statuses/update.json", &[("status", &long)]).await), (400, 20012));
    let form = [("status", long.as_str()), ("is_longtext", "1")];
    let (status, post) = weibo.post("c/2/statuses/update/biz.json", &form).await;
    assert_eq!((status, &post["isLongText"]), (200, &json!(true)));
    assert!(post["text"].as_str().unwrap().contains("全文"), "{post}");
    let query = [("ids", post["idstr"].as_str().unwrap()), ("isGetLongText", "1")];
    let (_, batch) = weibo.get("c/2/statuses/show_batch/biz.json", &query).await;
    let whole = batch["statuses"][0]["longText"]["longTextContent"].as_str().unwrap();
    assert!(whole.starts_with(&long), "{whole}");
    let endless = "长".repeat(5_001);
    let form = [("status", endless.as_str()), ("is_longtext", "1")];
    assert_eq!(code(&weibo.post("c/2/statuses/update/biz.json", &form).await), (400, 20049));
}

#[tokio::test]
async fn the_same_text_again_is_refused_and_by_another_account_it_is_not() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    office.share("一").await;
    let again = [("status", "一 https://gov.example.cn/w/1 ")];
    assert_eq!(code(&office.post("2/statuses/share.json", &again).await), (400, 20019));
    office.share("二").await;
    assert_eq!(code(&office.post("2/statuses/share.json", &again).await), (400, 20019), "within ten minutes");
    street.share("一").await;
    assert!(stage.handle.ledger().violations.is_empty());
}

#[tokio::test]
async fn forwarding_leads_to_the_root_and_not_to_oneself() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    let root = office.share("原文").await["idstr"].as_str().unwrap().to_owned();
    assert_eq!(code(&office.post("2/statuses/repost.json", &[("id", &root)]).await), (400, 20103));
    let (status, first) = street.post("2/statuses/repost.json", &[("id", &root), ("is_comment", "1")]).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!((&first["text"], &first["textLength"]), (&json!("转发微博"), &json!(8)));
    assert_eq!(first["retweeted_status"]["idstr"], root.as_str());
    assert_eq!(code(&street.post("2/statuses/repost.json", &[("id", &root)]).await), (400, 20111));
    let (_, counts) = office.get("2/statuses/count.json", &[("ids", &root)]).await;
    assert_eq!((&counts[0]["reposts"], &counts[0]["comments"]), (&json!(1), &json!(1)));
    let (_, list) = office.get("2/statuses/repost_timeline.json", &[("id", &root)]).await;
    assert_eq!(list["reposts"][0]["idstr"], first["idstr"]);
    let third = Weibo::of(&stage, "5000000003").await;
    let forward = [("id", first["idstr"].as_str().unwrap()), ("status", "也转")];
    let (_, second) = third.post("c/2/statuses/repost/biz.json", &forward).await;
    assert_eq!(
        second["retweeted_status"]["idstr"],
        root.as_str(),
        "a repost of a repost has the root: {second}"
    );
    assert_eq!(office.post("2/statuses/destroy.json", &[("id", &root)]).await.0, 200);
    assert_eq!(code(&third.post("2/statuses/repost.json", &[("id", &root)]).await), (400, 20101));
    let late = Weibo::of(&stage, "5000000004").await;
    assert_eq!(code(&late.post("2/statuses/repost.json", &forward[..1]).await), (400, 20135));
    let ledger = stage.handle.ledger_of(STREET);
    assert_eq!(
        (ledger.effects[0].kind, ledger.effects[0].origin_id.as_deref()),
        (EffectKind::Repost, Some(&*root))
    );
}

#[tokio::test]
async fn a_post_is_taken_back_by_its_author_only_and_once() {
    let stage = Stage::new().await;
    let (office, street) = (Weibo::of(&stage, OFFICE).await, Weibo::of(&stage, STREET).await);
    let id = office.share("取消").await["idstr"].as_str().unwrap().to_owned();
    assert_eq!(code(&street.post("2/statuses/destroy.json", &[("id", &id)]).await), (400, 20102));
    let (status, gone) = office.post("2/statuses/destroy.json", &[("id", &id)]).await;
    assert_eq!((status, gone["idstr"].as_str()), (200, Some(&*id)));
    assert_eq!(code(&office.post("c/2/statuses/destroy/biz.json", &[("id", &id)]).await), (400, 20101));
    assert_eq!(
        code(
            &read(get(&stage, "2/statuses/show.json", &[("id", &id), ("access_token", &street.token)])).await
        ),
        (400, 20101)
    );
    let effects = stage.handle.ledger_of(OFFICE).effects;
    assert_eq!((effects[0].state, effects[1].kind), (EffectState::Retracted, EffectKind::Retract));
    let (_, batch) = office.get("2/statuses/show_batch.json", &[("ids", &id)]).await;
    assert_eq!((&batch["statuses"][0]["deleted"], &batch["states"][0]["state"]), (&json!("1"), &json!(1)));
}
