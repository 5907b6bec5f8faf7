//! How long platforms wait for an answer to what they push while the daemon publishes: real pushes, and what nobody believes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use futures_util::{StreamExt, stream};
use juzhen_tests::{Daemon, District, Stage, client, eventually};
use sha1::{Digest as _, Sha1};

const TOKEN: &str = "benchtoken";

/// Pushes of WeChat, real and hostile, while the daemon publishes on other accounts
#[derive(Debug, Args)]
pub(crate) struct Callbacks {
    /// Requests, of which every fifth is real
    #[arg(long, default_value_t = 1250)]
    requests: usize,
    /// At a time
    #[arg(long, default_value_t = 8)]
    at_a_time: usize,
    /// Items that are published meanwhile, one every 50 ms
    #[arg(long, default_value_t = 200)]
    items: usize,
}

impl Callbacks {
    pub(crate) async fn run(&self) -> Result<()> {
        let stage = Stage::start().await;
        let district = district(&stage)?;
        let daemon = Daemon::start(&district);
        let api = daemon.api();
        let items = self.items;
        let publishing = tokio::spawn(async move {
            let mut due = Vec::new();
            for number in 0..items {
                let delay = Duration::from_millis(1000);
                due.push(api.publish("off.xx", &format!("通知 {number}"), &["W000"], delay).await);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            due
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let url = daemon.url();
        let client = client();
        let sent = stream::iter(0..self.requests).map(|number| one(&client, &url, number));
        let answers: Vec<Result<Answer>> = sent.buffer_unordered(self.at_a_time).collect().await;
        let mut kinds: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for answer in answers {
            let Answer { what, status, took } = answer?;
            ensure!((what == "real") == (status == 200), "{what} was answered {status}");
            kinds.entry(what).or_default().push(took);
            kinds.entry("all").or_default().push(took);
        }
        println!("{} requests, {} at a time, beside {items} items:", self.requests, self.at_a_time);
        for (what, mut took) in kinds {
            took.sort_unstable();
            let at = |share: usize| took.get((took.len() - 1) * share / 1000).copied().unwrap_or_default();
            let (half, most, last) = (at(500), at(990), at(1000));
            println!("{what:10} {:6}  p50 {half:>8.1?}  p99 {most:>8.1?}  most {last:>8.1?}", took.len());
        }
        for item in publishing.await? {
            daemon.until(&item, &["published"]).await;
        }
        let real = self.requests.div_ceil(5);
        let pages = async || count(&daemon).await;
        eventually("every real message is there once", async || pages().await == real).await;
        stage.assert_clean();
        Ok(())
    }
}

struct Answer {
    what: &'static str,
    status: u16,
    took: Duration,
}

async fn one(client: &reqwest::Client, url: &str, number: usize) -> Result<Answer> {
    let now = jiff::Timestamp::now().as_second();
    let (what, at) = match number % 5 {
        0 => ("real", now),
        1 => ("forged", now),
        2 => ("old", now - 301),
        3 => ("cut", now),
        _ => ("oversized", now),
    };
    let (timestamp, nonce) = (at.to_string(), format!("9{number}"));
    let token = if what == "forged" { "another" } else { TOKEN };
    let mut parts = [token, &timestamp, &nonce];
    parts.sort_unstable();
    let digest = Sha1::digest(parts.concat().as_bytes());
    let signature: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let message = format!(
        "<xml><ToUserName>gh_a</ToUserName><FromUserName>o{number}</FromUserName><CreateTime>{at}</CreateTime>\
         <MsgType>text</MsgType><Content><![CDATA[几点来水？]]></Content><MsgId>{number}</MsgId></xml>"
    );
    let body = match what {
        "cut" => message.get(..message.len() / 3).unwrap_or_default().to_owned(),
        "oversized" => "x".repeat((64 << 10) + 1),
        _ => message,
    };
    let address = format!("{url}/callback/X-a?signature={signature}&timestamp={timestamp}&nonce={nonce}");
    let request = client.post(address).header("content-type", "text/xml").body(body);
    let began = Instant::now();
    let answer = request.send().await.context("could not push")?;
    let status = answer.status().as_u16();
    answer.bytes().await?;
    Ok(Answer { what, status, took: began.elapsed() })
}

/// Every message that the daemon has.
async fn count(daemon: &Daemon) -> usize {
    let (mut all, mut before) = (0, String::new());
    loop {
        let page = daemon.get(&format!("/api/v1/messages?limit=200{before}")).await;
        all += page.get("messages").and_then(|list| list.as_array()).map_or(0, Vec::len);
        match page.get("next_before").and_then(|next| next.as_str()) {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}

fn district(stage: &Stage) -> Result<District> {
    let district = District::new(&stage.mock_url());
    district.install("wechat");
    for (name, value) in [("app_secret", "s"), ("callback_token", TOKEN)] {
        std::fs::write(district.path("secrets").join(name), value)?;
    }
    let base = stage.handle.wechat_url();
    district.write(
        "units/X01.yaml",
        &format!(
            "code: X01\nname: 公众号单位\nshort_name: X01\ncategory: resident\n\
             people:\n  - {{id: x01.xx, name: 测试员, roles: [info_officer]}}\n\
             accounts:\n  - {{id: X-a, platform: wechat, name: 示范区发布, uid: gh_a, status: active,\n\
             \x20    settings: {{base_url: \"{base}\", appid: wx00000000000bench, callback_mode: plain}},\n\
             \x20    secrets: {{app_secret: \"file:app_secret\", callback_token: \"file:callback_token\"}}}}\n"
        ),
    );
    Ok(district)
}
