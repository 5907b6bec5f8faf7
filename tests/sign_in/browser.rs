//! The way of a person's browser: there, back, and what does not come back as it should.

use juzhen_tests::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::scene::{Scene, account, begin, brought, complete, consent, follow, notices, publish, shell};

const UID: &str = "5000000101";
const OTHER: &str = "5000000102";
const MONTH: i64 = 30 * 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn f10_f61_an_account_is_signed_in_by_a_browser_and_what_was_held_for_it_goes_on() {
    let mut scene = Scene::new(&json!([])).await;
    scene.weibo("X-a", UID, ", tier: biz", Some(MONTH)).await;
    let daemon = scene.start();
    scene.control("weibo/tokens", &json!({"token": "token-of-X-a", "end": "expired"})).await;
    let item = publish(&daemon, "今日停水", "X-a").await;
    daemon.until(&item, &["held"]).await;
    let held = account(&daemon, "X-a").await;
    assert_eq!((&held["sign_in"]["auth_needed"], &held["signed_in_until"]), (&true.into(), &Value::Null));
    assert!(held["sign_in"]["to_do_zh"].as_str().unwrap().contains("juzhen account authorize"), "{held:#}");

    let begun = begin(&daemon, "X-a").await;
    let url = begun["url"].as_str().unwrap();
    assert!(url.contains("forcelogin=true") && url.contains("juzhen.gov.example.cn%2Fauthorized"), "{url}");
    let location = consent(&begun, UID, "").await;
    let (status, page) = follow(&daemon, &location).await;
    assert_eq!((status, page.contains("授权成功")), (StatusCode::OK, true), "{page}");
    daemon.until(&item, &["published"]).await;
    let account = account(&daemon, "X-a").await;
    assert!(account["sign_in"].is_null() && account["ready"] == true, "{account:#}");
    assert!(
        account["signed_in_until"].is_string() && account["tokens"][0]["name"] == "access_token",
        "{account:#}"
    );
    assert_eq!(scene.stage.posts("今日停水").len(), 1);
    scene.stage.assert_clean();
    // A replay of the same address, as from the browser's history.
    let (status, page) = follow(&daemon, &location).await;
    assert_eq!((status, page.contains("重新发起授权")), (StatusCode::BAD_REQUEST, true), "{page}");
    // Neither code nor state is in the log.
    let brought = brought(&location);
    for part in ["code", "state"] {
        assert!(!daemon.log().contains(brought[part].as_str().unwrap()), "{part}\n{}", daemon.log());
    }
    let actions = audit(&daemon).await;
    for action in ["begun", "returned", "ended"] {
        let of =
            actions.iter().find(|row| row["action"] == format!("account.authorization_{action}")).unwrap();
        assert_eq!(of["actor"], "off.gl", "{of:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f61_before_it_ends_an_account_is_signed_in_again_by_hand_and_the_new_token_is_used() {
    let mut scene = Scene::new(&json!([])).await;
    scene.weibo("X-a", UID, ", tier: biz", Some(86_400)).await;
    let daemon = scene.start();
    let first = publish(&daemon, "第一条", "X-a").await;
    daemon.until(&first, &["published"]).await;
    // Twice, as the platform sells a new token for each code although the one before it is good.
    for expected in [1, 2] {
        let begun = begin(&daemon, "X-a").await;
        let brought = brought(&consent(&begun, UID, "").await);
        let (status, ended) = complete(&daemon, "off.gl", "X-a", brought).await;
        assert_eq!((status, &ended["uid"]), (StatusCode::OK, &json!(UID)), "{ended:#}");
        let account = account(&daemon, "X-a").await;
        assert_eq!(account["tokens"][0]["renewals"], expected, "{account:#}");
    }
    // And from a shell, with the whole address that the browser came to.
    let (code, said, complained) = shell(&scene, &daemon, &["account", "authorize", "X-a", "--json"]);
    assert_eq!(code, Some(0), "{complained}");
    let location = consent(&serde_json::from_str(&said).unwrap(), UID, "").await;
    let (code, said, complained) =
        shell(&scene, &daemon, &["account", "authorize", "X-a", "--returned", &location]);
    assert_eq!((code, said.contains("授权成功")), (Some(0), true), "{said}{complained}");
    let (code, _, complained) =
        shell(&scene, &daemon, &["account", "authorize", "X-a", "--returned", &location]);
    assert_eq!((code, complained.contains("409")), (Some(1), true), "{complained}");
    // The old one ends, and nobody misses it.
    scene.control("weibo/tokens", &json!({"token": "token-of-X-a", "end": "revoked"})).await;
    let second = publish(&daemon, "第二条", "X-a").await;
    daemon.until(&second, &["published"]).await;
    assert!(notices(&daemon, "auth_needed").await.is_empty());
    scene.stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn c19_a_state_is_good_for_its_account_and_its_person_and_once() {
    let mut scene = Scene::new(&json!([])).await;
    scene.weibo("X-a", UID, "", Some(MONTH)).await;
    scene.weibo("X-b", OTHER, "", Some(MONTH)).await;
    let daemon = scene.start();
    let begun = begin(&daemon, "X-a").await;
    let good = brought(&consent(&begun, UID, "").await);
    let with = |name: &str, value: &str| {
        let mut body = good.clone();
        body[name] = value.into();
        body
    };
    let refused = async |person: &str, id: &str, body: Value, words: &str| {
        let (status, problem) = complete(&daemon, person, id, body.clone()).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::CONFLICT, &json!("not_signed_in")),
            "{body} {problem:#}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem:#}");
    };
    for wrong in ["", "x", "X-a.", "X-a.00", "X-b.00", "X-zz.00", "../X-a.00", &"X-a.".repeat(1000)] {
        refused("off.gl", "X-a", with("state", wrong), "not known").await;
    }
    let drawn = begun["state"].as_str().unwrap().rsplit_once('.').unwrap().1.to_owned();
    refused("off.gl", "X-b", good.clone(), "not known").await;
    refused("off.gl", "X-b", with("state", &format!("X-b.{drawn}")), "not known").await;
    refused("off.zr", "X-a", good.clone(), "somebody else").await;
    // None of it has cost the person who began anything.
    let (status, ended) = complete(&daemon, "off.gl", "X-a", good.clone()).await;
    assert_eq!(status, StatusCode::OK, "{ended:#}");
    refused("off.gl", "X-a", good.clone(), "not known").await;
    // A later one takes the place of an earlier one.
    let earlier = brought(&consent(&begin(&daemon, "X-a").await, UID, "").await);
    let later = begin(&daemon, "X-a").await;
    refused("off.gl", "X-a", earlier, "not known").await;
    // A code that is not good any more costs the state, and nothing else.
    let used = json!({"code": good["code"], "state": later["state"]});
    refused("off.gl", "X-a", used.clone(), "21325").await;
    refused("off.gl", "X-a", used, "not known").await;
    assert!(
        account(&daemon, "X-a").await["sign_in"].is_null(),
        "a mistake of a person is no failure of the account"
    );
    // Who may not sign accounts in.
    for person in ["x01.xx", "off.hg"] {
        let (status, problem) = complete(&daemon, person, "X-a", good.clone()).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "{person}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c19_who_says_no_or_signs_in_as_somebody_else_leaves_the_account_what_it_had() {
    let mut scene = Scene::new(&json!([])).await;
    scene.weibo("X-a", UID, ", tier: biz", Some(MONTH)).await;
    scene.weibo("X-b", OTHER, ", tier: biz", Some(MONTH)).await;
    let daemon = scene.start();
    let begun = begin(&daemon, "X-a").await;
    let denied = consent(&begun, UID, "&deny=1").await;
    assert!(denied.contains("error=access_denied"), "{denied}");
    let (status, page) = follow(&daemon, &denied).await;
    assert_eq!((status, page.contains("拒绝授权")), (StatusCode::CONFLICT, true), "{page}");
    // The state is used up.
    let late = json!({"code": "5000000101", "state": begun["state"]});
    assert_eq!(complete(&daemon, "off.gl", "X-a", late).await.0, StatusCode::CONFLICT);

    // A good token first, so that there is something to lose.
    let (status, _) = follow(&daemon, &consent(&begin(&daemon, "X-a").await, UID, "").await).await;
    assert_eq!(status, StatusCode::OK);
    let (status, page) = follow(&daemon, &consent(&begin(&daemon, "X-a").await, OTHER, "").await).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains(OTHER) && page.contains(UID) && page.contains("退出微博"), "{page}");
    let account = account(&daemon, "X-a").await;
    assert_eq!(
        (&account["tokens"][0]["renewals"], account["sign_in"].is_null()),
        (&json!(1), true),
        "{account:#}"
    );
    // Both publish as before, each with its own token.
    for (id, text) in [("X-a", "甲号停水"), ("X-b", "乙号停水")] {
        let item = publish(&daemon, text, id).await;
        daemon.until(&item, &["published"]).await;
    }
    let of = |text: &str| scene.stage.posts(text)[0].account.clone();
    assert_eq!((of("甲号停水").as_str(), of("乙号停水").as_str()), (UID, OTHER));
    // A browser without anything to say.
    for path in
        ["/authorized", "/authorized?code=1", "/authorized?state=%00&code=1", "/authorized?state=X-a.0"]
    {
        let (status, _) = follow(&daemon, &format!("{}{path}", crate::scene::OUTSIDE)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
    }
    eventually("the audit has both", async || {
        audit(&daemon).await.iter().any(|row| row["detail"]["ok"] == false)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f61_what_was_planned_before_anybody_signed_the_account_in_waits_for_that() {
    let mut scene = Scene::new(&json!([])).await;
    scene.weibo("X-a", UID, ", tier: biz", None).await;
    let daemon = scene.start();
    let item = publish(&daemon, "今日停水", "X-a").await;
    daemon.until(&item, &["held"]).await;
    assert_eq!(account(&daemon, "X-a").await["sign_in"]["auth_needed"], true);
    let (status, page) = follow(&daemon, &consent(&begin(&daemon, "X-a").await, UID, "").await).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    daemon.until(&item, &["published"]).await;
    assert_eq!(notices(&daemon, "auth_needed").await.len(), 1);
    scene.stage.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_sign_in_by_a_browser_says_what_is_missing() {
    let mut scene = Scene::new(&json!([])).await;
    let wechat = format!("{{base_url: \"{}\", appid: wxa}}", scene.stage.handle.wechat_url());
    scene.account("X-w", "wechat", "gh_a", &wechat, "app_secret: \"file:app\"");
    let weibo = format!("{{base_url: \"{}\"}}", scene.url());
    scene.account("X-n", "weibo", UID, &weibo, "");
    let daemon = scene.start();
    for (id, words) in [("X-w", "juzhen secret set"), ("X-n", "app_key")] {
        let path = format!("/api/v1/accounts/{id}/authorizations");
        let (status, problem) = daemon.call("off.gl", "POST", &path, Some(json!({}))).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::CONFLICT, &json!("not_signed_in")),
            "{problem:#}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem:#}");
    }
}

async fn audit(daemon: &juzhen_tests::Daemon) -> Vec<Value> {
    let (status, rows) = daemon.call("off.zr", "GET", "/api/v1/audit?limit=200", None).await;
    assert!(status.is_success(), "{rows:#}");
    let rows = rows.get("rows").or_else(|| rows.get("audit")).unwrap_or(&rows).as_array().unwrap().clone();
    rows.into_iter()
        .filter(|row| row["action"].as_str().unwrap().starts_with("account.authorization"))
        .collect()
}
