//! Every interface that the manual names is there, with its method, and the ones that other tests do not meet.

use juzhen_sandbox::EffectKind;
use juzhen_sandbox::wechat::{CallbackMode, CallbackSeed, WechatMessage};
use reqwest::Method;
use serde_json::json;

use crate::client::{APPID, Client, JPEG, code};
use crate::common::read;

const NAMED: &[(&str, &str)] = &[
    ("GET", "token"),
    ("POST", "stable_token"),
    ("POST", "clear_quota"),
    ("POST", "clear_quota/v2"),
    ("POST", "openapi/quota/get"),
    ("POST", "openapi/quota/clear"),
    ("POST", "openapi/rid/get"),
    ("GET", "getcallbackip"),
    ("GET", "get_api_domain_ip"),
    ("POST", "callback/check"),
    ("POST", "media/uploadimg"),
    ("POST", "media/upload"),
    ("POST", "media/uploadnews"),
    ("POST", "media/uploadvideo"),
    ("GET", "media/get"),
    ("POST", "material/add_material"),
    ("POST", "material/get_material"),
    ("POST", "material/del_material"),
    ("POST", "material/batchget_material"),
    ("GET", "material/get_materialcount"),
    ("POST", "draft/add"),
    ("POST", "draft/get"),
    ("POST", "draft/update"),
    ("POST", "draft/delete"),
    ("GET", "draft/count"),
    ("POST", "draft/batchget"),
    ("POST", "draft/switch"),
    ("POST", "freepublish/submit"),
    ("POST", "freepublish/get"),
    ("POST", "freepublish/delete"),
    ("POST", "freepublish/getarticle"),
    ("POST", "freepublish/batchget"),
    ("POST", "message/mass/sendall"),
    ("POST", "message/mass/send"),
    ("POST", "message/mass/preview"),
    ("POST", "message/mass/get"),
    ("POST", "message/mass/delete"),
    ("POST", "message/mass/speed/get"),
    ("POST", "message/mass/speed/set"),
    ("POST", "comment/open"),
    ("POST", "comment/close"),
    ("POST", "comment/list"),
    ("POST", "comment/markelect"),
    ("POST", "comment/unmarkelect"),
    ("POST", "comment/delete"),
    ("POST", "comment/reply/add"),
    ("POST", "comment/reply/delete"),
    ("POST", "message/custom/send"),
    ("POST", "message/custom/typing"),
];

#[tokio::test]
async fn every_interface_is_there_with_its_method() {
    let client = Client::new().await;
    for (method, path) in NAMED {
        let ask = |method: &str, join: &str| {
            let url = format!("{}{join}cgi-bin/{path}", client.stage.handle.wechat_url());
            read(client.stage.client.request(method.parse::<Method>().unwrap(), url))
        };
        let (other, wanted) = if *method == "GET" { ("POST", 43001) } else { ("GET", 43002) };
        assert_eq!(code(&ask(other, "/").await.1), wanted, "{other} {path}");
        for join in ["/", "//"] {
            let found = code(&ask(method, join).await.1);
            assert!([41001, 41002, 44002].contains(&found), "{method} {join}{path}: {found}");
        }
    }
}

#[tokio::test]
async fn an_address_that_no_list_has_is_judged_before_the_token() {
    let client = Client::new().await;
    client.set(|account| account.ip_allow_list = vec!["203.0.113.1".into()]);
    for token in ["", "?access_token=75_unknown", "?access_token=%20"] {
        let url = format!("{}/cgi-bin/draft/count{token}", client.stage.handle.wechat_url());
        assert_eq!(code(&read(client.stage.client.get(url)).await.1), 40164, "{token}");
    }
}

