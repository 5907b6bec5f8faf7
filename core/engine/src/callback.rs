//! What platforms send by themselves: the adapter says whether it believes a request, and only then is anything of it kept.
//!
//! A platform waits for five seconds and then tries again, three times in all. So the answer is given within four, whatever
//! the database does: what could not be kept by then is answered with 503, never with `success`, because the platform comes
//! again with what was not taken and never with what was. A commit that ends later than that does no harm: what comes again
//! is known by the table. Nothing waits for what follows from a message; the services are woken.

use std::time::Duration;

use jiff::Timestamp;
use juzhen_domain::hash::hex;
use juzhen_domain::id::AccountId;
use juzhen_domain::matrix::{Account, AccountStatus};
use juzhen_domain::notice;
use juzhen_host::message::{self, Received, Told, operation};
use juzhen_host::{Call, Failure};
use juzhen_store::{Push, PushOnce, Pushed};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::{Engine, interpret, said, send};

/// A request of a platform, as it came; its body is text.
#[derive(Debug, Clone, Default)]
pub struct CallbackRequest {
    /// Upper case.
    pub method: String,
    /// In the order of the address, decoded.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callback {
    /// There is no such account, or its platform sends nothing.
    Nowhere,
    /// It is the platform's, and what it told is kept.
    Believed { answer: CallbackAnswer, pushed: Pushed },
    /// It is not the platform's, or cannot be read; nothing is kept.
    Refused { status: u16 },
    /// It could not be looked at, or what it told could not be kept: the platform has to come again.
    NotNow,
}

/// What the platform is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackAnswer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

/// The adapter has this long, and from the first byte to the last of what is kept: this long.
const TO_BE_BELIEVED: Duration = Duration::from_millis(2500);
const TO_BE_KEPT: Duration = Duration::from_millis(3500);
/// A little more for a commit that is under way.
const TO_BE_ANSWERED: Duration = Duration::from_millis(4000);

impl Engine {
    /// A request of a platform to the address of one account. Answers within four seconds.
    pub async fn receive(&self, account: &AccountId, request: CallbackRequest) -> Callback {
        let began = tokio::time::Instant::now();
        let settings = self.settings();
        let known = settings.accounts.get(account).filter(|account| listens(self, account));
        let Some(account) = known else { return Callback::Nowhere };
        let reply = self.host().call(call(self, account, request)).await;
        let received = match interpret::received(&reply) {
            Ok(received) => received,
            Err(Failure::Adapter(error)) if error.kind.name() == "unsupported" => return Callback::Nowhere,
            Err(failure) => {
                warn!(account.id = %account.id, reason = interpret::told(&failure), "A callback could not be looked at");
                return Callback::NotNow;
            }
        };
        if !(200..300).contains(&received.status) {
            // Redirects and the like are no answer to a stranger.
            let status = if (400..600).contains(&received.status) { received.status } else { 400 };
            return Callback::Refused { status };
        }
        let Received { status, content_type, body, told, once } = received;
        let answer = CallbackAnswer { status, content_type, body };
        if told.is_empty() && once.is_none() {
            return Callback::Believed { answer, pushed: Pushed::Kept { new: 0, woken: 0 } };
        }
        let patience = TO_BE_KEPT.saturating_sub(began.elapsed());
        let push = push(self, &account.id, told, once, patience);
        let kept = tokio::time::timeout_at(began + TO_BE_ANSWERED, self.keep(push)).await;
        match kept {
            Ok(Some(pushed)) => Callback::Believed { answer, pushed },
            Ok(None) => Callback::NotNow,
            Err(_late) => {
                warn!(account.id = %account.id, "A callback could not be kept in the time that a platform waits");
                Callback::NotNow
            }
        }
    }

    /// `None` when it could not be kept.
    async fn keep(&self, push: Push) -> Option<Pushed> {
        let (account, tells) = (push.account.clone(), !push.notices.is_empty());
        let pushed = self.store().push(push).await;
        match pushed {
            Ok(Pushed::TooLate) => {
                warn!(account.id = %account, "A callback came to its turn later than a platform waits");
                return None;
            }
            Ok(Pushed::Kept { woken, .. }) => {
                let wakes = self.wakes();
                if woken > 0 {
                    wakes.track.notify_one();
                }
                if tells {
                    wakes.outbox.notify_one();
                }
            }
            Ok(Pushed::Repeated | Pushed::Replayed) => {}
            Err(ref error) => {
                warn!(account.id = %account, error = crate::with_causes(error), "A callback could not be kept");
            }
        }
        pushed.ok()
    }
}

/// An account that is closed has no address any more; readers of a suspended one go on writing.
fn listens(engine: &Engine, account: &Account) -> bool {
    account.status != AccountStatus::Closed
        && engine.host().manifest(&account.adapter).is_some_and(|m| m.offers(operation::RECEIVE))
}

fn call(engine: &Engine, account: &Account, request: CallbackRequest) -> Call {
    let CallbackRequest { method, query, headers, body } = request;
    let body = send::as_json(&message::Receive { method, query, headers, body });
    let key = format!("callback-{}", account.id);
    let call = send::reading_call(engine, account, operation::RECEIVE, body, key);
    Call { deadline: TO_BE_BELIEVED, ..call }
}

fn push(
    engine: &Engine,
    account: &AccountId,
    told: Vec<Told>,
    once: Option<message::Once>,
    patience: Duration,
) -> Push {
    let at = engine.now();
    let (mut messages, mut finished, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    for one in told {
        match one {
            Told::Finished { ticket, .. } if !ticket.is_empty() => finished.push(ticket),
            Told::Message { message } => messages.extend(said::new(engine, account, message)),
            Told::Notice { text } => {
                // The same words on the same day are the same news.
                let id = mark(&format!("{text} {}", at.as_second() / 86_400));
                notices.push(notice::of_platform(account.as_str(), &text, id.get(..16).unwrap_or_default()));
            }
            Told::Finished { .. } | Told::Other => {
                warn!(account.id = %account, "The adapter told something that this version does not know");
            }
        }
    }
    let once = once.map(|once| PushOnce {
        mark: mark(&once.key),
        keep_until: Timestamp::from_millisecond(once.until_unix_ms).unwrap_or(at),
    });
    Push { account: account.clone(), at, once, messages, finished, notices, patience }
}

fn mark(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}
