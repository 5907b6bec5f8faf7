//! Mass sends (群发): a draft or a text to all followers, a tag, or a list of them; known by `clientmsgid` for 24 hours.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::body::{Ask, flag, number};
use super::dialect::error;
use super::job::Words;
use super::mass_content::Content;
use super::settings::{AccountSeed, Kind};
use super::state::{Account, MassSend, SendStage, Verb};
use super::usage::{day_of, month_of};
use super::{account_of, freepublish, job, ok};
use crate::answer::Reply;
use crate::exchange::{Call, Intent, IntentKind, Refusal};
use crate::faults::AsyncOutcome;
use crate::script::Later;
use crate::world::World;

/// Bytes.
const LONGEST_KEY: usize = 32;
/// A key is known for so long, and a repeat within a minute is told to wait (milliseconds).
const KEY_MS: i64 = 24 * 3_600_000;
const TOO_FAST_MS: i64 = 60_000;
/// Openids of one send.
const MOST_RECEIVERS: usize = 10_000;
const REVIEW_REJECTED: &str = "err(20001)";
const ADMIN_REFUSED: &str = "err(40001)";

/// `{"filter":{"is_to_all","tag_id"?},"msgtype",…,"clientmsgid"?}`
pub(crate) fn send_all(ask: Ask) -> Result<Intent, Refusal> {
    let filter = ask.json.get("filter").filter(|filter| filter.is_object()).ok_or_else(|| error(40035))?;
    let scope = if flag(filter, "is_to_all") {
        Scope::All
    } else {
        let tag = filter.get("tag_id").or_else(|| filter.get("group_id")).and_then(number);
        Scope::Tag(tag.ok_or_else(|| error(40152))?)
    };
    send(ask, scope)
}

/// `{"touser":[…],"msgtype",…,"clientmsgid"?}`: 2 to 10,000 openids.
pub(crate) fn send_to(ask: Ask) -> Result<Intent, Refusal> {
    let receivers = ask.json.get("touser").and_then(Value::as_array).ok_or_else(|| error(40130))?;
    let receivers: Vec<String> = receivers.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    match receivers.len() {
        0 | 1 => Err(error(40130)),
        most if most > MOST_RECEIVERS => Err(error(40032)),
        _ => send(ask, Scope::These(receivers)),
    }
}

/// `{"touser" or "towxname","msgtype",…}`: one person sees it, so it is nobody's publication.
pub(crate) fn preview(ask: Ask) -> Result<Intent, Refusal> {
    if ask.text("towxname").is_none() && ask.text("touser").is_none() {
        return Err(error(40003));
    }
    let content = Content::read(&ask.json)?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let msg_id = world.wechat.ids.msg_id();
        let now = world.wechat.now();
        let account = account_of(world, &ask.appid)?;
        let unknown = ask.text("touser").is_some_and(|openid| !account.users.contains_key(openid));
        if unknown && ask.text("towxname").is_none() {
            return Err(error(40003));
        }
        content.check(account, now)?;
        Ok(Reply::json(200, &json!({ "errcode": 0, "errmsg": "preview success", "msg_id": msg_id })))
    }))
}

/// `{"msg_id"}`: `{"msg_id","msg_status"}`.
pub(crate) fn get(ask: Ask) -> Result<Intent, Refusal> {
    let msg_id = msg_id(&ask)?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        let send = account_of(world, &ask.appid)?.send_mut(msg_id).ok_or_else(|| error(40035))?;
        let status = match send.stage {
            SendStage::AwaitsAdmin | SendStage::Sending => "SENDING",
            SendStage::Sent => "SEND_SUCCESS",
            SendStage::Failed => "SEND_FAIL",
            SendStage::Deleted => "DELETE",
        };
        Ok(Reply::json(200, &json!({ "msg_id": msg_id, "msg_status": status })))
    }))
}

/// `{"msg_id" or "url","article_idx"?}`: one article from 1, or all; only what was sent.
pub(crate) fn delete(ask: Ask) -> Result<Intent, Refusal> {
    let index = ask.number("article_idx").unwrap_or(0);
    Ok(Intent::plain(move |world: &mut World, call| {
        let account = account_of(world, &ask.appid)?;
        let by_url = ask.text("url").and_then(|url| sent_as(account, url));
        let (msg_id, index) = match by_url {
            Some(found) => found,
            None => (msg_id(&ask)?, index),
        };
        let send = account.send_mut(msg_id).filter(|send| send.stage == SendStage::Sent);
        let data_id = send.and_then(|send| send.data_id).ok_or_else(|| error(40035))?;
        let publication = account.publication_mut(data_id).ok_or_else(|| error(40035))?;
        let effects = publication.delete(index).ok_or_else(|| error(40060))?;
        let all_gone = publication.articles.iter().all(|one| one.is_deleted);
        if let Some(send) = account.send_mut(msg_id).filter(|_| all_gone) {
            send.stage = SendStage::Deleted;
        }
        freepublish::retract(world, call, &effects)?;
        Ok(ok())
    }))
}

