//! What a live look at an account says of each cause, on Weibo and on WeChat: one line each, and an exit code.

use juzhen_sandbox::wechat::AccountSeed;
use juzhen_sandbox::{Fault, Match, Rule};
use juzhen_tests::Daemon;
use serde_json::{Value, json};

use crate::scene::{Scene, check, shell};

const DAY: i64 = 86_400;
/// An address where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

/// Kind, whether it blocks, and what its line says.
type Line = (&'static str, bool, &'static str);

struct Case {
    /// Of the account.
    id: &'static str,
    lines: &'static [Line],
}

const fn case(id: &'static str, lines: &'static [Line]) -> Case {
    Case { id, lines }
}

/// Of these lines all are there, in this order, and no other.
async fn compare(daemon: &Daemon, cases: &[Case]) {
    for Case { id, lines } in cases {
        let seen = check(daemon, id).await;
        let found: Vec<&Value> = seen["findings"].as_array().unwrap().iter().collect();
        assert_eq!(found.len(), lines.len(), "{id}: {seen:#}");
        for (found, (kind, blocks, words)) in found.iter().zip(*lines) {
            let text = found["text"].as_str().unwrap();
            assert_eq!((&found["kind"], &found["blocks"]), (&json!(kind), &json!(blocks)), "{id}: {seen:#}");
            assert!(text.contains(words) && !text.contains('\n'), "{id}: {text} has not {words}");
        }
        assert_eq!(seen["ok"], !lines.iter().any(|(_, blocks, _)| *blocks), "{id}: {seen:#}");
        let kept = daemon.get(&format!("/api/v1/accounts/{id}")).await;
        assert_eq!(kept["check"]["findings"], seen["findings"], "what was found is kept");
    }
}

