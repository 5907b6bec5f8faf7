//! The seed file: what it sets, and what it says about mistakes.

use serde_json::json;

use crate::client::{Weibo, code, seed, seeded};

#[tokio::test]
async fn a_seed_sets_apps_accounts_tokens_and_faults_and_json_is_yaml() {
    let yaml = "
# yaml-language-server: none
weibo:
  apps:
    - key: '99'
      secret: s3
      name: 某区政务
      owner: '6000000001'
      redirect_uris: [https://x.test/back]
      safe_domains: [x.test]
      tiers: [open]
      level: reviewed
      limits: { publish_hour: 5 }
  accounts:
    - { uid: '6000000001', name: 某区, tokens: [{ app: '99', token: owned }] }
    - { uid: '6000000002', name: 某街道, verified_reason: 某街道办, tokens: [{ app: '99', token: short, expires_in_s: 60 }] }
faults:
  - { match: { text_contains: 坏 }, times: 1, do: { kind: platform_error, code: 20018 } }
";
    let as_json = json!({ "weibo": { "apps": [{ "key": "99", "secret": "s3", "redirect_uris": [] }] } });
    assert!(seed(&as_json.to_string()).is_ok());
    let stage = seeded(yaml).await;
    let owner = Weibo { stage: &stage, token: "owned".into() };
    let (_, info) = owner.post("oauth2/get_token_info", &[]).await;
    assert!(info["expire_in"].as_i64().unwrap() > 157_600_000, "five years: {info}");
    let street = Weibo { stage: &stage, token: "short".into() };
    let (status, post) = street.post("2/statuses/share.json", &[("status", "好 https://x.test/1 ")]).await;
    assert_eq!((status, &post["user"]["screen_name"]), (200, &json!("某街道")));
    assert!(post["source"].as_str().unwrap().contains("某区政务"), "{post}");
    let bad = [("status", "坏 https://x.test/2 ")];
    assert_eq!(code(&street.post("2/statuses/share.json", &bad).await), (400, 20018));
    stage.handle.reset();
    assert_eq!(
        code(&street.post("2/statuses/share.json", &bad).await),
        (400, 20018),
        "a reset begins with the seed"
    );
}

#[tokio::test]
async fn the_sample_has_no_mistakes_and_its_tokens_are_good_and_expired() {
    let stage = seeded(include_str!("../../seed.example.yaml")).await;
    let own = [("status", "一 https://gov.example.cn/1 ")];
    let (good, old) = ("2.00district", "2.00street");
    let of = |token: &str| Weibo { stage: &stage, token: token.into() };
    assert_eq!(code(&of(good).post("2/statuses/share.json", &own).await), (400, 20053));
    assert_eq!(code(&of(old).post("2/statuses/share.json", &own).await), (403, 21327));
}

#[test]
fn mistakes_are_told_with_their_place_and_what_to_do() {
    let app = "{key: '1', secret: s, redirect_uris: []}";
    // the file, and what is said about it
    let cases = [
        ("weibo: {apps: [], wat: 1}".to_owned(), ["wat", "apps"]),
        ("weibow: {}".to_owned(), ["weibow", "weibo"]),
        (format!("weibo: {{apps: [{app}, {app}]}}"), ["weibo.apps[1].key", "take one out"]),
        (
            "weibo:\n  apps:\n    - {key: '1', secret: s, redirect_uris: [], tiers: [everything]}".into(),
            ["everything", "line 3"],
        ),
        ("weibo: {apps: [{key: abc, secret: s, redirect_uris: []}]}".into(), ["weibo.apps[0].key", "digits"]),
        (
            "weibo: {apps: [{key: '1', secret: s, redirect_uris: [gov.cn]}]}".into(),
            ["redirect_uris", "http://"],
        ),
        (
            format!(
                "weibo: {{apps: [{app}], accounts: [{{uid: '7', name: x, tokens: [{{app: '2', token: t}}]}}]}}"
            ),
            ["weibo.accounts[0].tokens", "add it to `apps`"],
        ),
        ("faults: [{times: 0, do: {kind: hang}}]".into(), ["faults[0]", "`times`"]),
        ("faults: [{do: {kind: explode}}]".into(), ["explode", "hang"]),
    ];
    for (file, wanted) in cases {
        let said = seed(&file).expect_err(&file);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(wanted.iter().all(|part| said.contains(part)), "{file}\nsaid {said:?}\nwithout {wanted:?}");
    }
}
