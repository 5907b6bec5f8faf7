//! Messages and events on their way to an account's callback: built, signed, encrypted, delivered up to three times.

pub(crate) mod crypto;
mod reply;
pub(crate) mod xml;

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::ids::mixed;
use super::settings::{AccountSeed, CallbackMode, CallbackSeed};
use super::state::{Push, PushOutcome};
use crate::courier;
use crate::world::{Shared, World};
use crypto::{SafeKey, signature};
use reply::Answer;

/// Deliveries of one message.
const MOST_TRIES: u32 = 3;
/// Bytes of an answer that are read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Pushes an event of the platform, so often as the account's `copies` says.
pub(crate) fn event(world: &mut World, shared: &Arc<Shared>, appid: &str, name: &str, info: &str) {
    let copies = world
        .wechat
        .account(appid)
        .and_then(|account| account.settings.callback.as_ref())
        .map_or(0, |callback| callback.copies);
    let mut special = String::new();
    xml::cdata(&mut special, "Event", name);
    special.push_str(info);
    let from = format!("o{}", world.wechat.ids.text(27));
    let at = world.wechat.now() / 1_000;
    for _ in 0..copies {
        message(world, shared, appid, name, Inbound { openid: &from, at, kind: "event", special: &special });
    }
}

/// What is pushed.
#[derive(Clone, Copy)]
pub(crate) struct Inbound<'a> {
    pub(crate) openid: &'a str,
    /// Unix seconds.
    pub(crate) at: i64,
    /// `MsgType`
    pub(crate) kind: &'a str,
    /// The elements that only this kind has.
    pub(crate) special: &'a str,
}

/// Pushes a message; an account without a callback gets none.
pub(crate) fn message(
    world: &mut World,
    shared: &Arc<Shared>,
    appid: &str,
    what: &str,
    inbound: Inbound<'_>,
) {
    let Some(account) = world.wechat.account_mut(appid) else { return };
    let Some(callback) = account.settings.callback.clone() else { return };
    let Inbound { openid, at, kind, special } = inbound;
    let settings = account.settings.clone();
    let xml = xml::message(&settings.original_id, openid, at, kind, special);
    let place = account.pushes.len();
    account.pushes.push(Push { what: what.to_owned(), tries: 0, outcome: PushOutcome::UnderWay });
    let delivery = Delivery { settings, callback, openid: openid.to_owned(), xml };
    let (shared, generation) = (shared.clone(), world.generation);
    tokio::spawn(async move {
        tokio::select! {
            () = delivery.run(&shared, generation, place) => {}
            () = shared.stop.cancelled() => {}
        }
    });
}

struct Delivery {
    settings: AccountSeed,
    callback: CallbackSeed,
    openid: String,
    xml: String,
}

impl Delivery {
    async fn run(&self, shared: &Arc<Shared>, generation: u64, place: usize) {
        let patience = Duration::from_millis(self.callback.patience_ms);
        let client = match courier::client(patience) {
            Ok(client) => client,
            Err(source) => return debug!(%source, "No client for a callback"),
        };
        for tries in 1..=MOST_TRIES {
            let began = tokio::time::Instant::now();
            let answer = self.try_once(&client).await;
            let last = tries == MOST_TRIES;
            let outcome = match &answer {
                Some(answer) => answer.outcome(),
                None if last => PushOutcome::Unanswered,
                None => PushOutcome::UnderWay,
            };
            shared.with(|world| {
                if world.generation == generation {
                    note(world, &self.settings.appid, place, tries, outcome);
                    reply::keep(world, &self.settings.appid, answer);
                }
            });
            if outcome != PushOutcome::UnderWay {
                return;
            }
            // A refused connection is no answer, either: the platform comes back when its time is over.
            tokio::time::sleep_until(began + patience).await;
        }
    }

