//! One item on its way, through the real API: submitted by a unit, approved by the office, scheduled, published.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::state::DeliveryState;
use serde::Serialize;
use serde_json::{Value, json};

use super::folder::DemoFolder;
use super::progress::Progress;
use crate::client::{Client, With, fresh_key};
use crate::output::field;

/// `SUB-01` of the sample, as the API takes it.
const ITEM: &str = include_str!("item.json");
/// Its author: the information officer of D07.
pub(super) const AUTHOR: &str = "d07.xx";
/// Who decides: an editor of the office.
pub(super) const EDITOR: &str = "off.hg";
/// How far ahead it is scheduled.
const AHEAD: SignedDuration = SignedDuration::from_secs(2);
/// How long it may take until everything is out.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of the walk, as `--json` shows it.
#[derive(Debug, Serialize)]
pub(super) struct Walked {
    pub(super) ok: bool,
    /// Why not.
    pub(super) problem: Option<String>,
    pub(super) item: String,
    pub(super) deliveries: Vec<Seen>,
}

/// One account that it was to go to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Seen {
    pub(super) account: String,
    pub(super) platform: String,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) url: Option<String>,
    pub(super) reason: Option<String>,
}

/// Walks the item and tells each step.
pub(super) async fn walk(server: &str, folder: &DemoFolder, progress: &Progress) -> Result<Walked> {
    let author = Client::with_token(server, Some(folder.token(AUTHOR)?))?;
    let editor = Client::with_token(server, Some(folder.token(EDITOR)?))?;
    let item: Value = serde_json::from_str(ITEM).context("could not read the demonstration's item")?;
    let title = field(&item, "/variants/weibo/title");

    let submitted = post(&author, "/api/v1/items", &item).await.context("could not submit the item")?;
    let id = field(&submitted, "/id");
    progress.step("报送", "submitted", format!("{title}（{AUTHOR}）"))?;

    let path = format!("/api/v1/items/{id}");
    let read = editor.get(&path).await.context("could not read the item as its reviewer")?;
    let decision = json!({"decision": "approve", "hash": field(&read.body, "/hash")});
    post(&editor, &format!("{path}/decisions"), &decision).await.context("could not approve the item")?;
    progress.step("审核", "approved", format!("{EDITOR}（{}…）", first(&field(&read.body, "/hash"))))?;

    let due = Timestamp::now().checked_add(AHEAD).context("could not tell the time")?;
    let scheduled = post(&editor, &format!("{path}/schedule"), &json!({"publish_at": due})).await;
    let scheduled = scheduled.context("could not schedule the item")?;
    let accounts: Vec<String> = deliveries(&scheduled).into_iter().map(|seen| seen.account).collect();
    progress.step("排期", "scheduled", format!("{} s → {}", AHEAD.as_secs(), accounts.join(" ")))?;
    follow(&editor, &path, id, progress).await
}

/// Tells each delivery that is published, until every one of them, forwards included, has come to its end.
async fn follow(editor: &Client, path: &str, item: String, progress: &Progress) -> Result<Walked> {
    let began = Instant::now();
    let mut told: Vec<String> = Vec::new();
    loop {
        let read = editor.get(path).await.context("could not look after the item")?;
        let deliveries = deliveries(&read.body);
        for seen in deliveries.iter().filter(|seen| seen.is_published()) {
            if !told.contains(&seen.account) {
                told.push(seen.account.clone());
                let how =
                    if seen.kind == "forward" { ("转发", "forwarded") } else { ("发布", "published") };
                progress.step(
                    how.0,
                    how.1,
                    format!("{} {}", seen.account, seen.url.as_deref().unwrap_or("-")),
                )?;
            }
        }
        // Forwards are written together with the receipt that they follow, so none is still to appear.
        let settled = !deliveries.is_empty() && deliveries.iter().all(Seen::is_settled);
        if settled || began.elapsed() > PATIENCE {
            let ok = settled && deliveries.iter().all(Seen::is_published);
            let problem = (!ok).then(|| problem(&deliveries, settled));
            return Ok(Walked { ok, problem, item, deliveries });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn post(client: &Client, path: &str, body: &Value) -> Result<Value> {
    let key = fresh_key()?;
    Ok(client.post_with(path, body, With { key: Some(&key), ..With::default() }).await?.body)
}

fn deliveries(item: &Value) -> Vec<Seen> {
    let optional = |value: &Value, pointer: &str| Some(field(value, pointer)).filter(|text| !text.is_empty());
    let all = item.get("deliveries").and_then(Value::as_array).into_iter().flatten();
    all.map(|delivery| Seen {
        account: field(delivery, "/account"),
        platform: field(delivery, "/platform"),
        kind: field(delivery, "/kind"),
        state: field(delivery, "/state"),
        url: optional(delivery, "/receipt/url"),
        reason: optional(delivery, "/reason"),
    })
    .collect()
}

impl Seen {
    fn is_published(&self) -> bool {
        self.state == DeliveryState::Published.as_str()
    }

    fn is_settled(&self) -> bool {
        DeliveryState::parse(&self.state).is_some_and(DeliveryState::is_settled)
    }
}

fn problem(deliveries: &[Seen], settled: bool) -> String {
    let open = deliveries.iter().filter(|seen| !seen.is_published()).map(|seen| {
        let why = seen.reason.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{} is {}{why}", seen.account, seen.state)
    });
    let open = open.collect::<Vec<_>>().join(", ");
    let when = if settled { String::new() } else { format!(" after {} s", PATIENCE.as_secs()) };
    format!("not everything is published{when}: {open}")
}

fn first(hash: &str) -> String {
    hash.chars().take(8).collect()
}

/// Where to look and what to try, for a person.
pub(super) fn afterwards(folder: &DemoFolder, server: &str, page: &str) -> String {
    let show = |path: &Path| path.display().to_string();
    let (config, adapters) = (show(&folder.config()), show(&folder.adapters()));
    let ask = format!("--server {server} --token-file {}", show(&folder.token_file(EDITOR)));
    format!(
        "\n\
         看到的网页 what the public sees   {page}\n\
         接口 API                          {server}/api/v1/openapi.json\n\
         配置 configuration                {config}  （改动保存后两秒内生效 edits apply within two seconds）\n\n\
         可以试试 try this in another terminal:\n  \
         juzhen unit new D10 --name 新设局 --category department --platform weibo --uid 9000000099 \\\n      \
         --config {config} --adapters {adapters}\n  \
         juzhen account list {ask}\n  \
         juzhen adapter list {ask}\n  \
         juzhen check {config} --adapters {adapters}\n\n\
         按 Ctrl-C 结束 Ctrl-C ends it.\n"
    )
}

/// A walk that could not even be made.
pub(super) fn failed(error: &anyhow::Error) -> Walked {
    let problem = Some(crate::failure::one_line(error));
    Walked { ok: false, problem, item: String::new(), deliveries: Vec::new() }
}

/// Says why in one error, for `--once`.
pub(super) fn require(walked: &Walked) -> Result<()> {
    match &walked.problem {
        None => Ok(()),
        Some(problem) => bail!("the demonstration did not come to its end: {problem}"),
    }
}
