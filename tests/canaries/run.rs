//! A whole run with canaries: given before the start and while it runs, used, renewed, refused, crashed with, backed up and put
//! under a new master key.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use juzhen_sandbox::wechat::AccountSeed;
use juzhen_sandbox::{Fault, Match, Rule, TokenFlow};
use juzhen_tests::{Daemon, District, Stage, client, eventually, juzhen};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::places::{self, Readable};
use crate::search::{Canary, Search};

const APPID: &str = "wx0canaries";
const UID: &str = "5000000777";
const LINK: &str = "https://gov.example.cn/notice/1";
/// So begins every token that the stand-in hands out for the account.
const ISSUED: &str = "issued-W015-";
/// What the staff give: the name in the settings, and the value.
const GIVEN: [(&str, &str); 5] = [
    ("W015.token", "canary/of the+staff=7f3a"),
    ("W015.app", "canary-that-buys\"tokens\"&more"),
    ("wx.secret", "canaryWechatAppSecret0123456789a"),
    ("wx.token", "canaryCallbackToken42"),
    ("wx.aes", "canaryAesKeyOfCallbacks0123456789abcdefghijk"),
];
const WEIBO_APP: (&str, &str) = ("wb.app", "canary!of%the weibo app");

#[tokio::test(flavor = "multi_thread")]
async fn p11_canaries_of_a_whole_run_on_three_platforms_are_nowhere_to_be_seen() {
    let (stage, district) = scene().await;
    // Some before the daemon ever ran, straight into the data folder; the others through the daemon.
    for (name, value) in &GIVEN[..2] {
        offline(&district, name, value);
    }
    let mut daemon = Daemon::start(&district);
    let weibo_token = token(&stage.handle.weibo_url()).await;
    for (name, value) in GIVEN[2..].iter().copied().chain([WEIBO_APP, ("wb.token", weibo_token.as_str())]) {
        let body =
            json!({ "value": value, "accounts": [if name.starts_with("wx") { "X-wx" } else { "X-wb" }] });
        let (status, said) =
            daemon.call("off.xt", "PUT", &format!("/api/v1/secrets/{name}"), Some(body)).await;
        assert!(status.is_success(), "{said:#}");
    }
    let first_key = key_of(&district);
    published(&stage, &daemon).await;
    let (status, rotated) = daemon.call("off.xt", "POST", "/api/v1/master-key/rotate", Some(json!({}))).await;
    assert!(status.is_success() && rotated["given"] == 7, "{rotated:#}");
    crashed(&mut daemon).await;
    published(&stage, &daemon).await;
    backed_up(&district, &daemon).await;

    let canaries = canaries(&stage, &daemon, &weibo_token, &[first_key, key_of(&district)]).await;
    let mut search = Search::new(&canaries);
    let mut readable = Readable::default();
    let answers = look_everywhere(&mut search, &district, &daemon, &mut readable).await;
    assert!(answers > 40 && readable.processes >= 4, "{answers} answers, {readable:?}");
    // What is in the log only at the end, and in the database once its WAL is in it.
    daemon.signal(Signal::TERM);
    assert!(daemon.ended(Duration::from_secs(60)).is_some(), "{}", daemon.log());
    look_at_files(&mut search, &district, &daemon);
    println!(
        "{} canaries in {} forms, looked for in {} places and {} KiB: {answers} answers of the API, {} processes, {} mappings \
         with {} KiB of adapters' memory",
        canaries.len(),
        search.patterns(),
        search.places,
        search.bytes >> 10,
        readable.processes,
        readable.mappings,
        readable.memory >> 10,
    );
    assert!(search.hits.is_empty(), "{:#?}", search.hits);
    // The search can fail: where the keys are, it sees them.
    places::files(&mut search, &district.data(), |name| !name.starts_with("master.key"));
    assert!(search.hits.iter().any(|hit| hit.contains("master key 1 in clear")), "{:#?}", search.hits);
}

/// Beside the run: what is planted in a process is seen in how it was started and in its memory.
#[test]
fn p11_what_a_process_holds_is_found_where_its_memory_can_be_read() {
    let canary = Canary::new("planted", "canary-in-an-environment");
    let mut child = Command::new("cat");
    child.env_clear().env("PLANTED", &canary.value).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    // It has started once it answers.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"x").unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let (mut search, mut readable) = (Search::new(&[canary]), Readable::default());
    places::process(&mut search, child.id(), true, &mut readable);
    drop(stdin);
    child.wait().unwrap();
    assert!(search.hits.iter().any(|hit| hit.contains("/environ")), "{:?}", search.hits);
    assert!(
        readable.memory == 0 || search.hits.iter().any(|hit| hit.contains("memory of")),
        "{:?}",
        search.hits
    );
    println!("{readable:?}");
}