    /// One delivery; `None`: no answer in time.
    async fn try_once(&self, client: &reqwest::Client) -> Option<Answer> {
        let (url, body, timestamp, nonce) = self.request();
        let sent = client.post(url).header("content-type", "text/xml").body(body).send().await;
        let response = sent.ok()?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.ok()?;
        let text = bytes.get(..bytes.len().min(LONGEST_ANSWER)).unwrap_or_default();
        let text = String::from_utf8_lossy(text).into_owned();
        debug!(status, timestamp, nonce, "A callback answered");
        Some(reply::read(&self.settings, &self.callback, status, &text))
    }

    /// Address and body, both new for each delivery, as timestamp and nonce are.
    fn request(&self) -> (String, String, i64, String) {
        let (drawn, timestamp) = (mixed(entropy()), jiff::Timestamp::now().as_second());
        let nonce = (drawn % 1_999_999_999).to_string();
        let CallbackSeed { url, token, mode, .. } = &self.callback;
        let stamp = timestamp.to_string();
        let signed = signature(&[token, &stamp, &nonce]);
        let pairs = [
            ("signature", signed.as_str()),
            ("timestamp", &stamp),
            ("nonce", &nonce),
            ("openid", &self.openid),
        ];
        let url = courier::address(url, &pairs);
        let key = SafeKey::read(&self.callback.encoding_aes_key).filter(|_| *mode != CallbackMode::Plain);
        let Some(key) = key else { return (url, self.xml.clone(), timestamp, nonce) };
        let random = format!("{:016x}", mixed(drawn));
        let random = random.as_bytes().first_chunk().copied().unwrap_or_default();
        let encrypt = key.seal(random, self.xml.as_bytes(), &self.settings.appid);
        let signed = signature(&[token, &stamp, &nonce, &encrypt]);
        let url = courier::address(&url, &[("encrypt_type", "aes"), ("msg_signature", &signed)]);
        (url, enveloped(*mode, &self.settings.original_id, &self.xml, &encrypt), timestamp, nonce)
    }
}

/// The body of an encrypted push; in compatible mode the clear message stays beside it.
fn enveloped(mode: CallbackMode, original_id: &str, clear: &str, encrypt: &str) -> String {
    let mut body = match mode {
        CallbackMode::Compatible => clear.strip_suffix("</xml>").unwrap_or(clear).to_owned(),
        CallbackMode::Plain | CallbackMode::Safe => {
            let mut body = "<xml>".to_owned();
            xml::cdata(&mut body, "ToUserName", original_id);
            body
        }
    };
    xml::cdata(&mut body, "Encrypt", encrypt);
    body + "</xml>"
}

/// Asks a callback to prove itself, as when the address is entered on the platform's page: true if it gives `echostr` back.
pub(crate) async fn verify(settings: &AccountSeed) -> bool {
    let Some(callback) = &settings.callback else { return false };
    let Ok(client) = courier::client(Duration::from_millis(callback.patience_ms)) else { return false };
    let drawn = mixed(entropy());
    let (stamp, nonce) =
        (jiff::Timestamp::now().as_second().to_string(), (drawn % 1_999_999_999).to_string());
    let signed = signature(&[&callback.token, &stamp, &nonce]);
    let echo = mixed(drawn).to_string();
    let pairs =
        [("signature", signed.as_str()), ("timestamp", &stamp), ("nonce", &nonce), ("echostr", &echo)];
    let url = courier::address(&callback.url, &pairs);
    let Ok(response) = client.get(url).send().await else { return false };
    response.status().as_u16() == 200 && response.text().await.is_ok_and(|text| text == echo)
}

fn note(world: &mut World, appid: &str, place: usize, tries: u32, outcome: PushOutcome) {
    let account = world.wechat.account_mut(appid);
    if let Some(push) = account.and_then(|account| account.pushes.get_mut(place)) {
        push.tries = tries;
        push.outcome = outcome;
    }
}

/// A number that no earlier push had.
fn entropy() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};

    static PUSHED: AtomicU64 = AtomicU64::new(0);
    let now = u64::try_from(crate::world::now_unix_ms()).unwrap_or_default();
    mixed(now) ^ PUSHED.fetch_add(1, Ordering::Relaxed)
}