enum Scope {
    All,
    Tag(i64),
    These(Vec<String>),
}

fn send(ask: Ask, scope: Scope) -> Result<Intent, Refusal> {
    let key = ask.text("clientmsgid").map(str::to_owned);
    if key.as_ref().is_some_and(|key| key.len() > LONGEST_KEY) {
        return Err(error(45067));
    }
    let content = Content::read(&ask.json)?;
    let words = content.words();
    let act = move |world: &mut World, call: &Call| {
        let key = key.unwrap_or_else(|| digest(&scope, &content));
        let now = world.wechat.now();
        let account = account_of(world, &ask.appid)?;
        refuse_known(account, &key, now)?;
        check_scope(&account.settings, &scope)?;
        content.check(account, now)?;
        refuse_over_quota(account, &scope, now)?;
        refuse_scripted_quota(world, call)?;
        carry_out(world, call, &ask.appid, &scope, &content, key)
    };
    Ok(Intent { words, kind: IntentKind::Publication, act: Box::new(act) })
}

fn carry_out(
    world: &mut World,
    call: &Call,
    appid: &str,
    scope: &Scope,
    content: &Content,
    key: String,
) -> Result<Reply, Refusal> {
    let (msg_id, at) = (world.wechat.ids.msg_id(), world.wechat.now());
    let (data_id, effects) = written(world, call, appid, content, &key)?;
    let account = account_of(world, appid)?;
    let (mut after_ms, mut ends_with) =
        (account.settings.mass_after_ms, account.settings.mass_status.clone());
    let waits = call.twist.then.as_ref().filter(|later| later.after_ms > 0);
    if let Some(later) = &call.twist.then {
        after_ms = after_ms.max(later.after_ms);
        ends_with = end_of(later);
    }
    if ends_with != job::SEND_SUCCESS
        && let Some(publication) = data_id.and_then(|data_id| account.publication_mut(data_id))
    {
        publication.ends_with = 3;
    }
    let reached = match scope {
        Scope::These(receivers) => receivers.len(),
        Scope::All | Scope::Tag(_) => account.users.values().filter(|user| user.follows).count(),
    };
    let stage = if waits.is_some() { SendStage::AwaitsAdmin } else { SendStage::Sending };
    account.sends.push(MassSend { msg_id, key, at, stage, ends_with, reached, data_id, effects });
    let is_first = account.settings.first_send_says.take();
    let owner = appid.to_owned();
    job::later(&call.shared, world, after_ms, move |world, shared| {
        job::finish_send(world, shared, &owner, msg_id);
    });
    match (waits, is_first) {
        (Some(_), _) => Err(error(89505)),
        (None, Some(45065)) => Err(known(msg_id)),
        (None, Some(code)) => Err(error(code)),
        (None, None) => Ok(submitted(msg_id, data_id)),
    }
}

/// Writes down what is sent: its `msg_data_id`, if it has one, and its effects.
fn written(
    world: &mut World,
    call: &Call,
    appid: &str,
    content: &Content,
    key: &str,
) -> Result<(Option<u64>, Vec<u64>), Refusal> {
    match content {
        Content::Articles(media_id) => {
            let data_id = job::open(world, call, appid, media_id, Verb::MassSend, Some(key))?;
            let publication = account_of(world, appid)?.publication(data_id);
            let effects = publication.into_iter().flat_map(|one| &one.articles).map(|one| one.effect);
            Ok((Some(data_id), effects.collect()))
        }
        Content::Text(text) => {
            let words = Words { title: "", text, link: "" };
            Ok((None, vec![job::record(world, call, words, Some(key))?]))
        }
        Content::Media(kind, ids) => {
            let text = format!("[{kind}] {}", ids.join(" "));
            let words = Words { title: "", text: &text, link: "" };
            Ok((None, vec![job::record(world, call, words, Some(key))?]))
        }
    }
}