/// An account on each platform; the mock one's token is refused from the start, so that it buys others.
async fn scene() -> (Stage, District) {
    let stage = Stage::start().await;
    let district = District::new(&stage.mock_url());
    district.install("wechat");
    district.install("weibo");
    let (wechat, weibo) = (stage.handle.wechat_url(), stage.handle.weibo_url());
    let secret = GIVEN[2].1.to_owned();
    stage
        .handle
        .wechat_account(AccountSeed { appid: APPID.into(), secret, ..AccountSeed::default() })
        .unwrap();
    let flow = TokenFlow {
        app_secret: GIVEN[1].1.into(),
        lifetime_ms: 3_600_000,
        grace_ms: 0,
        once: false,
        first: None,
    };
    stage.handle.issue_tokens("W015", flow);
    let unit = format!(
        "code: X01\nname: 三平台单位\nshort_name: X01\ncategory: resident\npeople:\n\
         \x20 - {{id: x01.xx, name: 测试员, roles: [info_officer]}}\naccounts:\n\
         \x20 - {{id: W015, platform: weibo, name: 模拟, uid: W015, status: active, \
         secrets: {{access_token: \"vault:W015.token\", app_secret: \"vault:W015.app\"}}}}\n\
         \x20 - {{id: X-wx, platform: wechat, name: 公众号, uid: gh_canary, status: active, \
         settings: {{base_url: \"{wechat}\", appid: {APPID}, mode: freepublish, author: 示范区发布}}, \
         secrets: {{app_secret: \"vault:wx.secret\", callback_token: \"vault:wx.token\", callback_aes_key: \"vault:wx.aes\"}}}}\n\
         \x20 - {{id: X-wb, platform: weibo, adapter: weibo, name: 微博, uid: \"{UID}\", status: active, \
         settings: {{base_url: \"{weibo}\", tier: biz, safe_domain: gov.example.cn}}, \
         secrets: {{access_token: \"vault:wb.token\", app_secret: \"vault:wb.app\"}}}}\n"
    );
    district.write("units/X01.yaml", &unit);
    (stage, district)
}

