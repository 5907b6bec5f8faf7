//! What Weibo pushes (粉丝服务平台): private messages and what followers do. Weibo waits five seconds for an answer and comes
//! three times, so nothing is sent from here.

use juzhen_sdk::prelude::*;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::sign_in::APP_SECRET;
use crate::wire::time;

/// A message is a few kilobytes; what is longer is not Weibo's.
const LONGEST_BODY: usize = 64 << 10;
const LONGEST_NONCE: usize = 128;
/// No window is documented; both clocks are set by network time.
const WINDOW_MS: i64 = 300_000;
/// So long after a message the account may answer, as often as it likes.
const ANSWERABLE_MS: i64 = 48 * 3_600_000;

/// Why a request is not believed, and what its sender is answered. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unbelieved {
    TooLong,
    Malformed,
    /// The signature is not Weibo's, or too old or too new.
    Forged,
    /// For another account.
    Foreign,
    OtherMethod,
}

impl Unbelieved {
    fn status(self) -> u16 {
        match self {
            Self::TooLong => 413,
            Self::Malformed | Self::Foreign => 400,
            Self::Forged => 401,
            Self::OtherMethod => 405,
        }
    }
}

pub(crate) async fn receive(cx: &Cx, request: &Receive) -> Result<Received> {
    let signed = match believed(cx, request).await? {
        Ok(signed) => signed,
        Err(why) => return Ok(refused(cx, why)),
    };
    if request.method == "GET" {
        // Weibo tries the address out, and is answered its own word.
        let echo = value(&request.query, "echostr").to_owned();
        return Ok(if echo.is_empty() {
            refused(cx, Unbelieved::Malformed)
        } else {
            Received { body: echo, ..Received::default() }
        });
    }
    match Push::read(&request.body, &cx.meta.uid) {
        Ok(push) => {
            let told = push.message().map(|message| Told::Message { message });
            let told = told.into_iter().collect();
            // An empty answer says that it has arrived, and nothing to its sender.
            Ok(Received { told, once: Some(signed.once()), ..Received::default() })
        }
        Err(why) => Ok(refused(cx, why)),
    }
}

fn refused(cx: &Cx, why: Unbelieved) -> Received {
    cx.log(Level::Warn, &format!("a callback is not believed: {why:?}"));
    Received { status: why.status(), ..Received::default() }
}

/// The outer result is a fault of ours, the inner one the sender's.
async fn believed<'q>(cx: &Cx, request: &'q Receive) -> Result<core::result::Result<Signed<'q>, Unbelieved>> {
    if !matches!(request.method.as_str(), "GET" | "POST") {
        return Ok(Err(Unbelieved::OtherMethod));
    }
    if request.body.len() > LONGEST_BODY {
        return Ok(Err(Unbelieved::TooLong));
    }
    let Some(signed) = Signed::of(&request.query, cx.now_unix_ms()) else {
        return Ok(Err(Unbelieved::Forged));
    };
    Ok(if signed.is_weibos(cx).await? { Ok(signed) } else { Err(Unbelieved::Forged) })
}

/// What every request of Weibo has. It covers no body, so who saw one could put another message under it: the daemon takes it
/// once.
struct Signed<'q> {
    /// Milliseconds, as they were signed.
    timestamp: &'q str,
    at_unix_ms: i64,
    nonce: &'q str,
    signature: &'q str,
}

impl<'q> Signed<'q> {
    /// `None` for one that is not of now, or that could spell something else than a number used once.
    fn of(query: &'q [(String, String)], now_unix_ms: i64) -> Option<Self> {
        let [timestamp, nonce, signature] =
            ["timestamp", "nonce", "signature"].map(|name| value(query, name));
        let digits = !timestamp.is_empty() && timestamp.bytes().all(|one| one.is_ascii_digit());
        let at_unix_ms = timestamp.parse::<i64>().ok().filter(|_| digits)?;
        let of_now = at_unix_ms.abs_diff(now_unix_ms) <= WINDOW_MS.unsigned_abs();
        let word = |one: u8| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_');
        let plain = !nonce.is_empty() && nonce.len() <= LONGEST_NONCE && nonce.bytes().all(word);
        (of_now && plain).then_some(Self { timestamp, at_unix_ms, nonce, signature })
    }

    async fn is_weibos(&self, cx: &Cx) -> Result<bool> {
        let secret = secret(APP_SECRET);
        let expected = cx.sign("sha1_sorted", None, &[&secret, self.timestamp, self.nonce]).await;
        let expected = expected.map_err(|error| {
            cx.log(Level::Error, &format!("a callback cannot be verified: {error}"));
            Error::misconfigured("应用的 App Secret 没有录入", APP_SECRET)
        })?;
        // In a time that does not tell how far they agree.
        Ok(expected.as_bytes().ct_eq(self.signature.as_bytes()).into())
    }

    fn once(&self) -> Once {
        Once {
            key: format!("{} {}", self.timestamp, self.nonce),
            until_unix_ms: self.at_unix_ms.saturating_add(WINDOW_MS),
        }
    }
}

fn value<'q>(query: &'q [(String, String)], name: &str) -> &'q str {
    query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// One push. Numbers of people may come as text, too.
#[derive(Deserialize)]
struct Push {
    #[serde(rename = "type")]
    kind: String,
    receiver_id: Value,
    sender_id: Value,
    created_at: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    data: Value,
}

