//! A district with accounts on Weibo and WeChat, and the browser of the person who signs them in.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use juzhen_sandbox::{SandboxOptions, Seed};
use juzhen_tests::{Daemon, District, Stage, client, juzhen};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Where the daemon is said to be from outside: what stands before it there is the test's to play.
pub(crate) const OUTSIDE: &str = "https://juzhen.gov.example.cn";
pub(crate) const KEY: &str = "1352222456";
const LINK: &str = "https://gov.example.cn/notice/1";

pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) district: District,
    accounts: String,
}

impl Scene {
    /// With apps as in `weibo.apps` of a seed, beside the one that has everything.
    pub(crate) async fn new(apps: &Value) -> Self {
        let mut all = vec![json!({"key": KEY, "secret": "secret", "any_code": true,
            "redirect_uris": ["https://juzhen.gov.example.cn/authorized"], "safe_domains": ["gov.example.cn"]})];
        all.extend(apps.as_array().unwrap().iter().cloned());
        let seed: Seed = serde_json::from_value(json!({"weibo": {"apps": all}})).unwrap();
        let stage = Stage::start_with(SandboxOptions { seed, ..SandboxOptions::default() }).await;
        let district = District::new(&stage.mock_url());
        district.install("weibo");
        district.install("wechat");
        let text = district.read("district.yaml").replace(
            "server: {listen: \"127.0.0.1:0\"}",
            &format!("server: {{listen: \"127.0.0.1:0\", public_url: \"{OUTSIDE}\"}}"),
        );
        district.write("district.yaml", text.trim_end().trim_end_matches("..."));
        std::fs::write(district.path("secrets").join("app"), "secret").unwrap();
        Self { stage, district, accounts: String::new() }
    }

    /// An account on Weibo, with a token that Weibo gave it for so many seconds, or none.
    pub(crate) async fn weibo(&mut self, id: &str, uid: &str, more: &str, expires_in_s: Option<i64>) {
        let app = if more.contains("app_key") { "" } else { ", app_key: \"1352222456\"" };
        let settings = format!("{{base_url: \"{}\"{app}{more}}}", self.stage.handle.weibo_url());
        let mut secrets = "app_secret: \"file:app\"".to_owned();
        if let Some(seconds) = expires_in_s {
            let key = more.split("app_key: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or(KEY);
            let token = format!("token-of-{id}");
            let tokens = json!([{"app": key, "token": token, "expires_in_s": seconds}]);
            self.control("weibo/accounts", &json!({"uid": uid, "name": id, "tokens": tokens})).await;
            self.secret(id, &token);
            secrets += &format!(", access_token: \"file:{id}\"");
        }
        self.account(id, "weibo", uid, &settings, &secrets);
    }

    /// A value that somebody gives.
    pub(crate) fn secret(&self, file: &str, value: &str) {
        std::fs::write(self.district.path("secrets").join(file), value).unwrap();
    }

    pub(crate) fn account(&mut self, id: &str, platform: &str, uid: &str, settings: &str, secrets: &str) {
        self.accounts += &format!(
            "  - {{id: {id}, platform: {platform}, adapter: {platform}, name: 账号{id}, uid: \"{uid}\", status: active, \
             settings: {settings}, secrets: {{{secrets}}}}}\n"
        );
    }

    pub(crate) fn start(&self) -> Daemon {
        let people = "  - {id: x01.xx, name: 测试员, roles: [info_officer]}\n";
        let unit = format!(
            "code: X01\nname: 单位\nshort_name: X01\ncategory: resident\npeople:\n{people}accounts:\n{}",
            self.accounts
        );
        self.district.write("units/X01.yaml", &unit);
        Daemon::start(&self.district)
    }

    /// The script's side of the stand-ins.
    pub(crate) async fn control(&self, path: &str, body: &Value) {
        let url = format!("{}control/{path}", self.stage.handle.page_url());
        let answer = client().post(url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    pub(crate) fn url(&self) -> String {
        self.stage.handle.weibo_url()
    }
}

/// The command line as the account's administrator: exit code, and what it said on both ways.
pub(crate) fn shell(scene: &Scene, daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, String, String) {
    let token = scene.district.path("token-of-off.gl");
    std::fs::write(&token, daemon.token("off.gl")).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(juzhen());
    command.args(arguments).args(["--server", &daemon.url(), "--token-file"]).arg(&token);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What the account's administrator gets who begins.
pub(crate) async fn begin(daemon: &Daemon, account: &str) -> Value {
    let path = format!("/api/v1/accounts/{account}/authorizations");
    let (status, begun) = daemon.call("off.gl", "POST", &path, Some(json!({}))).await;
    assert!(status.is_success(), "{status} {begun:#}");
    begun
}

/// The address that Weibo sends the browser to, when the person signs in as `uid` and says yes, or no.
pub(crate) async fn consent(begun: &Value, uid: &str, says: &str) -> String {
    let page = begun["url"].as_str().unwrap();
    let no_redirect = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    drop(client());
    let browser = no_redirect.build().unwrap();
    let answer = browser.get(format!("{page}&login_uid={uid}{says}")).send().await.unwrap();
    assert!(answer.status().is_redirection(), "{}", answer.status());
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// The browser goes there: what stands before the daemon hands it on.
pub(crate) async fn follow(daemon: &Daemon, location: &str) -> (StatusCode, String) {
    let path = location.strip_prefix(OUTSIDE).unwrap();
    let answer = client().get(format!("{}{path}", daemon.url())).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// `code` and `state` of such an address.
pub(crate) fn brought(location: &str) -> Value {
    let url = reqwest::Url::parse(location).unwrap();
    let of = |name: &str| url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
    json!({"code": of("code"), "state": of("state")})
}

pub(crate) async fn complete(
    daemon: &Daemon,
    person: &str,
    account: &str,
    body: Value,
) -> (StatusCode, Value) {
    let path = format!("/api/v1/accounts/{account}/authorizations/complete");
    daemon.call(person, "POST", &path, Some(body)).await
}

pub(crate) async fn account(daemon: &Daemon, id: &str) -> Value {
    daemon.get(&format!("/api/v1/accounts/{id}")).await
}

pub(crate) async fn check(daemon: &Daemon, id: &str) -> Value {
    let (status, body) =
        daemon.call("off.gl", "POST", &format!("/api/v1/accounts/{id}/check"), Some(json!({}))).await;
    assert!(status.is_success(), "{status} {body:#}");
    body
}

/// Approved and due.
pub(crate) async fn publish(daemon: &Daemon, text: &str, account: &str) -> String {
    let weibo = json!({"text": text, "link": LINK});
    let item = json!({"variants": {"weibo": weibo}, "targets": [account]});
    let (status, body) = daemon.call("x01.xx", "POST", "/api/v1/items", Some(item)).await;
    assert!(status.is_success(), "{body:#}");
    let id = body["id"].as_str().unwrap().to_owned();
    let (status, body) = daemon.approve(&id, std::time::Duration::from_millis(200)).await.unwrap();
    assert!(status.is_success(), "{body:#}");
    id
}

/// Texts of the notices of this kind.
pub(crate) async fn notices(daemon: &Daemon, kind: &str) -> Vec<String> {
    let all = daemon.get("/api/v1/notices?limit=200").await;
    let of_kind = all["notices"].as_array().unwrap().iter().filter(|one| one["kind"] == kind);
    of_kind.map(|one| one["text"].as_str().unwrap().to_owned()).collect()
}
