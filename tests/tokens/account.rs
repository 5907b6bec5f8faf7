//! A district with one account whose tokens the platform lets expire.

use std::fs;
use std::time::Duration;

use juzhen_sandbox::{Expectation, TokenFlow};
use juzhen_tests::{Api, District, Stage, eventually};
use serde_json::Value;

/// The account.
pub(crate) const ACCOUNT: &str = "W015";
/// The token that its staff gave at first.
pub(crate) const FIRST: &str = "token of W015";
/// So begins every token that the platform hands out for it.
pub(crate) const ISSUED: &str = "issued-W015-";

pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) district: District,
}

impl Scene {
    /// The first token is good, and `secret-1` buys the next.
    pub(crate) async fn new() -> Self {
        let stage = Stage::start().await;
        let district = District::new(&stage.mock_url());
        let scene = Self { stage, district };
        scene.give(FIRST, "secret-1");
        let unit = "code: D07\nname: 单位D07\nshort_name: D07\ncategory: department\n\
            people:\n  - {id: d07.xx, name: 测试员, roles: [info_officer]}\n\
            accounts:\n  - {id: W015, platform: weibo, name: 账号W015, uid: W015, status: active, secrets: \
            {access_token: \"file:W015.token\", app_secret: \"file:W015.app\"}}\n";
        scene.district.write("units/D07.yaml", unit);
        scene.flow("secret-1", true, false);
        scene
    }

    /// From now on the platform sells tokens for this secret; `first`: the staff's token is good meanwhile.
    pub(crate) fn flow(&self, app_secret: &str, first: bool, once: bool) {
        let flow = TokenFlow {
            app_secret: app_secret.into(),
            lifetime_ms: 3_600_000,
            grace_ms: 0,
            once,
            first: first.then(|| FIRST.into()),
        };
        self.stage.handle.issue_tokens(ACCOUNT, flow);
    }

    /// What the staff put into the secrets folder.
    pub(crate) fn give(&self, token: &str, app_secret: &str) {
        for (name, value) in [("W015.token", token), ("W015.app", app_secret)] {
            let (beside, place) =
                (self.district.path("secrets").join(".new"), self.district.path("secrets").join(name));
            fs::write(&beside, value).unwrap();
            fs::rename(beside, place).unwrap();
        }
    }

    /// Plans an item of this text on the account; its id.
    pub(crate) async fn publish(&self, api: &Api, text: &str) -> String {
        self.stage.handle.expect([Expectation::of(ACCOUNT, "", text)]).unwrap();
        api.publish("d07.xx", text, &[ACCOUNT], Duration::from_millis(100)).await
    }

    /// Requests for a token that reached the platform.
    pub(crate) fn renewals(&self) -> u64 {
        let requests = self.stage.ledger().requests;
        requests.get("POST /mock/v1/accounts/{uid}/token").map_or(0, |count| count.total)
    }

    /// Each of these texts is out once, and the judge has nothing to say.
    pub(crate) fn assert_once(&self, texts: &[&str]) {
        for text in texts {
            assert_eq!(self.stage.posts(text).len(), 1, "{text}");
        }
        self.stage.assert_clean();
    }
}

/// The one delivery of an item, with its attempts.
pub(crate) async fn delivery(api: &Api, item: &str) -> Value {
    let list = api.get(&format!("/api/v1/deliveries?item={item}")).await;
    let id = list["deliveries"][0]["id"].as_str().unwrap().to_owned();
    api.get(&format!("/api/v1/deliveries/{id}")).await
}

/// Waits until the delivery is held for its account, which has to sign in.
pub(crate) async fn until_held(api: &Api, item: &str) -> Value {
    eventually("the delivery is held because its account has to sign in", async || {
        let seen = delivery(api, item).await;
        seen["state"] == "held"
            && seen["reason"].as_str().is_some_and(|said| said.starts_with("auth_expired: "))
    })
    .await;
    delivery(api, item).await
}