fn apps() -> Value {
    let app = |key: &str, more: Value| {
        let mut app = json!({"key": key, "secret": "secret", "any_code": true,
            "redirect_uris": ["https://juzhen.gov.example.cn/authorized"], "safe_domains": ["gov.example.cn"]});
        more.as_object().unwrap().iter().for_each(|(name, value)| app[name] = value.clone());
        app
    };
    json!([
        app("1000000001", json!({"tiers": ["open"]})),
        app("1000000002", json!({"level": "test"})),
        app("1000000003", json!({"limits": {"user_day": 0}})),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn f61_f70_each_cause_on_weibo_reads_as_one_line() {
    let mut scene = Scene::new(&apps()).await;
    let uid = |number: u32| format!("50000002{number:02}");
    scene.weibo("X-fine", &uid(1), ", tier: biz", Some(30 * DAY)).await;
    scene.weibo("X-open", &uid(2), "", Some(30 * DAY)).await;
    scene.weibo("X-soon", &uid(3), ", tier: biz", Some(5 * DAY)).await;
    scene.weibo("X-expired", &uid(4), ", tier: biz", Some(-5)).await;
    scene.weibo("X-revoked", &uid(5), ", tier: biz", Some(30 * DAY)).await;
    scene.control("weibo/tokens", &json!({"token": "token-of-X-revoked", "end": "revoked"})).await;
    scene.weibo("X-none", &uid(6), ", tier: biz", None).await;
    scene.weibo("X-tier", &uid(7), ", tier: biz, app_key: \"1000000001\"", Some(30 * DAY)).await;
    scene.weibo("X-unreviewed", &uid(8), ", tier: biz, app_key: \"1000000002\"", Some(DAY)).await;
    scene.weibo("X-quota", &uid(9), ", tier: granted, app_key: \"1000000003\"", Some(30 * DAY)).await;
    scene.weibo("X-word", &uid(10), ", tier: gold", Some(30 * DAY)).await;
    scene.weibo("X-address", &uid(11), ", tier: biz", Some(30 * DAY)).await;
    scene.weibo("X-captcha", &uid(12), ", tier: biz", Some(30 * DAY)).await;
    for (number, code) in [(11, 10004), (12, 20031)] {
        let matching = Match { account: Some(uid(number)), ..Match::default() };
        let fault = Fault::PlatformError { code, message: None, applied: false, late_ms: None };
        scene.stage.handle.fault(Rule { matching, times: None, chance: None, fault }).unwrap();
    }
    // The token of one account in the settings of another, an address where nobody listens, and one of another platform.
    let bases = [scene.url(), NOBODY.to_owned(), scene.stage.mock_url()];
    for ((name, number), base) in [("other", 13), ("nowhere", 14), ("elsewhere", 15)].into_iter().zip(bases) {
        scene.secret(name, "token-of-X-fine");
        let settings = format!("{{base_url: \"{base}\", tier: biz}}");
        scene.account(
            &format!("X-{name}"),
            "weibo",
            &uid(number),
            &settings,
            &format!("access_token: \"file:{name}\""),
        );
    }
    let daemon = scene.start();
    compare(
        &daemon,
        &[
            case("X-fine", &[]),
            case("X-open", &[("note", false, "安全域名")]),
            case("X-soon", &[("expiry", false, "不到 5 天到期")]),
            case("X-expired", &[("sign_in", true, "令牌已过期")]),
            case("X-revoked", &[("sign_in", true, "令牌无效")]),
            case("X-none", &[("sign_in", true, "juzhen account authorize")]),
            case(
                "X-tier",
                &[
                    ("permission", true, "发布：应用没有此接口的权限"),
                    ("permission", true, "转发：应用没有此接口的权限"),
                    ("permission", true, "删除：应用没有此接口的权限"),
                ],
            ),
            case("X-unreviewed", &[("permission", true, "未通过审核")]),
            case("X-quota", &[("quota", true, "次数已用完")]),
            case("X-word", &[("setting", true, "tier")]),
            case("X-address", &[("permission", true, "公网地址被微博限制")]),
            case("X-captcha", &[("permission", true, "验证码")]),
            case("X-other", &[("permission", true, "令牌属于账号 5000000201")]),
            case("X-nowhere", &[("unreachable", true, "连不上平台")]),
            case("X-elsewhere", &[("unreachable", true, "没有正常答复")]),
        ],
    )
    .await;
    // Those that are signed out are held at once, and people know.
    let signed_out = daemon.get("/api/v1/status").await["signed_out_accounts"].clone();
    assert_eq!(signed_out, json!(["X-expired", "X-none", "X-revoked"]));
    exit_codes(&scene, &daemon);
    scene.stage.assert_clean();
    assert!(scene.stage.ledger().effects.is_empty(), "a look leaves nothing");
}

fn exit_codes(scene: &Scene, daemon: &Daemon) {
    for (id, code, words) in [
        ("X-fine", Some(0), "可以发布，授权到"),
        ("X-soon", Some(0), "[到期] 授权还有不到 5 天到期"),
        ("X-tier", Some(1), "[权限] 转发：应用没有此接口的权限"),
        ("X-unknown", Some(1), "404"),
    ] {
        for json in [false, true] {
            let arguments = ["adapter", "check-account", id, "--json"];
            let arguments = if json { &arguments[..] } else { &arguments[..3] };
            let (ended, said, complained) = shell(scene, daemon, arguments);
            assert_eq!(ended, code, "{id}: {said}{complained}");
            if json {
                let document: Value = serde_json::from_str(&said).unwrap();
                assert!(id == "X-unknown" || document["ok"] == (code == Some(0)), "{document}");
            } else {
                assert!(said.contains(words) || complained.contains(words), "{id}: {said}{complained}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f61_f70_each_cause_on_wechat_reads_as_one_line() {
    let mut scene = Scene::new(&json!([])).await;
    let none = || [("/cgi-bin/freepublish/submit".to_owned(), 0)].into();
    let seeds = [
        ("fine", AccountSeed::default()),
        ("list", AccountSeed { ip_allow_list: vec!["192.0.2.0/24".into()], ..AccountSeed::default() }),
        ("rights", AccountSeed { verified: false, ..AccountSeed::default() }),
        ("quota", AccountSeed { quotas: none(), ..AccountSeed::default() }),
        ("secret", AccountSeed::default()),
        ("frozen", AccountSeed::default()),
        ("given", AccountSeed::default()),
        ("deaf", AccountSeed::default()),
        ("nowhere", AccountSeed::default()),
    ];
    for (name, seed) in seeds {
        let (appid, secret) = (format!("wx{name}"), format!("secret of {name}"));
        scene.stage.handle.wechat_account(AccountSeed { appid, secret: secret.clone(), ..seed }).unwrap();
        if name != "given" {
            scene.secret(name, if name == "secret" { "a wrong one" } else { &secret });
        }
    }
    // A frozen secret, as the platform says it.
    let matching = Match { account: Some("wxfrozen".into()), ..Match::default() };
    let fault = Fault::PlatformError { code: 40243, message: None, applied: false, late_ms: None };
    scene.stage.handle.fault(Rule { matching, times: None, chance: None, fault }).unwrap();
    scene.secret("appid", "any");
    let base = scene.stage.handle.wechat_url();
    for name in ["fine", "list", "rights", "quota", "secret", "frozen", "appid", "given", "deaf", "nowhere"] {
        let base = if name == "nowhere" { NOBODY } else { &base };
        let settings = format!("{{base_url: \"{base}\", appid: wx{name}}}");
        let mut secrets = format!("app_secret: \"file:{name}\"");
        if name != "deaf" {
            scene.secret(&format!("{name}.push"), &format!("token of pushes to {name}"));
            secrets += &format!(", callback_token: \"file:{name}.push\"");
        }
        scene.account(&format!("X-{name}"), "wechat", &format!("gh_{name}"), &settings, &secrets);
    }
    let daemon = scene.start();
    compare(
        &daemon,
        &[
            case("X-fine", &[]),
            case("X-list", &[("address", true, "本机地址 127.0.0.1：")]),
            case("X-rights", &[("permission", true, "发布：公众号没有此接口的权限")]),
            case("X-quota", &[("quota", true, "发布：今日 0 次额度已用完")]),
            case("X-secret", &[("secret", true, "AppSecret 无效")]),
            case("X-frozen", &[("permission", true, "AppSecret 已被冻结")]),
            case("X-appid", &[("permission", true, "AppID 无效")]),
            case("X-given", &[("secret", true, "没有录入 app_secret")]),
            case("X-deaf", &[("note", false, "没有录入回调的 Token")]),
            case("X-nowhere", &[("unreachable", true, "连不上平台")]),
        ],
    )
    .await;
    scene.stage.assert_clean();
}
