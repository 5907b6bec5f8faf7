//! What Weibo pushes to an app: private messages and events of citizens, signed, and tried three times.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::shapes::{number, time};
use super::state::Contact;
use crate::courier;
use crate::world::{Shared, now_unix_ms};

const ATTEMPTS: u32 = 3;

/// Something that a citizen did.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    /// The office.
    pub(crate) uid: String,
    pub(crate) from: String,
    /// `text`, `event`, `mention`, `position`, `voice`, `image`
    pub(crate) kind: String,
    pub(crate) text: String,
    pub(crate) data: Value,
}

/// Where it goes, and with which secret it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) secret: String,
    /// So long a receiver may think; then Weibo hangs up. The next attempt begins when this time is over.
    pub(crate) patience: Duration,
    /// Sign with something else: what a forger would send.
    pub(crate) forged: bool,
}

/// Opens the window for answers, and pushes.
pub(crate) fn push(shared: &Arc<Shared>, happened: &Happened, target: Option<Target>) {
    let now = now_unix_ms();
    let subtype = happened.data.get("subtype").and_then(Value::as_str).unwrap_or_default();
    let left = match (happened.kind.as_str(), subtype) {
        // Nobody who has left may be written to.
        ("event", "unfollow" | "unsubscribe") => Some(0),
        ("mention", _) | ("event", "mention") => Some(1),
        _ => None,
    };
    let forged = target.as_ref().is_some_and(|target| target.forged);
    if !forged {
        let who = (happened.uid.clone(), happened.from.clone());
        shared.with(|world| world.weibo.contacts.insert(who, Contact { at: now, left }));
    }
    let Some(target) = target else { return };
    let body = json!({
        "type": happened.kind, "receiver_id": number(&happened.uid), "sender_id": number(&happened.from),
        "created_at": time(now), "text": happened.text, "data": happened.data,
    });
    let shared = shared.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = deliver(&target, &body, now) => {}
            () = shared.stop.cancelled() => {}
        }
    });
}

async fn deliver(target: &Target, body: &Value, now: i64) {
    let client = match courier::client(target.patience) {
        Ok(client) => client,
        Err(source) => return warn!(%source, "Nothing can be pushed"),
    };
    for attempt in 1..=ATTEMPTS {
        let began = Instant::now();
        match client.post(signed(target, now, attempt, &[])).json(body).send().await {
            Ok(answer) if answer.status().is_success() => {
                return debug!(url = target.url, attempt, "Pushed");
            }
            Ok(answer) => {
                let status = answer.status().as_u16();
                debug!(url = target.url, attempt, status, "Pushed in vain");
            }
            Err(source) => debug!(url = target.url, attempt, %source, "Pushed in vain"),
        }
        if attempt < ATTEMPTS {
            sleep_until(began + target.patience).await;
        }
    }
    warn!(url = target.url, ATTEMPTS, "What was pushed was not taken");
}

/// Asks a receiver to prove itself, as when its address is entered on Weibo's page: true if it gives `echostr` back.
pub(crate) async fn verify(target: &Target) -> bool {
    let now = now_unix_ms();
    let echo = (now.unsigned_abs().wrapping_mul(7_919) % 999_999_937).to_string();
    let Ok(client) = courier::client(target.patience) else { return false };
    let Ok(answer) = client.get(signed(target, now, 0, &[("echostr", &echo)])).send().await else {
        return false;
    };
    answer.status().as_u16() == 200 && answer.text().await.is_ok_and(|text| text == echo)
}

/// The address with `signature`, `timestamp` (milliseconds) and `nonce`.
fn signed(target: &Target, now: i64, attempt: u32, more: &[(&str, &str)]) -> String {
    let (timestamp, nonce) =
        (now.to_string(), (now.unsigned_abs() % 99_999_989 + u64::from(attempt)).to_string());
    let secret = if target.forged { "forged" } else { &target.secret };
    let signature = signature(secret, &timestamp, &nonce);
    let pairs = [("signature", signature.as_str()), ("timestamp", &timestamp), ("nonce", &nonce)];
    courier::address(&target.url, &[&pairs, more].concat())
}

/// SHA-1 over the three in order of their bytes, as hexadecimal digits.
pub(crate) fn signature(secret: &str, timestamp: &str, nonce: &str) -> String {
    let mut parts = [secret, timestamp, nonce];
    parts.sort_unstable();
    Sha1::digest(parts.concat().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_signature_is_that_of_the_documentation() {
        let signed = signature("xyz123xyz", "1397022061823", "57155157");
        assert_eq!(signed, "90e4c22c90a58f26526c2dd5b6c56c8822edeaa1");
    }
}
