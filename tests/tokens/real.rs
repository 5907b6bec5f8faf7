//! A district with one account on the stand-in of Weibo or of WeChat, by the real adapter.

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use juzhen_sandbox::wechat::{AccountSeed, article_text};
use juzhen_sandbox::{EffectKind, Expectation};
use juzhen_tests::{Api, District, Stage, client};
use serde_json::{Value, json};

use crate::account::delivery;

const SOON: Duration = Duration::from_millis(200);
/// Where the account's token, or what buys one, lies.
const SECRET: &str = "real.secret";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Weibo,
    Wechat,
}

/// The scene of one test.
pub(crate) struct Real {
    pub(crate) stage: Stage,
    pub(crate) district: District,
    platform: Platform,
}

impl Platform {
    /// The account's id in the settings.
    pub(crate) fn account(self) -> &'static str {
        match self {
            Self::Weibo => "W300",
            Self::Wechat => "X300",
        }
    }

    /// Its id on the platform.
    pub(crate) fn uid(self) -> &'static str {
        match self {
            Self::Weibo => "5000000300",
            Self::Wechat => "wx0300",
        }
    }

    /// What a delivery is once the platform has taken it.
    fn taken(self) -> &'static [&'static str] {
        match self {
            Self::Weibo => &["published"],
            Self::Wechat => &["accepted", "published"],
        }
    }
}

impl Real {
    /// The account is signed in with `secret`.
    pub(crate) async fn new(platform: Platform, secret: &str) -> Self {
        let stage = Stage::start().await;
        let district = District::new(&stage.mock_url());
        let (name, settings) = match platform {
            Platform::Weibo => ("weibo", format!("base_url: \"{}\", tier: biz", stage.handle.weibo_url())),
            Platform::Wechat => {
                let (base, appid) = (stage.handle.wechat_url(), platform.uid());
                ("wechat", format!("base_url: \"{base}\", appid: {appid}"))
            }
        };
        district.install(name);
        let (account, uid) = (platform.account(), platform.uid());
        let of = if platform == Platform::Weibo { "access_token" } else { "app_secret" };
        let unit = format!(
            "code: D07\nname: 单位D07\nshort_name: D07\ncategory: department\n\
             people:\n  - {{id: d07.xx, name: 测试员, roles: [info_officer]}}\n\
             accounts:\n  - {{id: {account}, platform: {name}, adapter: {name}, name: 账号, uid: \"{uid}\", status: active, \
             settings: {{{settings}}}, secrets: {{{of}: \"file:{SECRET}\"}}}}\n"
        );
        let scene = Self { stage, district, platform };
        scene.let_in(secret).await;
        scene.give(secret);
        scene.district.write("units/D07.yaml", &unit);
        scene
    }

    /// From now on the platform takes this: a token of Weibo, a secret that buys one of WeChat.
    pub(crate) async fn let_in(&self, secret: &str) {
        let uid = self.platform.uid();
        match self.platform {
            Platform::Weibo => {
                let token = json!({"app": "1352222456", "token": secret});
                self.control("accounts", &json!({"uid": uid, "name": "账号", "tokens": [token]})).await;
            }
            Platform::Wechat => {
                let (appid, secret) = (uid.to_owned(), secret.to_owned());
                let account = AccountSeed { appid, secret, ..AccountSeed::default() };
                self.stage.handle.wechat_account(account).unwrap();
            }
        }
    }

    /// What the staff put into the secrets folder.
    pub(crate) fn give(&self, secret: &str) {
        let folder = self.district.path("secrets");
        fs::write(folder.join(".new"), secret).unwrap();
        fs::rename(folder.join(".new"), folder.join(SECRET)).unwrap();
    }

    /// Weibo ends a token: `expired`, `revoked`.
    pub(crate) async fn end(&self, token: &str, end: &str) {
        self.control("tokens", &json!({"token": token, "end": end})).await;
    }

    async fn control(&self, path: &str, body: &Value) {
        let control = self.stage.handle.weibo_url().replace("/weibo", "/control/weibo");
        let answer = client().post(format!("{control}/{path}")).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// Plans an item on the account; its id.
    pub(crate) async fn publish(&self, api: &Api, text: &str) -> String {
        let (uid, account) = (self.platform.uid(), self.platform.account());
        let (expected, variants) = match self.platform {
            Platform::Weibo => (Expectation::of(uid, "", text), json!({"weibo": {"text": text}})),
            Platform::Wechat => {
                let article = Expectation::of(uid, text, &article_text(&format!("<p>{text}。</p>")));
                let picture = api.picture("d07.xx").await;
                let wechat = json!({"title": text, "text": format!("{text}。"), "media": [picture]});
                (article, json!({"wechat": wechat}))
            }
        };
        self.stage.handle.expect([expected]).unwrap();
        let item = json!({"variants": variants, "targets": [account]});
        let (status, body) = api.call("d07.xx", "POST", "/api/v1/items", Some(item)).await;
        assert!(status.is_success(), "{body:#}");
        let id = body["id"].as_str().unwrap().to_owned();
        let (status, body) = api.approve(&id, SOON).await.unwrap();
        assert!(status.is_success(), "{body:#}");
        id
    }

    /// Plans several at the same time; their ids.
    pub(crate) async fn publish_all(&self, api: &Api, texts: &[String]) -> Vec<String> {
        join_all(texts.iter().map(|text| self.publish(api, text))).await
    }

    /// Waits until the platform has taken each.
    pub(crate) async fn taken(&self, api: &Api, items: &[String]) {
        for item in items {
            api.until(item, self.platform.taken()).await;
        }
    }

    /// The platform has taken each with one attempt, and the public reads each.
    pub(crate) async fn in_one_attempt(&self, api: &Api, items: &[String]) {
        self.taken(api, items).await;
        for item in items {
            let seen = delivery(api, item).await;
            assert_eq!(seen["attempts"].as_array().unwrap().len(), 1, "{seen:#}");
        }
    }

    /// Each is published, is out once, in the order in which they were planned if that is asked for, and nothing else is.
    pub(crate) async fn once_each(&self, api: &Api, items: &[String], texts: &[String], ordered: bool) {
        for item in items {
            api.until(item, &["published"]).await;
        }
        let effects = self.stage.ledger().effects.into_iter().filter(|one| one.kind == EffectKind::Post);
        let mut out: Vec<String> = effects.map(|one| one.title.unwrap_or(one.text)).collect();
        let mut planned = texts.to_vec();
        if !ordered {
            out.sort();
            planned.sort();
        }
        assert_eq!(out, planned);
        self.stage.assert_clean();
    }

    /// Requests for a token that reached WeChat, also a third party's.
    pub(crate) fn bought(&self) -> u64 {
        let requests = self.stage.ledger().requests;
        requests.get("POST /wechat/cgi-bin/stable_token").map_or(0, |count| count.total)
    }

    /// The account as people see it.
    pub(crate) async fn seen(&self, api: &Api) -> Value {
        api.get(&format!("/api/v1/accounts/{}", self.platform.account())).await
    }
}

/// `第1条`, `第2条` …
pub(crate) fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("第{number}条通知")).collect()
}

/// Times that somebody was told that the account has to sign in.
pub(crate) async fn told(api: &Api) -> usize {
    let notices = api.get("/api/v1/notices").await;
    notices["notices"].as_array().unwrap().iter().filter(|one| one["kind"] == "auth_needed").count()
}
