//! What a callback answers: that it has the message, or a passive reply to the user.

use super::super::PLATFORM;
use super::super::settings::{AccountSeed, CallbackMode, CallbackSeed};
use super::super::state::PushOutcome;
use super::crypto::{SafeKey, signature};
use super::xml::element;
use crate::effect::{EffectKind, NewEffect, RequestMark, said_hash};
use crate::world::{World, now_unix_ms};

/// Bytes of a text; owners have measured it.
const LONGEST_TEXT: usize = 2_048;

pub(super) enum Answer {
    Accepted,
    Reply {
        openid: String,
        text: String,
    },
    /// The user sees that the service is out of order.
    Unusable,
}

impl Answer {
    pub(super) fn outcome(&self) -> PushOutcome {
        match self {
            Self::Accepted => PushOutcome::Accepted,
            Self::Reply { .. } => PushOutcome::Replied,
            Self::Unusable => PushOutcome::Banner,
        }
    }
}

/// `success` and nothing are enough, in every mode; anything else must be a message of the account's mode.
pub(super) fn read(settings: &AccountSeed, callback: &CallbackSeed, status: u16, text: &str) -> Answer {
    let text = text.trim();
    if status != 200 {
        return Answer::Unusable;
    }
    if text.is_empty() || text == "success" {
        return Answer::Accepted;
    }
    let clear = match callback.mode {
        CallbackMode::Safe => opened(settings, callback, text),
        CallbackMode::Plain => Some(text.to_owned()),
        // Some answer in clear, some encrypted.
        CallbackMode::Compatible => opened(settings, callback, text).or_else(|| Some(text.to_owned())),
    };
    clear.and_then(|clear| message(settings, &clear)).unwrap_or(Answer::Unusable)
}

fn opened(settings: &AccountSeed, callback: &CallbackSeed, text: &str) -> Option<String> {
    let part = |name| element(text, name);
    let (encrypt, signed) = (part("Encrypt")?, part("MsgSignature")?);
    let wanted = signature(&[&callback.token, &part("TimeStamp")?, &part("Nonce")?, &encrypt]);
    if signed != wanted {
        return None;
    }
    let plain = SafeKey::read(&callback.encoding_aes_key)?.open(&encrypt, &settings.appid).ok()?;
    String::from_utf8(plain).ok()
}

fn message(settings: &AccountSeed, xml: &str) -> Option<Answer> {
    let xml = xml.trim();
    if !(xml.starts_with("<xml>") && xml.ends_with("</xml>")) {
        return None;
    }
    let (openid, from) = (element(xml, "ToUserName")?, element(xml, "FromUserName")?);
    let kind = element(xml, "MsgType")?;
    element(xml, "CreateTime")?.parse::<i64>().ok()?;
    let text = element(xml, "Content").unwrap_or_default();
    let fits = kind != "text" || (1..=LONGEST_TEXT).contains(&text.len());
    (from == settings.original_id && fits).then_some(Answer::Reply { openid, text })
}

/// A passive reply stands in the ledger as a message of the account to the user.
pub(super) fn keep(world: &mut World, appid: &str, answer: Option<Answer>) {
    let Some(Answer::Reply { openid, text }) = answer else { return };
    let request = RequestMark { idempotency_key: None, sequence: 0 };
    let mut effect = NewEffect::of(PLATFORM, EffectKind::Message, request);
    let Ok(account) = world.ledger.account(PLATFORM, appid) else { return };
    effect.account = Some(account);
    effect.hash = said_hash("", &text);
    effect.text = text.into();
    effect.to = Some(openid);
    if let Err(full) = world.ledger.record(effect, now_unix_ms()) {
        tracing::warn!(%full, "A passive reply could not be written down");
    }
}
