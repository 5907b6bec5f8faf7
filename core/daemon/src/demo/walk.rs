//! One item on its way, through the real API: submitted by a unit, approved by the office, scheduled, published.

use std::collections::BTreeMap;
use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
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
/// Who decides, step by step: its procedure is P1 (保密审查, 分管领导审定, 审核备案).
const REVIEWERS: [(&str, &str); 3] = [("保密审查", "d07.bm"), ("审定", "d07.fg"), ("审核备案", EDITOR)];
/// An editor of the office: the last to decide, and who schedules.
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
    /// What the public knows it by.
    pub(super) name: String,
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
    for (step, reviewer) in REVIEWERS {
        let client = Client::with_token(server, Some(folder.token(reviewer)?))?;
        let read = client.get(&path).await.context("could not read the item as its reviewer")?;
        let hash = field(&read.body, "/hash");
        let mut decision = json!({"decision": "approve", "hash": hash});
        if let (Some(fields), Some((name, value))) = (decision.as_object_mut(), said_at(step)) {
            fields.insert(name.to_owned(), value);
        }
        let decided = post(&client, &format!("{path}/decisions"), &decision).await;
        decided.with_context(|| format!("could not approve the item as {reviewer} ({step})"))?;
        progress.step(step, "approved", format!("{reviewer}（{}…）", first(&hash)))?;
    }

    let due = Timestamp::now().checked_add(AHEAD).context("could not tell the time")?;
    let scheduled = post(&editor, &format!("{path}/schedule"), &json!({"publish_at": due})).await;
    let scheduled = scheduled.context("could not schedule the item")?;
    let names = names(&editor).await?;
    let accounts: Vec<String> = deliveries(&scheduled, &names).iter().map(Seen::label).collect();
    progress.step("排期", "scheduled", format!("{} s → {}", AHEAD.as_secs(), accounts.join("、")))?;
    follow(&editor, id, &names, progress).await
}

/// What the reviewer of a step says beside yes: the secrecy review its conclusion, the unit the seven-box declaration.
fn said_at(step: &str) -> Option<(&'static str, Value)> {
    match step {
        "保密审查" => {
            Some(("secrecy", json!({"conclusion": "may_publish", "basis": "不涉及国家秘密和工作秘密"})))
        }
        "审定" => Some(("declaration", json!(true))),
        _ => None,
    }
}

/// What each account is called.
async fn names(client: &Client) -> Result<BTreeMap<String, String>> {
    let accounts = client.get("/api/v1/accounts").await.context("could not list the accounts")?.body;
    let all = accounts.get("accounts").and_then(Value::as_array).into_iter().flatten();
    Ok(all.map(|account| (field(account, "/id"), field(account, "/name"))).collect())
}

/// Tells each delivery that is published, until every one of them, forwards included, has come to its end.
async fn follow(
    editor: &Client,
    item: String,
    names: &BTreeMap<String, String>,
    progress: &Progress,
) -> Result<Walked> {
    let path = format!("/api/v1/items/{item}");
    let began = Instant::now();
    let mut told: Vec<String> = Vec::new();
    loop {
        let read = editor.get(&path).await.context("could not look after the item")?;
        let deliveries = deliveries(&read.body, names);
        for seen in deliveries.iter().filter(|seen| seen.is_published()) {
            if !told.contains(&seen.account) {
                told.push(seen.account.clone());
                let how =
                    if seen.kind == "forward" { ("转发", "forwarded") } else { ("发布", "published") };
                progress.step(
                    how.0,
                    how.1,
                    format!("{}  {}", seen.label(), seen.url.as_deref().unwrap_or("-")),
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

fn deliveries(item: &Value, names: &BTreeMap<String, String>) -> Vec<Seen> {
    let optional = |value: &Value, pointer: &str| Some(field(value, pointer)).filter(|text| !text.is_empty());
    let all = item.get("deliveries").and_then(Value::as_array).into_iter().flatten();
    all.map(|delivery| Seen {
        account: field(delivery, "/account"),
        name: names.get(&field(delivery, "/account")).cloned().unwrap_or_default(),
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

    /// Nothing moves it any more by itself; what is held waits for a person or for other settings.
    fn is_settled(&self) -> bool {
        DeliveryState::parse(&self.state)
            .is_some_and(|state| state.is_settled() || state == DeliveryState::Held)
    }

    fn label(&self) -> String {
        format!("{} {}", self.account, self.name)
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
    let juzhen = called();
    let (config, adapters) = (folder.config(), folder.adapters());
    let (config, adapters) = (config.display(), adapters.display());
    let tokens = folder.tokens();
    let tokens = tokens.display();
    format!(
        "\n\
         网页 what the public sees  {page}\n\
         接口 API                   {server}/api/v1/openapi.json\n\
         配置 configuration         {config}（保存后两秒内生效 an edit applies within two seconds）\n\n\
         在另一个终端试试 try in another terminal:\n  \
         export JUZHEN_SERVER={server} JUZHEN_TOKEN_FILE={tokens}/{EDITOR}\n  \
         # 新增一个单位，不必重启 add a unit, no restart\n  \
         {juzhen} unit new D10 --name 新设局 --category department --platform weibo --uid 9000000099 \\\n      \
         --config {config} --adapters {adapters}\n  \
         {juzhen} account list\n  \
         {juzhen} adapter list\n  \
         # 把文件改错再检查 break a file, then check\n  \
         {juzhen} check {config} --adapters {adapters}\n  \
         # 再报送一条 hand in another item\n  \
         {juzhen} item submit --column gonggao --text weibo=停水通知 --token-file {tokens}/{AUTHOR}\n  \
         {juzhen} review list\n\n\
         按 Ctrl-C 结束 Ctrl-C ends it.\n"
    )
}

/// How this program was called, so that what is printed can be pasted.
fn called() -> String {
    let name = env::args().next().filter(|name| !name.contains(char::is_whitespace));
    name.unwrap_or_else(|| "juzhen".to_owned())
}

/// A walk that could not even be made.
pub(super) fn failed(error: &anyhow::Error) -> Walked {
    let problem = Some(crate::failure::one_line(error));
    Walked { ok: false, problem, item: String::new(), deliveries: Vec::new() }
}