#[tokio::test]
async fn a_refused_request_is_found_again_by_its_rid_for_seven_days_and_by_its_own_account() {
    let client = Client::new().await;
    let refused = client.post("draft/get", json!({ "media_id": "没有" })).await;
    let rid = refused["errmsg"].as_str().unwrap().rsplit_once(' ').unwrap().1.to_owned();
    let found = client.post("openapi/rid/get", json!({ "rid": rid })).await;
    assert_eq!(found["errcode"], 0, "{found}");
    let request = &found["request"];
    assert_eq!(request["request_body"], r#"{"media_id":"没有"}"#);
    assert!(request["response_body"].as_str().unwrap().contains("40007"), "{request}");
    assert!(request["request_url"].as_str().unwrap().contains("access_token="), "{request}");
    assert_eq!(request["client_ip"], "127.0.0.1");
    assert!(request["invoke_time"].is_number() && request["cost_in_ms"].is_number(), "{request}");
    let get = async |rid: &str| code(&client.post("openapi/rid/get", json!({ "rid": rid })).await);
    assert_eq!((get("x").await, get("00000000-00000000-00000000").await), (76002, 76001));
    let stranger = juzhen_sandbox::wechat::AccountSeed { appid: "wx2".into(), ..Default::default() };
    client.stage.handle.wechat_account(stranger).unwrap();
    let url = format!(
        "{}/cgi-bin/token?grant_type=client_credential&appid=wx2&secret={}",
        client.stage.handle.wechat_url(),
        "s".repeat(32)
    );
    let token = read(client.stage.client.get(url)).await.1["access_token"].as_str().unwrap().to_owned();
    let url = format!("{}/cgi-bin/openapi/rid/get?access_token={token}", client.stage.handle.wechat_url());
    assert_eq!(code(&read(client.stage.client.post(url).json(&json!({ "rid": rid }))).await.1), 76003);
    client.stage.handle.wechat_advance(7 * 86_400 + 60);
    let client =
        Client { token: client.stable_token(false).await["access_token"].as_str().unwrap().into(), ..client };
    assert_eq!(code(&client.post("openapi/rid/get", json!({ "rid": rid })).await), 76004);
}

#[tokio::test]
async fn the_platform_tells_how_it_reaches_a_callback() {
    let client = Client::new().await;
    let check = |action: &str, operator: &str| {
        client.post("callback/check", json!({ "action": action, "check_operator": operator }))
    };
    assert_eq!(code(&check("all", "DEFAULT").await), 40201);
    client.set(|account| {
        account.callback = Some(CallbackSeed {
            url: "http://192.0.2.7:8080/callback".into(),
            token: "token".into(),
            encoding_aes_key: String::new(),
            mode: CallbackMode::Plain,
            patience_ms: 100,
            copies: 1,
        });
    });
    let all = check("all", "DEFAULT").await;
    assert_eq!((&all["dns"][0]["ip"], &all["ping"][0]["package_loss"]), (&json!("192.0.2.7"), &json!("0%")));
    assert!(check("dns", "UNICOM").await["ping"].is_null());
    assert_eq!(code(&check("trace", "DEFAULT").await), 40202);
    assert_eq!(code(&check("all", "X").await), 40203);
}

#[tokio::test]
async fn articles_and_films_can_be_made_for_one_mass_send() {
    let client = Client::new().await;
    let thumb = client.upload("media/upload?type=thumb", JPEG).await["thumb_media_id"].clone();
    let article =
        json!({ "title": "通知", "content": "<p>停水</p>", "thumb_media_id": thumb, "show_cover_pic": 1 });
    let news = client.post("media/uploadnews", json!({ "articles": [article] })).await;
    assert_eq!(news["type"], "news", "{news}");
    assert!(news["created_at"].is_number(), "{news}");
    assert_eq!(client.get("draft/count").await["total_count"], 0);
    let send = json!({ "filter": { "is_to_all": true }, "msgtype": "mpnews", "mpnews": { "media_id": news["media_id"] } });
    assert_eq!(code(&client.post("message/mass/sendall", send).await), 0);
    assert_eq!(client.effects(EffectKind::Post)[0].text, "停水");
    let film =
        client.upload("media/upload?type=video", b"\0\0\0\x18ftypmp42 a film").await["media_id"].clone();
    let video = client
        .post("media/uploadvideo", json!({ "media_id": film, "title": "片", "description": "介绍" }))
        .await;
    assert_eq!(video["type"], "video", "{video}");
    assert_ne!(video["media_id"], film);
    let unknown = client.post("media/uploadvideo", json!({ "media_id": thumb, "title": "x" })).await;
    assert_eq!(code(&unknown), 40007);
}

#[tokio::test]
async fn the_speed_of_mass_sends_has_five_steps() {
    let client = Client::new().await;
    assert_eq!(client.post_raw("message/mass/speed/get", "").await, json!({ "speed": 0, "realspeed": 80 }));
    assert_eq!(code(&client.post("message/mass/speed/set", json!({ "speed": 3 })).await), 0);
    assert_eq!(client.post_raw("message/mass/speed/get", "{}").await, json!({ "speed": 3, "realspeed": 30 }));
    assert_eq!(code(&client.post("message/mass/speed/set", json!({ "speed": 5 })).await), 45083);
    assert_eq!(code(&client.post("message/mass/speed/set", json!({})).await), 45084);
}

#[tokio::test]
async fn a_user_sees_typing_for_a_while_after_writing() {
    let client = Client::new().await;
    let type_to = |command: &str| {
        client.post("message/custom/typing", json!({ "touser": "o_reader", "command": command }))
    };
    assert_eq!(code(&type_to("Typing").await), 40003);
    let wrote = |event: Option<&str>| WechatMessage {
        appid: APPID.into(),
        openid: "o_reader".into(),
        content: Some("在吗".into()),
        event: event.map(str::to_owned),
        ..WechatMessage::default()
    };
    client.stage.handle.wechat_message(&wrote(Some("subscribe")));
    assert_eq!(code(&type_to("Typing").await), 45080, "has not written");
    client.stage.handle.wechat_message(&wrote(None));
    assert_eq!(code(&type_to("Typing").await), 0);
    assert_eq!(code(&type_to("Typing").await), 45081);
    assert_eq!((code(&type_to("CancelTyping").await), code(&type_to("Typing").await)), (0, 0));
    assert_eq!(code(&type_to("Jumping").await), 45072);
    client.stage.handle.wechat_advance(31);
    assert_eq!(code(&type_to("Typing").await), 45080);
}

#[tokio::test]
async fn counters_are_started_again_by_the_secret_in_the_body_or_in_the_query() {
    let client = Client::with(|account| account.quotas = [("/cgi-bin/draft/count".into(), 1)].into()).await;
    let url = format!("{}/cgi-bin/clear_quota/v2", client.stage.handle.wechat_url());
    let (secret, post) = ("s".repeat(32), || client.stage.client.post(&url));
    let in_query = client.stage.client.post(format!("{url}?appid={APPID}&appsecret={secret}"));
    for cleared in [post().json(&json!({ "appid": APPID, "appsecret": secret })), in_query] {
        client.get("draft/count").await;
        assert_eq!(code(&client.get("draft/count").await), 45009);
        assert_eq!(code(&read(cleared).await.1), 0);
    }
    assert_eq!(client.get("draft/count").await["total_count"], 0);
    assert_eq!(code(&read(post()).await.1), 41002);
}

#[tokio::test]
async fn an_account_may_have_its_token_from_the_start() {
    let client = Client::with(|account| {
        account.access_token = Some("75_given".into());
        account.access_token_expires_in_s = 600;
    })
    .await;
    assert_eq!(client.token, "75_given");
    let left = client.stable_token(false).await["expires_in"].as_i64().unwrap();
    assert!((570..=600).contains(&left), "{left}");
    client.stage.handle.wechat_advance(301);
    let next = client.stable_token(false).await;
    assert_ne!(next["access_token"], "75_given");
    assert_eq!(client.get("draft/count").await["total_count"], 0, "five minutes both are good");
}
