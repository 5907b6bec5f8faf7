//! The seed file's part about WeChat.

use juzhen_sandbox::wechat::{AccountSeed, CallbackMode, Kind};
use juzhen_sandbox::{SandboxOptions, Seed};
use serde_json::json;

use crate::client::{Client, code};
use crate::common::Stage;

/// What a seed file with this text says.
fn read(text: &str) -> Result<Seed, String> {
    let path =
        std::env::temp_dir().join(format!("juzhen-wechat-seed-{}-{}.yaml", std::process::id(), text.len()));
    std::fs::write(&path, text).unwrap();
    let seed = Seed::read(&path).map_err(|fault| fault.to_string());
    std::fs::remove_file(&path).unwrap();
    seed
}

#[tokio::test]
async fn the_sample_seed_has_every_key_and_its_account_is_there_instead_of_the_usual_one() {
    let seed = read(include_str!("../../seed.example.yaml")).unwrap();
    let account = seed.wechat.accounts[0].clone();
    assert_eq!(
        (account.kind, account.callback.as_ref().unwrap().mode),
        (Kind::Subscription, CallbackMode::Safe)
    );
    let named = include_str!("../../seed.example.yaml");
    let keys = serde_json::to_value(&account).unwrap();
    let callback = keys["callback"].as_object().unwrap().keys();
    for key in keys.as_object().unwrap().keys().chain(callback) {
        assert!(
            named.contains(&format!(" {key}: ")) || named.contains(&format!(" {key}:\n")),
            "{key} is not shown"
        );
    }
    let stage = Stage::with(SandboxOptions { seed, ..SandboxOptions::default() }).await;
    let client = Client { stage, token: String::new() };
    assert_eq!(code(&client.stable_token(false).await), 40013);
    let query = format!("grant_type=client_credential&appid={}&secret={}", account.appid, account.secret);
    let url = format!("{}/cgi-bin/token?{query}", client.stage.handle.wechat_url());
    let answer = crate::common::read(client.stage.client.get(url)).await.1;
    assert_eq!(answer["expires_in"], 7_200);
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let cases = [
        (
            "wechat: { accounts: [{ appid: wx1 }, { appid: wx1 }] }",
            "wechat.accounts[1].appid: wx1 is there twice",
        ),
        ("wechat: { accounts: [{ appid: wx1, secrets: x }] }", "secrets"),
        ("wechat: { accounts: [{ appid: 'wx 1' }] }", "wechat.accounts[0]: `appid`"),
        ("wechat: { accounts: [{ appid: wx1, publish_status: 1 }] }", "`publish_status` is 0, 2, 3 or 4"),
        ("wechat: { accounts: [{ appid: wx1, ip_allow_list: [10.0.0] }] }", "\"10.0.0\""),
        ("wechat: { accounts: [{ appid: wx1, quotas: { /cgi-bin/x: 1 } }] }", "\"/cgi-bin/x\""),
        (
            "wechat: { accounts: [{ appid: wx1, callback: { url: 'http://a', token: abc } }] }",
            "43 characters",
        ),
        ("wechat: { accounts: [{ appid: wx1, callback: { url: a, token: abc } }] }", "`callback.url`"),
    ];
    for (text, reason) in cases {
        let fault = read(text).unwrap_err();
        assert!(fault.contains(reason), "{text}: {fault}");
    }
}

#[test]
fn an_account_is_written_as_it_is_read() {
    let account: AccountSeed = serde_json::from_value(json!({ "appid": "wx1" })).unwrap();
    assert_eq!(account, AccountSeed { appid: "wx1".into(), ..AccountSeed::default() });
    let again: AccountSeed = serde_json::from_value(serde_json::to_value(&account).unwrap()).unwrap();
    assert_eq!(again, account);
}