fn submitted(msg_id: u64, data_id: Option<u64>) -> Reply {
    let mut answer = json!({ "errcode": 0, "errmsg": "send job submission success", "msg_id": msg_id });
    if let (Some(data_id), Some(fields)) = (data_id, answer.as_object_mut()) {
        fields.insert("msg_data_id".into(), json!(data_id));
    }
    Reply::json(200, &answer)
}

fn known(msg_id: u64) -> Refusal {
    Refusal { id: Some(msg_id.to_string()), ..error(45065) }
}

/// The `Status` that the script asks for.
fn end_of(later: &Later) -> String {
    match (later.outcome, later.after_ms > 0) {
        (AsyncOutcome::Published, _) => job::SEND_SUCCESS.to_owned(),
        (AsyncOutcome::Refused, true) => ADMIN_REFUSED.to_owned(),
        (AsyncOutcome::Refused, false) => {
            later.refusal.code.clone().unwrap_or_else(|| REVIEW_REJECTED.to_owned())
        }
    }
}

/// 45065 with the job that has this key, 45066 within a minute of it, 89504 while an administrator has it before him.
fn refuse_known(account: &Account, key: &str, now: i64) -> Result<(), Refusal> {
    let within = |send: &&MassSend| send.key == key && now.saturating_sub(send.at) < KEY_MS;
    match account.sends.iter().rev().find(within) {
        None => Ok(()),
        Some(send) if now.saturating_sub(send.at) < TOO_FAST_MS => Err(error(45066)),
        Some(send) if send.stage == SendStage::AwaitsAdmin => Err(error(89504)),
        Some(send) => Err(known(send.msg_id)),
    }
}

fn check_scope(settings: &AccountSeed, scope: &Scope) -> Result<(), Refusal> {
    match scope {
        Scope::Tag(tag) if !settings.tags.contains(tag) => Err(error(40152)),
        _ => Ok(()),
    }
}

/// What failed does not count; what is under way does.
fn refuse_over_quota(account: &Account, scope: &Scope, now: i64) -> Result<(), Refusal> {
    let settings = &account.settings;
    let is_service = settings.kind == Kind::Service;
    // A service account has its four for each follower, whom only a send to all reaches each time.
    let per_day = settings.mass_per_day.or((!is_service || matches!(scope, Scope::All)).then_some(1));
    let per_month = settings.mass_per_month.or(is_service.then_some(4));
    let went = |send: &&MassSend| send.stage != SendStage::Failed;
    let sent_in = |period: fn(i64) -> i64| {
        account.sends.iter().filter(went).filter(|send| period(send.at) == period(now)).count() as u64
    };
    let over = per_day.is_some_and(|most| sent_in(day_of) >= most)
        || per_month.is_some_and(|most| sent_in(month_of) >= most);
    if over { Err(error(45028)) } else { Ok(()) }
}

fn refuse_scripted_quota(world: &mut World, call: &Call) -> Result<(), Refusal> {
    let Some((rule, most, window_ms)) = call.twist.quota else { return Ok(()) };
    if super::posts_within(world, call, window_ms) < most {
        return Ok(());
    }
    world.script.fired(rule);
    Err(error(45028))
}

/// The key of a send that came without one: the same content to the same scope has the same.
fn digest(scope: &Scope, content: &Content) -> String {
    let scope = match scope {
        Scope::All => "all".to_owned(),
        Scope::Tag(tag) => format!("tag {tag}"),
        Scope::These(receivers) => receivers.join(","),
    };
    let content = match content {
        Content::Articles(media_id) => media_id.clone(),
        Content::Text(text) => text.clone(),
        Content::Media(kind, ids) => format!("{kind} {}", ids.join(",")),
    };
    let hash = Sha256::new().chain_update(scope).chain_update([0]).chain_update(content).finalize();
    // In a form that no client can send, so that a digest never meets a key.
    format!("digest {hash:02x?}")
}

fn msg_id(ask: &Ask) -> Result<u64, Refusal> {
    ask.number("msg_id").and_then(|id| u64::try_from(id).ok()).ok_or_else(|| error(40035))
}

/// The send and the place (from 1) of the article with this address.
fn sent_as(account: &Account, url: &str) -> Option<(u64, i64)> {
    account.sends.iter().find_map(|send| {
        let articles = &account.publication(send.data_id?)?.articles;
        let place = articles.iter().position(|one| one.url == url)?;
        Some((send.msg_id, i64::try_from(place).ok()? + 1))
    })
}
