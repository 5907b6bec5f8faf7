//! What the platform pushes: verified, opened and told to the daemon, which knows again what has come before. Nothing is sent
//! from here, and the answer is the same short word whatever it was, because the platform waits for five seconds only.

mod event;
mod sealed;
mod signature;
mod xml;

use juzhen_sdk::prelude::*;

use self::event::Event;
use self::signature::Signed;
use crate::account::Mode;
use crate::account::{self, CallbackMode};
use crate::job;
use crate::ticket::Ticket;
use crate::track::{OF_THE_ADMINISTRATOR, Refusal, event_key};

/// A message is a few kilobytes; what is longer is not the platform's.
const LONGEST_BODY: usize = 64 << 10;
const TOKEN: &str = "callback_token";
const KEYS: [&str; 2] = ["callback_aes_key", "callback_aes_key_previous"];

/// Why a request is not believed, and what its sender is answered. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unbelieved {
    TooLong,
    Malformed,
    /// The signature is not the platform's, or too old or too new.
    Forged,
    /// Verified, and not for this account or not readable.
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
    match believed(cx, request).await? {
        Ok(received) => Ok(received),
        Err(why) => {
            cx.log(Level::Warn, &format!("a callback is not believed: {why:?}"));
            Ok(Received { status: why.status(), ..Received::default() })
        }
    }
}

/// The outer result is a fault of ours, the inner one the sender's.
type Believed<T> = Result<core::result::Result<T, Unbelieved>>;

async fn believed(cx: &Cx, request: &Receive) -> Believed<Received> {
    if request.body.len() > LONGEST_BODY {
        return Ok(Err(Unbelieved::TooLong));
    }
    let Some(signed) = Signed::of(&request.query, cx.now_unix_ms()) else {
        return Ok(Err(Unbelieved::Forged));
    };
    match request.method.as_str() {
        "GET" => verification(cx, request, &signed).await,
        "POST" => push(cx, request, &signed).await,
        _ => Ok(Err(Unbelieved::OtherMethod)),
    }
}

/// The platform tries out the address: it is answered its own word.
async fn verification(cx: &Cx, request: &Receive, signed: &Signed<'_>) -> Believed<Received> {
    if !signed.plainly(cx).await? {
        return Ok(Err(Unbelieved::Forged));
    }
    let echo = request.query.iter().find(|(name, _)| name == "echostr").map(|(_, value)| value.clone());
    Ok(echo.map(|body| Received { body, ..Received::default() }).ok_or(Unbelieved::Malformed))
}

async fn push(cx: &Cx, request: &Receive, signed: &Signed<'_>) -> Believed<Received> {
    let message = match account::callback_mode(cx)? {
        CallbackMode::Safe => opened(cx, &request.body, signed).await?,
        CallbackMode::Plain if signed.plainly(cx).await? => Ok(request.body.clone()),
        CallbackMode::Plain => Err(Unbelieved::Forged),
    };
    let message = match message {
        Ok(message) => message,
        Err(why) => return Ok(Err(why)),
    };
    let Some(event) = Event::read(&message) else { return Ok(Err(Unbelieved::Malformed)) };
    let told = tell(cx, event).await?;
    Ok(Ok(Received { body: "success".to_owned(), told, once: Some(signed.once()), ..Received::default() }))
}

/// The message of an encrypted push. Its own signature covers it; the other one does not.
async fn opened(cx: &Cx, body: &str, signed: &Signed<'_>) -> Believed<String> {
    let Some(sealed) = sealed::Sealed::read(body) else { return Ok(Err(Unbelieved::Malformed)) };
    if !signed.over(cx, sealed.text()).await? {
        return Ok(Err(Unbelieved::Forged));
    }
    let appid = account::appid(cx)?;
    for key in KEYS {
        // Of the two keys one may be missing; the platform uses the older one for a while after a change.
        let plain = match cx.decrypt("aes_256_cbc_own_iv", key, sealed.bytes()).await {
            Ok(plain) => plain,
            Err(error) if key == KEYS[0] => {
                cx.log(Level::Error, &format!("a callback cannot be opened: {error}"));
                return Err(Error::misconfigured("回调的 EncodingAESKey 没有录入或不正确", key));
            }
            Err(_missing) => continue,
        };
        if let Some(message) = sealed::message(&plain, appid) {
            return Ok(Ok(message.to_owned()));
        }
    }
    Ok(Err(Unbelieved::Foreign))
}

/// What it comes to, kept for `track` where it is about a post.
async fn tell(cx: &Cx, event: Event) -> Result<Vec<Told>> {
    let (mode, number, outcome) = match event {
        Event::Published { job, status, article, url } => {
            (Mode::Freepublish, job, job::published(status, article.as_deref(), url.as_deref()))
        }
        Event::Sent { job, status, url } => {
            let outcome = job::finished(&status, job, url.as_deref());
            if job::is_of_the_administrator(&status) {
                keep_refusal(cx, outcome.as_ref()).await?;
            }
            (Mode::Mass, job, outcome)
        }
        Event::Message(message) => return Ok(vec![Told::Message { message: *message }]),
        Event::Notice(text) => return Ok(vec![Told::Notice { text: text.to_owned() }]),
        Event::Other => return Ok(Vec::new()),
    };
    let Some(outcome) = outcome.filter(|outcome| !matches!(outcome, Tracked::Pending { .. })) else {
        cx.log(Level::Warn, &format!("job {number} finished in a way that is not known"));
        return Ok(Vec::new());
    };
    let kept = serde_json::to_vec(&outcome).map_err(|e| Error::bug(e.to_string()))?;
    cx.kv().set(&event_key(mode, number), &kept).await?;
    Ok(vec![Told::Finished { ticket: Ticket::of_job(mode, number), outcome }])
}

/// A mass send that waits for the administrator may have no number by which the event would be found.
async fn keep_refusal(cx: &Cx, outcome: Option<&Tracked>) -> Result<()> {
    let Some(Tracked::Refused { reason }) = outcome else { return Ok(()) };
    let refusal = Refusal { at_unix_ms: cx.now_unix_ms(), reason: reason.clone() };
    let kept = serde_json::to_vec(&refusal).map_err(|e| Error::bug(e.to_string()))?;
    cx.kv().set(OF_THE_ADMINISTRATOR, &kept).await
}