/// `juzhen secret set` on the data folder of a daemon that does not run.
fn offline(district: &District, name: &str, value: &str) {
    let mut command = Command::new(juzhen());
    command.args(["secret", "set", name, "--data"]).arg(district.data()).stdin(Stdio::piped());
    let mut set = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    set.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    let output = set.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What Weibo gives for a code.
async fn token(base: &str) -> String {
    let form = format!(
        "client_id=1352222456&client_secret=secret&grant_type=authorization_code&code=first-{UID}\
         &redirect_uri=https%3A%2F%2Fgov.example.cn%2F"
    );
    let request = client().post(format!("{base}/oauth2/access_token")).body(form);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    let granted: Value = answer.json().await.unwrap();
    granted["access_token"].as_str().unwrap().to_owned()
}

/// One on each account, and one that ends in a doubt, so that failures are logged, too.
async fn published(stage: &Stage, daemon: &Daemon) {
    let picture = picture(daemon).await;
    let now = jiff::Timestamp::now().as_millisecond();
    let wechat = json!({"title": format!("停水通知 {now}"), "text": "今日停水。", "media": [picture]});
    let weibo = json!({"title": "停水", "text": format!("今日停水 {now}，详情"), "link": LINK});
    let mock = json!({"text": format!("停水 {now}")});
    let mut items = Vec::new();
    for (variants, account) in [
        (json!({ "weibo": mock }), "W015"),
        (json!({ "wechat": wechat }), "X-wx"),
        (json!({ "weibo": weibo }), "X-wb"),
    ] {
        items.push(publish(daemon, variants, account).await);
    }
    for item in &items {
        daemon.until(item, &["published", "accepted"]).await;
    }
    let method = Some("POST".to_owned());
    let path = Some("/statuses/".to_owned());
    let matching = Match { account: Some(UID.into()), method, path_contains: path, ..Match::default() };
    stage
        .handle
        .fault(Rule { matching, times: Some(1), chance: None, fault: Fault::TruncateJson {} })
        .unwrap();
    let doubt = json!({"weibo": {"title": "停水", "text": format!("有疑问 {now}，详情"), "link": LINK}});
    let doubt = publish(daemon, doubt, "X-wb").await;
    daemon.until(&doubt, &["in_doubt", "published", "needs_person"]).await;
}

async fn publish(daemon: &Daemon, variants: Value, account: &str) -> String {
    let item = json!({ "variants": variants, "targets": [account] });
    let (status, body) = daemon.call("x01.xx", "POST", "/api/v1/items", Some(item)).await;
    assert!(status.is_success(), "{body:#}");
    let id = body["id"].as_str().unwrap().to_owned();
    let (status, body) = daemon.approve(&id, Duration::from_millis(100)).await.unwrap();
    assert!(status.is_success(), "{body:#}");
    id
}

/// The smallest PNG there is, kept by the daemon.
async fn picture(daemon: &Daemon) -> Value {
    const PNG: &[u8] = &[
        0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0,
        0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c,
        0x63, 0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42,
        0x60, 0x82,
    ];
    let request = client().post(format!("{}/api/v1/media", daemon.url()));
    let request = request.bearer_auth(daemon.token("x01.xx")).header("content-type", "image/png");
    let stored: Value = request.body(PNG).send().await.unwrap().json().await.unwrap();
    json!({"sha256": stored["sha256"], "alt": "停水区域图"})
}

/// Adapters die, and what their processes leave behind is in the log; they are started anew.
async fn crashed(daemon: &mut Daemon) {
    let before = daemon.children();
    assert!(before.len() >= 3, "{before:?}");
    for pid in &before {
        kill_process(Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap(), Signal::ABORT).unwrap();
    }
    eventually("the adapters are there again", async || {
        let now = daemon.children();
        now.len() >= 3 && now.iter().all(|pid| !before.contains(pid))
    })
    .await;
}

async fn backed_up(district: &District, daemon: &Daemon) {
    let (status, made) = daemon.call("off.xt", "POST", "/api/v1/backups", Some(json!({}))).await;
    assert!(status.is_success(), "{made:#}");
    let mut command = Command::new(juzhen());
    command.args(["backup", "--data"]).arg(district.data()).arg("--to").arg(district.path("copy.db"));
    assert!(command.output().unwrap().status.success());
}

fn key_of(district: &District) -> String {
    fs::read_to_string(district.data().join("master.key")).unwrap().trim().to_owned()
}

/// Everything that only the daemon and a platform may know.
async fn canaries(stage: &Stage, daemon: &Daemon, weibo_token: &str, keys: &[String]) -> Vec<Canary> {
    let named = GIVEN.into_iter().chain([WEIBO_APP, ("wb.token", weibo_token), ("issued", ISSUED)]);
    let mut canaries: Vec<Canary> = named.map(|(name, value)| Canary::new(name, value)).collect();
    let ask = json!({ "grant_type": "client_credential", "appid": APPID, "secret": GIVEN[2].1 });
    let url = format!("{}/cgi-bin/stable_token", stage.handle.wechat_url());
    let answer: Value = client().post(url).json(&ask).send().await.unwrap().json().await.unwrap();
    canaries.push(Canary::new("token of wechat", answer["access_token"].as_str().unwrap()));
    for person in ["off.hg", "off.xt", "x01.xx"] {
        canaries.push(Canary::new(&format!("token of {person}"), &daemon.token(person)));
    }
    let keys = keys.iter().enumerate();
    canaries.extend(keys.map(|(number, key)| Canary::new(&format!("master key {}", number + 1), key)));
    canaries
}

/// While everything runs; how many answers of the API there were.
async fn look_everywhere(
    search: &mut Search,
    district: &District,
    daemon: &Daemon,
    readable: &mut Readable,
) -> usize {
    look_at_files(search, district, daemon);
    // The daemon has to have them in its memory, and shuts that to others; its adapters have not.
    places::process(search, daemon.pid(), false, readable);
    for pid in daemon.children() {
        places::process(search, pid, true, readable);
    }
    places::answers(search, daemon, &["off.zr", "off.xt", "x01.xx"]).await
}

fn look_at_files(search: &mut Search, district: &District, daemon: &Daemon) {
    search.look("the log", daemon.whole_log().as_bytes());
    places::files(search, &district.data(), |name| name.starts_with("master.key"));
    places::files(search, &district.config(), |_| false);
    let copy: PathBuf = district.path("copy.db");
    search.look("a backup", &fs::read(copy).unwrap());
}
