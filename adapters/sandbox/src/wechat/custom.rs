//! Customer messages (客服消息): to one user, within 48 hours of a message of his, five of them.

use serde_json::Value;

use super::body::{Ask, text};
use super::dialect::error;
use super::state::{Account, Stage};
use super::users::{Closed, NotTyping};
use super::{PLATFORM, account_of, ok};
use crate::effect::{EffectKind, NewEffect, said_hash};
use crate::exchange::{Intent, Refusal};
use crate::world::{World, now_unix_ms};

/// Bytes of a text; owners have measured it.
const LONGEST_TEXT: usize = 2_048;
/// Kinds that carry nothing of the library.
const FREE_KINDS: [&str; 5] = ["music", "news", "msgmenu", "miniprogrampage", "wxcard"];

/// `{"touser","msgtype",…}`: ok, without an id.
pub(crate) fn send(ask: Ask) -> Result<Intent, Refusal> {
    let openid = ask.text("touser").map(str::to_owned).ok_or_else(|| error(40003))?;
    let said = said(&ask.json)?;
    let words = vec![said.as_str().into()];
    let intent = Intent::plain(move |world: &mut World, call| {
        let now = world.wechat.now();
        let account = account_of(world, &ask.appid)?;
        check_media(account, &ask.json, now)?;
        let user = account.users.get_mut(&openid).ok_or_else(|| error(40003))?;
        if !user.follows {
            return Err(error(43004));
        }
        match user.take(now) {
            Ok(()) => {}
            Err(Closed::TooLate) => return Err(error(45015)),
            Err(Closed::TooMany) => return Err(error(45047)),
        }
        let mut effect = NewEffect::of(PLATFORM, EffectKind::Message, call.request.clone());
        effect.account = call.account;
        effect.hash = said_hash("", &said);
        effect.text = said.as_str().into();
        effect.to = Some(openid.clone());
        world.ledger.record(effect, now_unix_ms())?;
        Ok(ok())
    });
    Ok(Intent { words, ..intent })
}

/// `{"touser","command":"Typing" or "CancelTyping"}`
pub(crate) fn typing(ask: Ask) -> Result<Intent, Refusal> {
    let openid = ask.text("touser").map(str::to_owned).ok_or_else(|| error(40003))?;
    let starts = match ask.text("command") {
        Some("Typing") => true,
        Some("CancelTyping") => false,
        _ => return Err(error(45072)),
    };
    Ok(Intent::plain(move |world: &mut World, _call| {
        let now = world.wechat.now();
        let user = account_of(world, &ask.appid)?.users.get_mut(&openid).ok_or_else(|| error(40003))?;
        user.type_to(starts, now).map_err(|why| match why {
            NotTyping::NobodyWrote => error(45080),
            NotTyping::Already => error(45081),
        })?;
        Ok(ok())
    }))
}

/// What the ledger has as the text: that of a text message, of other kinds their JSON.
fn said(json: &Value) -> Result<String, Refusal> {
    let kind = text(json, "msgtype").ok_or_else(|| error(40008))?;
    let branch = json.get(kind).filter(|branch| branch.is_object()).ok_or_else(|| error(40008))?;
    match kind {
        "text" => {
            let words = text(branch, "content").ok_or_else(|| error(44004))?;
            if words.len() > LONGEST_TEXT { Err(error(45002)) } else { Ok(words.to_owned()) }
        }
        "news" if branch.get("articles").and_then(Value::as_array).is_none_or(Vec::is_empty) => {
            Err(error(44003))
        }
        "news" if branch.get("articles").and_then(Value::as_array).is_some_and(|all| all.len() > 1) => {
            Err(error(45008))
        }
        "image" | "voice" | "video" | "mpnews" | "mpnewsarticle" => Ok(branch.to_string()),
        kind if FREE_KINDS.contains(&kind) => Ok(branch.to_string()),
        _ => Err(error(40008)),
    }
}

/// 40007 or 53600 unless the account has what the message names.
fn check_media(account: &Account, json: &Value, now: i64) -> Result<(), Refusal> {
    let kind = text(json, "msgtype").unwrap_or_default();
    let of = |name| json.get(kind).and_then(|branch| text(branch, name));
    let is_there = match kind {
        "image" | "voice" | "video" => {
            of("media_id").is_some_and(|id| account.library.any(id, now).is_some())
        }
        "mpnews" => of("media_id").is_some_and(|id| account.draft(id).is_some()),
        "mpnewsarticle" => {
            let is_public = |id: &str| {
                account.publications.iter().any(|one| one.article_id == id && one.stage == Stage::Public)
            };
            return if of("article_id").is_some_and(is_public) { Ok(()) } else { Err(error(53600)) };
        }
        _ => true,
    };
    if is_there { Ok(()) } else { Err(error(40007)) }
}