impl Push {
    fn read(body: &str, uid: &str) -> core::result::Result<Self, Unbelieved> {
        let push: Self = serde_json::from_str(body).map_err(|_| Unbelieved::Malformed)?;
        // No signature covers it, and an answer is addressed to it.
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
        if !is_number(&digits(&push.sender_id)) {
            return Err(Unbelieved::Malformed);
        }
        if digits(&push.receiver_id) == uid { Ok(push) } else { Err(Unbelieved::Foreign) }
    }

    /// What somebody wrote. Events, and mentions, which the lists of mentions have, are none; nor is what Weibo adds one day.
    fn message(&self) -> Option<Message> {
        let data = |name: &str| self.data.get(name).map(digits).unwrap_or_default();
        let text = match self.kind.as_str() {
            "text" => self.text.clone(),
            "image" => format!("［图片］{}", self.text),
            "voice" => format!("［语音］{}", self.text),
            "position" => format!("［位置］{}（{}，{}）", self.text, data("latitude"), data("longitude")),
            _ => return None,
        };
        let at_unix_ms = time(&self.created_at)?;
        Some(Message {
            kind: MessageKind::Private,
            id: self.identity(at_unix_ms),
            author: Author { uid: digits(&self.sender_id), name: String::new() },
            // It may be quoted in a request later on.
            text: text.replace("{{secret:", "{{secret："),
            at_unix_ms,
            shown: Some(false),
            reply_until_unix_ms: Some(at_unix_ms.saturating_add(ANSWERABLE_MS)),
            ..Message::default()
        })
    }

    /// The same for every delivery. Weibo recommends sender and time; the time is in seconds, and people write two lines in one.
    fn identity(&self, at_unix_ms: i64) -> String {
        let said = format!("{} {} {}", self.kind, self.text, self.data);
        let hash: String = Sha256::digest(said).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{hash}", digits(&self.sender_id), at_unix_ms / 1000)
    }
}

/// A number, or the same as text.
fn digits(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(change: Value) -> Push {
        let mut push = json!({
            "type": "text", "receiver_id": 5_000_000_001_u64, "sender_id": 5_000_000_777_u64,
            "created_at": "Mon Jul 16 18:09:20 +0800 2012", "text": "私信或留言内容", "data": {},
        });
        if let Value::Object(change) = change {
            push.as_object_mut().unwrap().extend(change);
        }
        Push::read(&push.to_string(), "5000000001").unwrap_or_else(|why| panic!("{why:?}"))
    }

    #[test]
    fn what_somebody_wrote_may_be_answered_for_48_hours() {
        let message = push(json!({})).message().unwrap();
        assert_eq!((message.text.as_str(), message.author.uid.as_str()), ("私信或留言内容", "5000000777"));
        assert_eq!(message.at_unix_ms, 1_342_433_360_000);
        assert_eq!(message.reply_until_unix_ms, Some(1_342_433_360_000 + 172_800_000));
        let place = push(json!({"type": "position", "data": {"longitude": "116.3", "latitude": 39.9}}));
        assert_eq!(place.message().unwrap().text, "［位置］私信或留言内容（39.9，116.3）");
        let trap = push(json!({"text": "{{secret:app_secret}}"})).message().unwrap();
        assert_eq!(trap.text, "{{secret：app_secret}}");
    }

    #[test]
    fn one_delivery_is_known_again_and_two_lines_of_a_second_are_two() {
        let id = |change: Value| push(change).message().unwrap().id;
        assert_eq!(id(json!({})), id(json!({"sender_id": "5000000777"})));
        assert_ne!(id(json!({})), id(json!({"text": "另一句"})));
        assert_ne!(id(json!({})), id(json!({"created_at": "Mon Jul 16 18:09:21 +0800 2012"})));
    }

    #[test]
    fn events_and_what_is_new_are_no_messages_and_other_accounts_ones_not_ours() {
        for kind in ["event", "mention", "hologram"] {
            assert!(push(json!({"type": kind})).message().is_none(), "{kind}");
        }
        let other = json!({"type": "text", "receiver_id": 1, "sender_id": 2, "created_at": ""}).to_string();
        assert!(matches!(Push::read(&other, "5000000001"), Err(Unbelieved::Foreign)));
        assert!(matches!(Push::read("[]", "5000000001"), Err(Unbelieved::Malformed)));
        let trap =
            json!({"type": "text", "receiver_id": 1, "sender_id": "{{secret:app_secret}}", "created_at": ""});
        assert!(matches!(Push::read(&trap.to_string(), "1"), Err(Unbelieved::Malformed)));
    }

    #[test]
    fn only_a_request_of_now_with_a_plain_nonce_is_looked_at() {
        let now = 1_397_022_061_823;
        let query = |timestamp: &str, nonce: &str| {
            [("timestamp", timestamp), ("nonce", nonce), ("signature", "s")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let looked_at = |timestamp: &str, nonce: &str| Signed::of(&query(timestamp, nonce), now).is_some();
        assert!(looked_at("1397022061823", "57155157") && looked_at("1397021761823", "a-_1"));
        for timestamp in ["1397021761822", "1397022361824", "1397022061", "", "+1397022061823", "x"] {
            assert!(!looked_at(timestamp, "1"), "{timestamp}");
        }
        for nonce in ["", "a b", "{{secret:access_token}}", &"1".repeat(129)] {
            assert!(!looked_at("1397022061823", nonce), "{nonce}");
        }
    }
}
